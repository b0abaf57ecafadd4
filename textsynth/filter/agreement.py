"""Drops a text if a classifier trained on the seeds contradicts its label.

The classifier is logistic regression on the embeddings of the seeds (C = 30). Its probabilities are divided by the
number of seeds of each label, so that labels with few seeds are not at a disadvantage (logit adjustment, Menon et al.
2021). It is cross-fitted: each text is checked by a classifier that was not trained on the seeds of the fold that the
text's prompt showed, so a text that is close to a shown seed gains nothing from it. Labels with fewer than four seeds
have one fold only; every classifier is trained on them.

With `multi_label: true` there is one binary classifier for each label, in which the seeds with the label weigh as much
as those without it. Each label of a text must agree: fewer than `top_k` labels that the text does not have are more
probable, and the probability reaches `min_confidence`. The score is the lowest probability of the text's labels.

Of eleven methods to select generated texts, measured on real data sets, agreement with a classifier trained on the
seeds was the only one that helped on all of them. Accuracy of the classifier on banking77 (77 labels, five seeds each,
2,500 real questions): 81 % with all seeds, 73 % and 68 % with the folds of three and two; top-2 accuracy 89, 84 and
80 %, so `top_k: 2` suits many similar labels. Any C from 10 to 300 gives the same accuracy; with 30 the confidence is
too low by less than with 10. A nearest-centroid classifier has 78, 71 and 65 %.

Does not catch: texts with a wrong label whose embedding is close to that label's seeds. It prefers texts close to the
seeds, so it also drops correct texts that are unlike all seeds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from textsynth.core.errors import require_extra
from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.core.seed_folds import assign_folds
from textsynth.similarity.embedder import require_embeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.linear_model import LogisticRegression

C = 30.0
"""Inverse strength of the L2 regularization, as scikit-learn defines it."""
NO_FOLD = -1
"""In place of a fold: the classifier trained on the seeds of all folds."""


class Agreement(Filter):
    """Keeps texts whose labels are among the top choices of a classifier trained on the seeds."""

    label_confidence: ClassVar[bool] = True
    embeds: ClassVar[bool] = True

    source: SourceName = Field(default="seeds", description="the labelled seeds that the classifier is trained on")
    top_k: int = Field(
        default=1,
        ge=1,
        description="the text's label must be among the top_k most probable labels; of several labels each",
    )
    min_confidence: float = Field(
        default=0.0, ge=0, le=1, description="minimum probability of each label of the text, 0 to 1; 0 for no minimum"
    )

    def check_dependencies(self) -> None:
        """Raise MissingExtra where the packages for embeddings or the classifier are not installed."""
        require_embeddings("the filter agreement")
        require_extra("embed", "sklearn", why="the filter agreement")

    def start(self, context: Context) -> AgreementSession:
        """Return the filter's session. The classifiers are trained when they are first needed."""
        return AgreementSession(self, context)

    def start_without(self, context: Context, seed_ids: frozenset[str]) -> AgreementSession:
        """Return a session whose classifiers are not trained on these seeds. The folds of the others do not change."""
        return AgreementSession(self, context, seed_ids)


