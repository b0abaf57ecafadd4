"""The classifiers that are trained on every arm: logistic regression on TF-IDF words and on embeddings, and the user's.

They see every text of a row (`text_features`): of a pair also what its texts share and in what they differ.

Words are unigrams: with five seeds a label of banking77 macro-F1 is .59, against .54 with bigrams as well; elsewhere
the two are equal (development rows: eval/README.md).

The classifiers are scikit-learn's. Their predictions are cached by content: the same training rows, weights and
predicted rows give the stored result. Rows are indices into one pool, so that each text is counted and embedded once.

Features are multiplied by 4 and C is divided by 16, and the mean of the vectors is subtracted: the solution is the same
(the intercept is not regularized), and the solver needs half the steps.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textsynth.evaluate.metrics import Float32Array, FloatArray, IntArray
from textsynth.evaluate.own_classifier import OwnClassifier, row_copies
from textsynth.similarity.text_features import WordCounts, text_vectors

if TYPE_CHECKING:
    from textsynth.similarity.embedder import VectorStore

ClassifierName = str
"""`words`, `embeddings`, or the file name of a classifier of the user's own."""
CLASSIFIERS: tuple[ClassifierName, ...] = ("words", "embeddings")
# Chosen on held-out rows of the training files of banking77, trec and parrot_crowdflower: eval/README.md.
INVERSE_STRENGTH: dict[ClassifierName, float] = {"words": 30.0, "embeddings": 10.0}
TOLERANCE = 1e-4
MAX_STEPS = 300
SCALE = 4.0
REVISION = 4  # part of every cache key: raise it when predictions change


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Rows of the pool with their targets and sample weights.

    `targets` are label codes (n,), or a 0/1 array (n, labels) where a text may have several labels.
    """

    rows: IntArray
    targets: IntArray
    weights: FloatArray

    def reweighted(self, factors: FloatArray) -> TrainingSet:
        """Return the same rows with each weight multiplied by its factor."""
        return TrainingSet(self.rows, self.targets, self.weights * factors)


class Classifiers:
    """Trains the classifiers on rows of one pool and predicts other rows of it.

    `texts` are the texts of each row, the same number for every row. With `multi_label` one binary classifier a label
    is trained. `embed` returns the unit vectors of n texts, (n, dim);
    `embedder` names the model behind it, as a part of the cache keys. `own` is a classifier of the user's own, and
    `label_names` are the labels in the order of their codes, which only that classifier needs.
    """

    def __init__(
        self,
        texts: Sequence[Sequence[str]],
        labels: int,
        *,
        multi_label: bool,
        embed: Callable[[Sequence[str]], Float32Array],
        embedder: str,
        cache: VectorStore,
        own: OwnClassifier | None = None,
        label_names: Sequence[str] = (),
    ) -> None:
        self._texts = texts
        self._labels = labels
        self._multi_label = multi_label
        self._embed = embed
        self._salt = f"{REVISION} {embedder} {labels} {multi_label}"
        self._cache = cache
        self._own = own
        self._label_names = label_names
        self._counts: WordCounts | None = None
        self._vectors: Float32Array | None = None
        digests = b"".join(map(_digest, texts))
        self._digests = np.frombuffer(digests, np.uint8).reshape(len(texts), 32)

    @property
    def vectors(self) -> Float32Array:
        """The vectors of all rows of the pool: the unit vectors of their texts, (rows, dim), for one text each."""
        if self._vectors is None:
            self._vectors = text_vectors(self._texts, self._embed)
        return self._vectors

    def probabilities(
        self, classifier: ClassifierName, training_sets: Sequence[TrainingSet], rows: IntArray
    ) -> list[Float32Array]:
        """Return for each training set the probability of every label for `rows`, (rows, labels).

        Consecutive training sets with the same rows are fitted with a warm start, which is much faster: pass the
        variants of one arm together. A label without a training row has the probability 0.
        """
        values = self._cached(classifier, training_sets, rows, b"", np.asarray)
        return [np.frombuffer(value, np.float32).reshape(len(rows), self._labels) for value in values]

    def predictions(
        self, classifier: ClassifierName, training_sets: Sequence[TrainingSet], rows: IntArray
    ) -> list[IntArray]:
        """Return for each training set the code of the most probable label (ties: the first) for `rows`, (rows,).

        The same as from `probabilities`, but the cache holds one code a row instead of all probabilities: a hundredth
        of the space. Those of a classifier of the user's own are not cached.
        """
        if self._own is not None and classifier == self._own.name:
            return [self._own_predictions(self._own, training_set, rows) for training_set in training_sets]
        values = self._cached(classifier, training_sets, rows, b"best", _most_probable)
        return [np.frombuffer(value, np.uint16).astype(np.int64) for value in values]

    def _own_predictions(self, own: OwnClassifier, training_set: TrainingSet, rows: IntArray) -> IntArray:
        copies = row_copies(training_set.weights)
        train, targets = np.repeat(training_set.rows, copies), np.repeat(training_set.targets, copies)
        train_texts, texts = ([tuple(self._texts[row]) for row in part] for part in (train, rows))
        return own.predictions(train_texts, targets, texts, self._label_names)

    def _cached(
        self,
        classifier: ClassifierName,
        training_sets: Sequence[TrainingSet],
        rows: IntArray,
        key_prefix: bytes,
        encode: Callable[[Float32Array], NDArray[Any]],
    ) -> list[bytes]:
        """Return for each training set its encoded probabilities, from the cache where it has them."""
        keys = [key_prefix + self._key(classifier, training_set, rows) for training_set in training_sets]
        cached = self._cache.get(keys)
        missing = [index for index, key in enumerate(keys) if key not in cached]
        if missing:
            fitted = self._fit_and_predict(classifier, [training_sets[index] for index in missing], rows)
            computed = {keys[index]: encode(scores).tobytes() for index, scores in zip(missing, fitted, strict=True)}
            self._cache.put(computed)
            cached |= computed
        return [cached[key] for key in keys]

    def _fit_and_predict(
        self, classifier: ClassifierName, training_sets: Sequence[TrainingSet], rows: IntArray
    ) -> list[Float32Array]:
        results: list[Float32Array] = []
        model, train_rows = None, None
        for training_set in training_sets:
            used = training_set.weights > 0
            training_set = TrainingSet(training_set.rows[used], training_set.targets[used], training_set.weights[used])
            if train_rows is None or not np.array_equal(train_rows, training_set.rows):
                train_rows, model = training_set.rows, None
                train_features, features = self._features(classifier, train_rows, rows)
            model = model or self._new_model(classifier)
            results.append(self._fit_and_predict_one(model, train_features, training_set, features))
        return results

    def _features(self, classifier: ClassifierName, train_rows: IntArray, rows: IntArray) -> tuple[Any, Any]:
        if classifier == "embeddings":
            mean = self.vectors[train_rows].mean(axis=0)
            return (self.vectors[train_rows] - mean) * SCALE, (self.vectors[rows] - mean) * SCALE
        if self._counts is None:
            self._counts = WordCounts(self._texts)
        train, test = self._counts.features(train_rows, rows)
        return train * SCALE, test * SCALE

    def _new_model(self, classifier: ClassifierName) -> Any:  # noqa: ANN401 — scikit-learn has no types
        """Return an unfitted classifier, or a list of one for each label."""
        from sklearn.linear_model import LogisticRegression

        def regression() -> Any:  # noqa: ANN401
            return LogisticRegression(
                C=INVERSE_STRENGTH[classifier] / SCALE**2, max_iter=MAX_STEPS, tol=TOLERANCE, warm_start=True
            )

        return [regression() for _ in range(self._labels)] if self._multi_label else regression()

    def _fit_and_predict_one(
        self,
        model: Any,  # noqa: ANN401
        train_features: Any,  # noqa: ANN401
        training_set: TrainingSet,
        features: Any,  # noqa: ANN401
    ) -> Float32Array:
        probabilities = np.zeros((features.shape[0], self._labels), np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not self._multi_label:
                trained_labels = np.unique(training_set.targets)
                if len(trained_labels) == 1:
                    probabilities[:, trained_labels[0]] = 1.0
                    return probabilities
                model.fit(train_features, training_set.targets, sample_weight=training_set.weights)
                probabilities[:, model.classes_] = model.predict_proba(features)
                return probabilities
            for label, label_model in enumerate(model):
                label_targets = training_set.targets[:, label]
                if label_targets.min() == label_targets.max():
                    probabilities[:, label] = label_targets[0]
                    continue
                label_model.fit(train_features, label_targets, sample_weight=training_set.weights)
                probabilities[:, label] = label_model.predict_proba(features)[:, 1]
        return probabilities

    def _key(self, classifier: ClassifierName, training_set: TrainingSet, rows: IntArray) -> bytes:
        digest = hashlib.sha256(f"{self._salt} {classifier} {INVERSE_STRENGTH[classifier]}".encode())
        texts = self._digests
        for part in (texts[training_set.rows], training_set.targets, training_set.weights, texts[rows]):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.digest()


def _most_probable(probabilities: Float32Array) -> NDArray[np.uint16]:
    return np.asarray(probabilities.argmax(axis=1), np.uint16)


def _digest(texts: Sequence[str]) -> bytes:
    """Return the sha256 of a text; of several texts that of their digests."""
    digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()
