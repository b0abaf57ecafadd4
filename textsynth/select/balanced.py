"""Selects the same number of texts for every value of the attributes, within the quota of each label.

The texts of a label are grouped by the values of the attributes in `over`. The groups take turns, and each gives its
texts in the order of acceptance, until the quota of the label is reached.

Does not catch: differences in the texts themselves; it looks at labels and attributes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from textsynth.core.options import Texts
from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record


class Balanced(Selector):
    """Selects texts of each label evenly over every combination of the attributes in `over`."""

    over: Texts = Field(
        default=(), description="attributes to balance; default: balance over the generators of the recipe"
    )

    @property
    def balanced_fields(self) -> tuple[str, ...]:
        """The attributes in `over`."""
        return tuple(self.over)

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the selected ids in the order of `records`."""
        groups: dict[str, dict[tuple[str, ...], list[str]]] = {}
        for record in records:
            values = tuple(map(record.field_text, self.over)) if self.over else (record.provenance.step,)
            groups.setdefault(record.label or "", {}).setdefault(values, []).append(record.id)
        selected: set[str] = set()
        for label, groups_of_label in groups.items():
            queues = [list(reversed(ids)) for ids in groups_of_label.values()]
            remaining = quota.get(label, 0)
            while remaining > 0 and any(queues):
                for queue in queues:
                    if queue and remaining > 0:
                        selected.add(queue.pop())
                        remaining -= 1
        return [record.id for record in records if record.id in selected]