class AgreementSession:
    """Checks labels with one classifier for each fold of the seeds. Accepted texts do not change it."""

    def __init__(self, step: Agreement, context: Context, held_out: frozenset[str] = frozenset()) -> None:
        """`held_out` are ids of seeds that no classifier is trained on. They do not change the folds of the others."""
        self._step = step
        self._context = context
        self._held_out = held_out
        self._seeds = [seed for seed in context.sources[step.source] if seed.label is not None]
        self._folds = assign_folds(self._seeds)
        self._classifiers: dict[int, _Classifier | _BinaryClassifiers | None] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return verdicts whose score is the probability of the label; None where no label of the record has seeds.

        Of several labels the score is the lowest probability.
        """
        by_fold: dict[int, list[int]] = {}
        for index, record in enumerate(records):
            by_fold.setdefault(self._fold_shown(record), []).append(index)
        verdicts: list[Verdict | None] = [None] * len(records)
        vectors = self._context.embed([record.text for record in records])
        for fold, indices in sorted(by_fold.items()):
            classifier = self._classifier_without(fold)
            if classifier is None:
                continue
            for index, row in zip(indices, classifier.probabilities(vectors[indices]), strict=True):
                verdicts[index] = self._verdict(records[index], classifier.labels, row)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _fold_shown(self, record: Record) -> int:
        """Return the fold of the seeds that the text was made from; NO_FOLD for none or several folds."""
        seed_ids = (*record.provenance.example_ids, *record.provenance.parent_ids)
        folds = {self._folds[seed_id] for seed_id in seed_ids if seed_id in self._folds}
        return folds.pop() if len(folds) == 1 else NO_FOLD

    def _classifier_without(self, fold: int) -> _Classifier | _BinaryClassifiers | None:
        """Return the classifier that was not trained on a fold; None where fewer than two labels have seeds."""
        if fold not in self._classifiers:
            self._classifiers[fold] = self._train_without(fold)
        return self._classifiers[fold]

    def _train_without(self, fold: int) -> _Classifier | _BinaryClassifiers | None:
        require_extra("embed", "sklearn", why="the filter agreement")
        split_labels = {seed.labels for seed in self._seeds if self._folds[seed.id] == 1}
        training_seeds = [
            seed
            for seed in self._seeds
            if seed.id not in self._held_out
            and (fold == NO_FOLD or self._folds[seed.id] != fold or seed.labels not in split_labels)
        ]
        if len({label for seed in training_seeds for label in seed.labels}) < 2:
            return None
        vectors = self._context.embed([seed.text for seed in self._seeds])
        rows = {seed.id: row for row, seed in enumerate(self._seeds)}
        training_vectors = vectors[[rows[seed.id] for seed in training_seeds]]
        if self._context.multi_label:
            return _BinaryClassifiers(training_vectors, [seed.labels for seed in training_seeds])
        return _Classifier(training_vectors, [seed.label or "" for seed in training_seeds])

    def _verdict(self, record: Record, classes: list[str], probabilities: NDArray[np.float64]) -> Verdict | None:
        indices = [classes.index(label) for label in record.labels if label in classes]
        if not indices:
            return None
        # Each label must be more probable than all but a few of the labels that the text does not have.
        own = min(float(probabilities[index]) for index in indices)
        score = round(own, 4)
        more_probable = int((probabilities > own).sum()) - sum(float(probabilities[index]) > own for index in indices)
        if more_probable >= self._step.top_k:
            first = int(probabilities.argmax())
            if first in indices:
                others = [index for index in range(len(classes)) if index not in indices]
                first = max(others, key=probabilities.__getitem__)
            reason = f"the seeds' classifier puts another label first: {classes[first]}"
            return Verdict(reason, score, round(float(probabilities[first]), 4))
        if own < self._step.min_confidence:
            reason = "the seeds' classifier gives the label too little probability"
            return Verdict(reason, score, self._step.min_confidence)
        return Verdict(None, score)


class _Classifier:
    """Logistic regression on the vectors of seeds. `labels` is the order of its probabilities."""

    def __init__(self, vectors: NDArray[np.float32], labels: Sequence[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sklearn.linear_model import LogisticRegression

            self._model = LogisticRegression(C=C, max_iter=1000).fit(vectors, labels)
        self.labels: list[str] = list(self._model.classes_)
        self._seed_counts = [labels.count(label) for label in self.labels]

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probabilities of all labels, (n, labels), as if each label had the same number of seeds."""
        import numpy as np

        weights = np.asarray(self._model.predict_proba(vectors) / self._seed_counts, np.float64)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


class _BinaryClassifiers:
    """One logistic regression a label, for seeds with several labels. `labels` is the order of the probabilities.

    A label that every seed has always has probability 1.
    """

    def __init__(self, vectors: NDArray[np.float32], label_sets: Sequence[Sequence[str]]) -> None:
        self.labels: list[str] = sorted({label for labels in label_sets for label in labels})
        self._models: list[LogisticRegression | None] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sklearn.linear_model import LogisticRegression

            for label in self.labels:
                has_label = [label in labels for labels in label_sets]
                model = LogisticRegression(C=C, max_iter=1000, class_weight="balanced")
                self._models.append(None if all(has_label) else model.fit(vectors, has_label))

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of each label, (n, labels)."""
        import numpy as np

        columns = [
            np.ones(len(vectors)) if model is None else model.predict_proba(vectors)[:, 1] for model in self._models
        ]
        return np.asarray(np.stack(columns, axis=1), np.float64)
