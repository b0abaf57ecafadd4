"""Classifiers trained on labelled seeds, cross-fitted: a text is judged by one that did not see the seeds it came from.

They are logistic regressions on the embeddings of the seeds. The probabilities are divided by the number of seeds of
each label, so that labels with few seeds are not at a disadvantage (logit adjustment, Menon et al. 2021). Labels with
fewer than four seeds have one fold only; every classifier is trained on them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from textsynth.core.errors import require_extra
from textsynth.core.records import Record
from textsynth.core.seed_folds import assign_folds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.linear_model import LogisticRegression

C = 30.0
"""Inverse strength of the L2 regularization, as scikit-learn defines it."""
MIN_SEEDS_FOR_LIMIT = 8
"""With fewer seeds of a label, the margins of its held-out seeds say too little."""
LIMIT_FOLDS = 5
MIN_PROBABILITY = 1e-12
NO_FOLD = -1
"""In place of a fold: the classifier trained on the seeds of all folds."""


class SeedClassifiers:
    """One classifier for each fold of the seeds that a prompt may show, trained when it is first needed.

    With `multi_label` there is one binary classifier for each label, in which the seeds with the label weigh as much as
    those without it. Seeds with an id in `held_out` train no classifier; they do not change the folds of the others.
    `why` names the step in the message that a package is missing.
    """

    def __init__(
        self,
        seeds: Sequence[Record],
        embed: Callable[[Sequence[str]], NDArray[np.float32]],
        *,
        multi_label: bool,
        why: str,
        held_out: Collection[str] = (),
    ) -> None:
        self._seeds = [seed for seed in seeds if seed.label is not None]
        self._folds = assign_folds(self._seeds)
        self._embed = embed
        self._multi_label = multi_label
        self._why = why
        self._held_out = held_out
        self._classifiers: dict[int, SeedClassifier | BinaryClassifiers | None] = {}

    def judge(self, records: Sequence[Record]) -> list[tuple[list[str], NDArray[np.float64]] | None]:
        """Return for each record the labels with seeds and their probabilities, in the same order.

        None where fewer than two labels have seeds.
        """
        by_fold: dict[int, list[int]] = {}
        for index, record in enumerate(records):
            by_fold.setdefault(self._fold_shown(record), []).append(index)
        results: list[tuple[list[str], NDArray[np.float64]] | None] = [None] * len(records)
        vectors = self._embed([record.text for record in records])
        for fold, indices in sorted(by_fold.items()):
            classifier = self._classifier_without(fold)
            if classifier is None:
                continue
            for index, row in zip(indices, classifier.probabilities(vectors[indices]), strict=True):
                results[index] = (classifier.labels, row)
        return results

    def margin_limits(self, share: float) -> dict[str, float]:
        """Return limits for the margins of texts, by label, where the label's own seeds are mostly put elsewhere.

        These are labels with eight seeds or more of which less than `share` are put first; the limits are below 0.

        The margin is the logarithm of the label's probability over the highest of the other labels. The limit is the
        margin that `share` of the label's seeds reach when the classifier was not trained on them (five folds). {}
        where texts may have several labels.
        """
        import numpy as np

        seeds = [seed for seed in self._seeds if seed.id not in self._held_out]
        by_label: dict[str, list[Record]] = {}
        for seed in sorted(seeds, key=lambda seed: seed.id):
            by_label.setdefault(seed.label or "", []).append(seed)
        large = {label for label, rows in by_label.items() if len(rows) >= MIN_SEEDS_FOR_LIMIT}
        if self._multi_label or not large or len(by_label) < 2:
            return {}
        require_extra("embed", "sklearn", why=self._why)
        ordered = [seed for rows in by_label.values() for seed in rows]
        folds = np.array([index % LIMIT_FOLDS for rows in by_label.values() for index in range(len(rows))])
        names = [seed.label or "" for seed in ordered]
        vectors = self._embed([seed.text for seed in ordered])
        margins: dict[str, list[float]] = {}
        for fold in range(LIMIT_FOLDS):
            held_out = np.flatnonzero(folds == fold)
            training = np.flatnonzero(folds != fold)
            if len({names[row] for row in training}) < 2:
                continue
            classifier = SeedClassifier(vectors[training], [names[row] for row in training])
            for row, probabilities in zip(held_out, classifier.probabilities(vectors[held_out]), strict=True):
                if names[row] in large:
                    margin = log_margin(names[row], classifier.labels, probabilities)
                    margins.setdefault(names[row], []).append(margin)
        limits = {label: float(np.quantile(values, 1 - share)) for label, values in margins.items()}
        return {label: limit for label, limit in limits.items() if limit < 0}

    def _fold_shown(self, record: Record) -> int:
        """Return the fold of the seeds that the text was made from; NO_FOLD for none or several folds."""
        seed_ids = (*record.provenance.example_ids, *record.provenance.parent_ids)
        folds = {self._folds[seed_id] for seed_id in seed_ids if seed_id in self._folds}
        return folds.pop() if len(folds) == 1 else NO_FOLD

    def _classifier_without(self, fold: int) -> SeedClassifier | BinaryClassifiers | None:
        """Return the classifier that was not trained on a fold; None where fewer than two labels have seeds."""
        if fold not in self._classifiers:
            self._classifiers[fold] = self._train_without(fold)
        return self._classifiers[fold]

    def _train_without(self, fold: int) -> SeedClassifier | BinaryClassifiers | None:
        require_extra("embed", "sklearn", why=self._why)
        split_labels = {seed.labels for seed in self._seeds if self._folds[seed.id] == 1}
        training_seeds = [
            seed
            for seed in self._seeds
            if seed.id not in self._held_out
            and (fold == NO_FOLD or self._folds[seed.id] != fold or seed.labels not in split_labels)
        ]
        if len({label for seed in training_seeds for label in seed.labels}) < 2:
            return None
        vectors = self._embed([seed.text for seed in self._seeds])
        rows = {seed.id: row for row, seed in enumerate(self._seeds)}
        training_vectors = vectors[[rows[seed.id] for seed in training_seeds]]
        if self._multi_label:
            return BinaryClassifiers(training_vectors, [seed.labels for seed in training_seeds])
        return SeedClassifier(training_vectors, [seed.label or "" for seed in training_seeds])


def log_margin(label: str, labels: Sequence[str], probabilities: Iterable[float]) -> float:
    """Return the logarithm of a label's probability over the highest probability of the other labels."""
    values = dict(zip(labels, map(float, probabilities), strict=True))
    other = max(value for name, value in values.items() if name != label)
    return math.log(max(values[label], MIN_PROBABILITY) / max(other, MIN_PROBABILITY))


class SeedClassifier:
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


class BinaryClassifiers:
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
