"""Selects the most different texts of each label, up to its quota: greedy k-center on the embeddings.

k-center (Gonzalez 1985) always adds the text that is farthest from those selected so far. It is as diverse as MMR or
disparity-min at the same cost. It prefers outliers, so it runs after every filter, and it selects from only a few more
texts than the quota.

With `weigh_by_confidence` a text counts less the less certain its label is. Of texts that a judge let pass, one in
twenty of them wrong, a classifier then learns more than from the unweighted selection (macro-F1 + .018 and + .005 on
banking77, words and embeddings; `eval/research_log.md` has other sets).

Does not catch: low quality, which it never looks at. A classifier trained on a diverse selection is not better than one
trained on a random selection of the same size; use it for variety and for reviews.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record
from textsynth.similarity.embedder import require_embeddings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_WEIGHT = 0.01
"""The weight of a text with confidence 0."""


class Diverse(Selector):
    """Selects the texts of each label that are farthest from each other."""

    oversample: ClassVar[float] = 1.3

    weigh_by_confidence: bool = Field(
        default=False,
        description="multiply the distance of a text by the confidence in its label, where a step has measured it",
    )

    def check_dependencies(self) -> None:
        """Raise MissingExtra where the packages for embeddings are not installed."""
        require_embeddings("the selector diverse")

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the selected ids in the order of `records`. Of a label within its quota all texts are selected."""
        from textsynth.similarity.vectors import k_center

        by_label: dict[str, list[Record]] = {}
        for record in records:
            by_label.setdefault(record.label or "", []).append(record)
        selected: set[str] = set()
        for label, candidates in by_label.items():
            limit = quota.get(label, 0)
            if len(candidates) <= limit:
                selected.update(record.id for record in candidates)
            elif limit > 0:
                vectors = context.embed([record.text for record in candidates])
                weights = _confidences(candidates, context) if self.weigh_by_confidence else None
                indices = k_center(vectors, limit, weights)
                selected.update(candidates[index].id for index in indices)
        return [record.id for record in records if record.id in selected]


def _confidences(records: Sequence[Record], context: Context) -> NDArray[np.float64]:
    """Return the confidence of each record by the last step that measured one, 1 where none did."""
    import numpy as np

    scores = [[record.scores[step] for step in context.confidence_steps if step in record.scores] for record in records]
    return np.array([max(MIN_WEIGHT, values[-1]) if values else 1.0 for values in scores])
