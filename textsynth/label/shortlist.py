"""Which labels a text is shown: all, or the nearest by embedding, the intended one always among them, never marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textsynth.core.protocols import Context
from textsynth.core.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Shortlist:
    """At most `size` labels a text; nothing is embedded where there are no more."""

    def __init__(self, context: Context, size: int) -> None:
        self._context = context
        self._size = size
        self._meanings: NDArray[np.float32] | None = None

    def labels_for(self, records: Sequence[Record]) -> list[list[str]]:
        """Return the labels to show for each record, the nearest first, or all in the recipe's order."""
        names = list(self._context.labels)
        if len(names) <= self._size or not records:
            return [names] * len(records)
        if self._meanings is None:
            told = [f"{name.replace('_', ' ')}: {meaning}" for name, meaning in self._context.labels.items()]
            self._meanings = self._context.embed(told)
        likeness = self._context.embed([record.text for record in records]) @ self._meanings.T
        return [self._nearest(record, row.tolist()) for record, row in zip(records, likeness, strict=True)]

    def _nearest(self, record: Record, likeness: Sequence[float]) -> list[str]:
        names = list(self._context.labels)
        nearest = sorted(range(len(names)), key=lambda place: (-likeness[place], place))
        shown = [names[place] for place in nearest[: self._size]]
        missing = [label for label in record.labels if label not in shown]
        return [*shown[: self._size - len(missing)], *missing]
