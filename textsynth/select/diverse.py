"""Picks the most different texts of each label, down to its quota: greedy k-center on the embeddings.

k-center (Gonzalez 1985) is as diverse as MMR or disparity-min at the same cost. It likes outliers, so it comes after
every check, and the pool it picks from is only a little larger than the quota.

Does not catch: it never looks at quality, and a diverse pick trains no better classifier than a random one of the same
size; it is for variety and for reviews.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textsynth.core.protocols import Context, Selector
from textsynth.core.records import Record
from textsynth.similarity.embedder import require_embeddings


class Diverse(Selector):
    """The texts of each label that lie farthest from each other."""

    oversample: ClassVar[float] = 1.3

    def check_dependencies(self) -> None:
        """Raise MissingExtra without what embeds."""
        require_embeddings("the selector diverse")

    def select(self, records: Sequence[Record], quota: Mapping[str, int], context: Context) -> list[str]:
        """Return the picked ids in the order of `records`; a label that is within its quota is taken whole."""
        from textsynth.similarity.vectors import k_center

        by_label: dict[str, list[Record]] = {}
        for record in records:
            by_label.setdefault(record.label or "", []).append(record)
        kept: set[str] = set()
        for label, some in by_label.items():
            most = quota.get(label, 0)
            if len(some) <= most:
                kept.update(record.id for record in some)
            elif most > 0:
                picked = k_center(context.embed([record.text for record in some]), most)
                kept.update(some[place].id for place in picked)
        return [record.id for record in records if record.id in kept]
