"""Drops a text whose label a classifier trained on the seeds contradicts.

The classifier is logistic regression on the seeds' embeddings, C = 30; its chances are divided by each label's share of
the seeds, so that a label with few seeds is not thought unlikely (logit adjustment, Menon et al. 2021). It is
cross-fitted: a text is judged by one that never saw the seeds of the fold its prompt showed, so a text near a shown
seed does not vouch for itself. A label whose
seeds are one fold only (fewer than four) is known to every classifier, else it would be lost.

Of eleven ways to choose among generated texts measured on real sets, keeping what the seeds' classifier agrees with was
the only one that helped on all of them. Measured on banking77 (77 labels, five seeds each, 2,500 real questions): right
at first choice on 81 % with all seeds, 73 % and 68 % with the folds of three and two; within the first two choices on
89, 84 and 80 %, so `top_k: 2` suits many near labels. Any C from 10 to 300 does as well; 30 understates its confidence
less than 10 does. Nearest centroid: 78, 71 and 65 %.

Does not catch: off-label texts that look like the label to an embedding; it prefers what is near the seeds, so it also
drops true texts that are unlike all of them.
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

INVERSE_STRENGTH = 30.0
ALL_SEEDS = -1


class Agreement(Filter):
    """Keeps texts whose label is among the first choices of a classifier trained on the seeds."""

    label_confidence: ClassVar[bool] = True

    source: SourceName = Field(default="seeds", description="the labelled seed examples")
    top_k: int = Field(default=1, ge=1, description="the label must be among so many first choices")
    min_confidence: float = Field(
        default=0.0, ge=0, le=1, description="probability of the label, at least; 0 asks for none"
    )

    def check_dependencies(self) -> None:
        """Raise MissingExtra without what embeds and what classifies."""
        require_embeddings("the filter agreement")
        require_extra("embed", "sklearn", why="the filter agreement")

    def start(self, context: Context) -> AgreementSession:
        """Return the filter at work; the classifiers are trained when the first text comes."""
        return AgreementSession(self, context)


class AgreementSession:
    """Judges by one classifier a fold of seeds; remembers nothing of what was accepted.

    `held_out` are ids of seeds that no classifier may know; the folds stay those of all seeds.
    """

    def __init__(self, step: Agreement, context: Context, held_out: frozenset[str] = frozenset()) -> None:
        self._step = step
        self._context = context
        self._held_out = held_out
        self._seeds = [seed for seed in context.sources[step.source] if seed.label is not None]
        self._folds = assign_folds(self._seeds)
        self._trained: dict[int, _Classifier | None] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict with the label's probability; a text without a label, or of one without seeds, is kept."""
        by_fold: dict[int, list[int]] = {}
        for place, record in enumerate(records):
            by_fold.setdefault(self._fold_shown(record), []).append(place)
        verdicts: list[Verdict | None] = [None] * len(records)
        vectors = self._context.embed([record.text for record in records])
        for fold, places in sorted(by_fold.items()):
            classifier = self._classifier(fold)
            if classifier is None:
                continue
            for place, row in zip(places, classifier.chances(vectors[places]), strict=True):
                verdicts[place] = self._verdict(records[place], classifier.labels, row)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _fold_shown(self, record: Record) -> int:
        """Return the fold whose seeds the text was made from, ALL_SEEDS where it was made from none or several."""
        folds = {
            self._folds[one]
            for one in (*record.provenance.example_ids, *record.provenance.parent_ids)
            if one in self._folds
        }
        return folds.pop() if len(folds) == 1 else ALL_SEEDS

    def _classifier(self, held_out: int) -> _Classifier | None:
        if held_out not in self._trained:
            self._trained[held_out] = self._train(held_out)
        return self._trained[held_out]

    def _train(self, held_out: int) -> _Classifier | None:
        require_extra("embed", "sklearn", why="the filter agreement")
        two_folds = {seed.labels for seed in self._seeds if self._folds[seed.id] == 1}
        kept = [
            seed
            for seed in self._seeds
            if seed.id not in self._held_out
            and (held_out == ALL_SEEDS or self._folds[seed.id] != held_out or seed.labels not in two_folds)
        ]
        if len({seed.label for seed in kept}) < 2:
            return None
        vectors = self._context.embed([seed.text for seed in self._seeds])
        places = {seed.id: place for place, seed in enumerate(self._seeds)}
        return _Classifier(vectors[[places[seed.id] for seed in kept]], [seed.label or "" for seed in kept])

    def _verdict(self, record: Record, classes: list[str], chances: NDArray[np.float64]) -> Verdict | None:
        known = [label for label in record.labels if label in classes]
        if not known:
            return None
        own = max(float(chances[classes.index(label)]) for label in known)
        better = int((chances > own).sum())
        measured = round(own, 4)
        if better >= self._step.top_k:
            first = classes[int(chances.argmax())]
            return Verdict(
                f"the seeds' classifier puts another label first: {first}", measured, round(float(chances.max()), 4)
            )
        if own < self._step.min_confidence:
            return Verdict("the seeds' classifier is not sure of the label", measured, self._step.min_confidence)
        return Verdict(None, measured)


class _Classifier:
    """Logistic regression on seeds' vectors, with `labels` in the order of its chances."""

    def __init__(self, vectors: NDArray[np.float32], labels: Sequence[str]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from sklearn.linear_model import LogisticRegression

            self._model = LogisticRegression(C=INVERSE_STRENGTH, max_iter=1000).fit(vectors, labels)
        self.labels: list[str] = list(self._model.classes_)
        self._seeds = [labels.count(label) for label in self.labels]

    def chances(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the chance of every label, (n, labels), as if each had the same number of seeds."""
        import numpy as np

        found = np.asarray(self._model.predict_proba(vectors) / self._seeds, np.float64)
        return np.asarray(found / found.sum(axis=1, keepdims=True))
