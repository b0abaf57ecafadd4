"""Picks evenly over the attributes of each label, first come first, down to its quota.

Does not catch: it looks at labels and attributes only, never at the texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from textsynth.core.options import Texts
from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record


class Balanced(Selector):
    """The first texts of each label, taken in turn from every combination of the attributes in `over`."""

    over: Texts = Field(default=(), description="attributes to be even over; left out: every item of the recipe")

    @property
    def balanced_fields(self) -> tuple[str, ...]:
        """The attributes in `over`."""
        return tuple(self.over)

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the picked ids in the order of `records`."""
        cells: dict[str, dict[tuple[str, ...], list[str]]] = {}
        for record in records:
            cell = tuple(map(record.field_text, self.over)) if self.over else (record.provenance.step,)
            cells.setdefault(record.label or "", {}).setdefault(cell, []).append(record.id)
        kept: set[str] = set()
        for label, of_label in cells.items():
            queues = [list(reversed(ids)) for ids in of_label.values()]
            left = quota.get(label, 0)
            while left > 0 and any(queues):
                for queue in queues:
                    if queue and left > 0:
                        kept.add(queue.pop())
                        left -= 1
        return [record.id for record in records if record.id in kept]
