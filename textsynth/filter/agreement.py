"""Drops a text if a classifier trained on the seeds contradicts its label.

The classifier is logistic regression on the embeddings of the seeds (C = 30). Its probabilities are divided by the
number of seeds of each label, so that labels with few seeds are not at a disadvantage (logit adjustment, Menon et al.
2021). It is cross-fitted: each text is checked by a classifier that was not trained on the seeds of the fold that the
text's prompt showed, so a text that is close to a shown seed gains nothing from it. Labels with fewer than four seeds
have one fold only; every classifier is trained on them.

With `multi_label: true` there is one binary classifier for each label, in which the seeds with the label weigh as much
as those without it. Each label of a text must agree: fewer than `top_k` labels that the text does not have are more
probable, and the probability reaches `min_confidence`. The score is the lowest probability of the text's labels.

Where a label overlaps with others, a classifier that has not seen its seeds puts most of them elsewhere, and its texts
as well. So a label with eight seeds or more is also judged against its own spread (`per_label`): a text is kept if its
margin, the logarithm of its label's probability over the highest other one, reaches that of the best 35 % of the seeds
in a five-fold cross-validation, where fewer of them are put first. Of 2,591 different tweets that a model wrote for 13
emotions, with 500 real seeds, each such label keeps 18 % of its texts or more; with `top_k` alone one keeps 6 %.

Of eleven methods to select generated texts, measured on real data sets, agreement with a classifier trained on the
seeds was the only one that helped on all of them. Accuracy of the classifier on banking77 (77 labels, five seeds each,
2,500 real questions): 81 % with all seeds, 73 % and 68 % with the folds of three and two; top-2 accuracy 89, 84 and
80 %, so `top_k: 2` suits many similar labels. Any C from 10 to 300 gives the same accuracy; with 30 the confidence is
too low by less than with 10. A nearest-centroid classifier has 78, 71 and 65 %.

Does not catch: texts with a wrong label whose embedding is close to that label's seeds. It prefers texts close to the
seeds, so it also drops correct texts that are unlike all seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from textsynth.core.errors import require_extra
from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.similarity.embedder import require_embeddings
from textsynth.similarity.seed_classifiers import SeedClassifiers, log_margin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


SEEDS_REACHING_LIMIT = 0.35
"""The share of a label's held-out seeds that reach the limit for the margins of its texts."""


class Agreement(Filter):
    """Keeps texts whose labels are among the top choices of a classifier trained on the seeds."""

    compares_accepted: ClassVar[bool | None] = False
    label_confidence: ClassVar[bool] = True
    embeds: ClassVar[bool] = True

    source: SourceName = Field(default="seeds", description="the labelled seeds that the classifier is trained on")
    top_k: int = Field(
        default=1,
        ge=1,
        description="the text's label must be among the top_k most probable labels; of several labels each",
    )
    per_label: bool = Field(
        default=True,
        description="keep also texts that fit their label as well as the best 35 % of its held-out seeds do, for labels"
        " with eight seeds or more; false: top_k alone decides",
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
        self._classifiers = SeedClassifiers(
            context.sources[step.source],
            context.embed,
            multi_label=context.multi_label,
            why="the filter agreement",
            held_out=held_out,
        )
        self._limits: dict[str, float] | None = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return verdicts whose score is the probability of the label; None where no label of the record has seeds.

        Of several labels the score is the lowest probability.
        """
        judged = self._classifiers.judge(records)
        return [
            None if result is None else self._verdict(record, *result)
            for record, result in zip(records, judged, strict=True)
        ]

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _fits_like_seeds(self, record: Record, classes: list[str], probabilities: NDArray[np.float64]) -> bool:
        """Whether a text fits its label as well as the best 35 % of the label's own seeds do, when held out."""
        if not self._step.per_label or len(record.labels) != 1:
            return False
        if self._limits is None:
            self._limits = self._classifiers.margin_limits(SEEDS_REACHING_LIMIT)
        label = record.labels[0]
        return label in self._limits and log_margin(label, classes, probabilities) >= self._limits[label]

    def _verdict(self, record: Record, classes: list[str], probabilities: NDArray[np.float64]) -> Verdict | None:
        indices = [classes.index(label) for label in record.labels if label in classes]
        if not indices:
            return None
        # Each label must be more probable than all but a few of the labels that the text does not have.
        own = min(float(probabilities[index]) for index in indices)
        score = round(own, 4)
        more_probable = int((probabilities > own).sum()) - sum(float(probabilities[index]) > own for index in indices)
        if more_probable >= self._step.top_k and not self._fits_like_seeds(record, classes, probabilities):
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
