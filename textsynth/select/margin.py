"""Selects the texts of each label that are nearest to the border to another label, of those whose labels were verified.

The margin of a text is the difference between the probability of its label and the highest probability of another one,
by a classifier trained on the seeds (the one of the filter `agreement`, cross-fitted in the same way). The texts with
the smallest margin, positive or negative, are selected, up to the quota of each label. Of equal margins (to four
decimals) the text that is farthest from those selected so far comes first, then the one that was accepted first. A
label without seeds has no margins; of its texts the most different ones are selected, as in `diverse`.

A small margin is a sign of a useful text only where the label is right: of unverified texts it selects the wrong ones
first. So without a labeller in the recipe it selects as `diverse` does, and says so. It needs texts to select from:
`oversample` is 3.

Does not catch: wrong labels that the labellers let pass; it prefers texts about which the seeds say little.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from textsynth.core.errors import require_extra
from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record
from textsynth.select.diverse import Diverse
from textsynth.similarity.embedder import require_embeddings
from textsynth.similarity.seed_classifiers import SeedClassifiers

if TYPE_CHECKING:
    from textsynth.similarity.vectors import Vectors

DECIMALS = 4


class Margin(Selector):
    """Selects verified texts near the border between labels, by a classifier trained on the seeds."""

    oversample: ClassVar[float] = 3.0

    source: SourceName = Field(default="seeds", description="the labelled seeds that the classifier is trained on")

    def check_dependencies(self) -> None:
        """Raise MissingExtra where the packages for embeddings or the classifier are not installed."""
        require_embeddings("the selector margin")
        require_extra("embed", "sklearn", why="the selector margin")

    def selection_notes(self, context: Context) -> list[str]:
        """Return why texts are selected as `diverse` selects them, where that is so."""
        reason = self._obstacle(context)
        return [] if reason is None else [f"selects as diverse does: {reason}"]

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the selected ids in the order of `records`. Of a label within its quota all texts are selected."""
        by_label: dict[str, list[Record]] = {}
        for record in records:
            by_label.setdefault(record.label or "", []).append(record)
        large = {label: rows for label, rows in by_label.items() if len(rows) > quota.get(label, 0) > 0}
        if not large or self._obstacle(context) is not None:
            return Diverse().select(records, quota, context)
        classifiers = SeedClassifiers(
            context.sources[self.source], context.embed, multi_label=False, why="the selector margin"
        )
        judged = classifiers.judge(records)
        margins = {
            record.id: _margin(record.label or "", *result)
            for record, result in zip(records, judged, strict=True)
            if result is not None and record.label in result[0]
        }
        selected: set[str] = set()
        for label, rows in by_label.items():
            limit = quota.get(label, 0)
            if label not in large:
                selected.update(record.id for record in rows[:limit])
            elif not all(record.id in margins for record in rows):
                selected.update(Diverse().select(rows, {label: limit}, context))
            else:
                vectors = context.embed([record.text for record in rows])
                indices = smallest_first([margins[record.id] for record in rows], vectors, limit)
                selected.update(rows[index].id for index in indices)
        return [record.id for record in records if record.id in selected]

    def _obstacle(self, context: Context) -> str | None:
        """Return why margins cannot be used, as a sentence without its end; None where they can."""
        if context.multi_label:
            return "texts may have several labels"
        if not context.labellers:
            return (
                "no labeller has verified the labels, and of unverified texts those with a small margin are often wrong"
                "; add a labeller such as choice to `label`"
            )
        if len({seed.label for seed in context.sources[self.source] if seed.label is not None}) < 2:
            return f"the source {self.source} has labelled rows of fewer than two labels"
        return None


def smallest_first(margins: Sequence[float], vectors: Vectors, limit: int) -> list[int]:
    """Return the rows of the `limit` smallest margins, in the order of selection.

    Of equal margins the row that is farthest from the selected ones comes first; ties: the lowest row.
    """
    import numpy as np

    rows_of: dict[float, list[int]] = {}
    for row, margin in enumerate(margins):
        rows_of.setdefault(margin, []).append(row)
    selected: list[int] = []
    nearest = np.full(len(margins), -np.inf)  # the cosine to the nearest selected row
    for margin in sorted(rows_of):
        remaining = rows_of[margin]
        while remaining and len(selected) < limit:
            row = min(remaining, key=lambda index: (nearest[index], index))
            remaining = [index for index in remaining if index != row]
            selected.append(row)
            np.maximum(nearest, vectors @ vectors[row], out=nearest)
    return selected


def _margin(label: str, labels: Sequence[str], probabilities: Iterable[float]) -> float:
    """Return the size of the difference between the label's probability and the highest of the others, rounded."""
    values = dict(zip(labels, map(float, probabilities), strict=True))
    other = max(value for name, value in values.items() if name != label)
    return round(abs(values[label] - other), DECIMALS)
