"""The two classifiers that judge training data, each with logistic regression: TF-IDF words and sentence embeddings.

Single words, no pairs of them: with five seeds a label of banking77 macro-F1 is .59 against .54 with pairs, elsewhere
the same (development rows: eval/README.md).

Both are scikit-learn's. What they were asked once is kept by content: the same training rows, weights and questions
give the stored answer. Rows are named by their place in one pool of texts, so that none is counted or embedded twice.

Features are multiplied by 4 and C divided by 16, and vectors are taken from their mean: the solution is the same (the
intercept is free), the solver needs half the steps.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from textsynth.similarity.embedder import VectorStore

Kind = Literal["words", "embeddings"]
KINDS: tuple[Kind, ...] = ("words", "embeddings")
# chosen on held-out rows of the training files of banking77, trec and parrot_crowdflower: eval/README.md
INVERSE_STRENGTH: dict[Kind, float] = {"words": 30.0, "embeddings": 10.0}
TOLERANCE = 1e-4
MAX_STEPS = 300
SCALE = 4.0
REVISION = 4

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Training:
    """What a classifier learns from: rows of the pool, their targets, and a weight each.

    `targets` are codes (n,) of the labels, or for several labels a text a 0/1 array (n, labels).
    """

    rows: Codes
    targets: Codes
    weights: Floats

    def weighted(self, factors: Floats) -> Training:
        """Return the same rows with each weight multiplied by its factor."""
        return Training(self.rows, self.targets, self.weights * factors)


class Classifiers:
    """Trains and asks both classifiers over one pool of texts.

    `many` says that a text may have several labels: then one classifier a label is trained.
    """

    def __init__(
        self,
        texts: Sequence[str],
        labels: int,
        *,
        multi_label: bool,
        embed: Callable[[Sequence[str]], Scores],
        embedder: str,
        memory: VectorStore,
    ) -> None:
        self._texts = texts
        self._labels = labels
        self._many = multi_label
        self._embed = embed
        self._salt = f"{REVISION} {embedder} {labels} {multi_label}"
        self._memory = memory
        self._counts: Any = None
        self._vectors: Scores | None = None
        digests = b"".join(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts)
        self._digests = np.frombuffer(digests, np.uint8).reshape(len(texts), 32)

    @property
    def vectors(self) -> Scores:
        """The unit vectors of all texts of the pool, (texts, dim)."""
        if self._vectors is None:
            self._vectors = self._embed(self._texts)
        return self._vectors

    def scores(self, kind: Kind, trainings: Sequence[Training], asked: Codes) -> list[Scores]:
        """Return for each training the chances of every label for the rows `asked`, (asked, labels), float32.

        Trainings that share their rows are learnt one from the other, which is much faster: give variants of one arm
        together. A label without a training row has the chance 0.
        """
        kept = self._kept(kind, trainings, asked, b"", np.asarray)
        return [np.frombuffer(one, np.float32).reshape(len(asked), self._labels) for one in kept]

    def best(self, kind: Kind, trainings: Sequence[Training], asked: Codes) -> list[Codes]:
        """Return for each training the code of the likeliest label (ties: the first) for the rows `asked`, (asked,).

        The same as from `scores`, but a label a row is kept instead of all chances: a hundredth of the space.
        """
        kept = self._kept(kind, trainings, asked, b"best", _codes)
        return [np.frombuffer(one, np.uint16).astype(np.int64) for one in kept]

    def _kept(
        self,
        kind: Kind,
        trainings: Sequence[Training],
        asked: Codes,
        mark: bytes,
        form: Callable[[Scores], NDArray[Any]],
    ) -> list[bytes]:
        """Return for each training its scores in the given form, as kept under `mark` and its key."""
        keys = [mark + self._key(kind, training, asked) for training in trainings]
        kept = self._memory.get(keys)
        missing = [place for place, key in enumerate(keys) if key not in kept]
        if missing:
            fitted = self._fit(kind, [trainings[place] for place in missing], asked)
            found = {keys[place]: form(scores).tobytes() for place, scores in zip(missing, fitted, strict=True)}
            self._memory.put(found)
            kept |= found
        return [kept[key] for key in keys]

    def _fit(self, kind: Kind, trainings: Sequence[Training], asked: Codes) -> list[Scores]:
        found: list[Scores] = []
        learner, rows = None, None
        for training in trainings:
            used = training.weights > 0
            training = Training(training.rows[used], training.targets[used], training.weights[used])
            if rows is None or not np.array_equal(rows, training.rows):
                rows, learner = training.rows, None
                train, test = self._features(kind, rows, asked)
            learner = learner or self._learner(kind)
            found.append(self._ask(learner, train, training, test))
        return found

    def _features(self, kind: Kind, rows: Codes, asked: Codes) -> tuple[Any, Any]:
        if kind == "embeddings":
            middle = self.vectors[rows].mean(axis=0)
            return (self.vectors[rows] - middle) * SCALE, (self.vectors[asked] - middle) * SCALE
        train, test = weigh_words(self._word_counts()[rows], self._word_counts()[asked])
        return train * SCALE, test * SCALE

    def _word_counts(self) -> csr_matrix:
        if self._counts is None:
            from sklearn.feature_extraction.text import CountVectorizer

            counter = CountVectorizer(token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
            self._counts = counter.fit_transform(self._texts).tocsr()
        return self._counts

    def _learner(self, kind: Kind) -> Any:  # noqa: ANN401 — scikit-learn has no types
        from sklearn.linear_model import LogisticRegression

        def one() -> Any:  # noqa: ANN401
            return LogisticRegression(
                C=INVERSE_STRENGTH[kind] / SCALE**2, max_iter=MAX_STEPS, tol=TOLERANCE, warm_start=True
            )

        return [one() for _ in range(self._labels)] if self._many else one()

    def _ask(self, learner: Any, train: Any, training: Training, test: Any) -> Scores:  # noqa: ANN401
        scores = np.zeros((test.shape[0], self._labels), np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not self._many:
                known = np.unique(training.targets)
                if len(known) == 1:
                    scores[:, known[0]] = 1.0
                    return scores
                learner.fit(train, training.targets, sample_weight=training.weights)
                scores[:, learner.classes_] = learner.predict_proba(test)
                return scores
            for label, single in enumerate(learner):
                own = training.targets[:, label]
                if own.min() == own.max():
                    scores[:, label] = own[0]
                    continue
                single.fit(train, own, sample_weight=training.weights)
                scores[:, label] = single.predict_proba(test)[:, 1]
        return scores

    def _key(self, kind: Kind, training: Training, asked: Codes) -> bytes:
        told = hashlib.sha256(f"{self._salt} {kind} {INVERSE_STRENGTH[kind]}".encode())
        for part in (self._digests[training.rows], training.targets, training.weights, self._digests[asked]):
            told.update(np.ascontiguousarray(part).tobytes())
        return told.digest()


def _codes(scores: Scores) -> NDArray[np.uint16]:
    return np.asarray(scores.argmax(axis=1), np.uint16)


def weigh_words(train: csr_matrix, test: csr_matrix) -> tuple[csr_matrix, csr_matrix]:
    """Return TF-IDF features of counts: words of the training rows only, 1 + log of counts, smooth IDF, unit length.

    The same as scikit-learn's TfidfVectorizer(sublinear_tf=True) fitted on the training rows.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    seen = np.flatnonzero(train.getnnz(axis=0))
    transformer = TfidfTransformer(sublinear_tf=True)
    return transformer.fit_transform(train[:, seen]), transformer.transform(test[:, seen])
