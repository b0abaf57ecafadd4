"""Existing texts: the rows of a source are the candidates, so a team can curate and label data it already has.

Every row becomes a candidate once, in the source's order, whatever the quota: rows cost nothing, and a selector can
only pick from what it has seen.

Does not change a text in any way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Generator, Shortfall, Writer
from textsynth.core.records import Ask, Completion, Drop, Origin, Record, Sampling

ROWS_AN_ASK = 1000


class Existing(Generator):
    """Given rows as candidates; no model is asked."""

    makes: ClassVar[frozenset[str] | None] = frozenset()
    free: ClassVar[bool] = True

    from_: SourceName = Field(default="raw", description="the rows")

    def begin(self, context: Context, item: str) -> Writer:
        """Return the generator at work in one run."""
        return ExistingWriter(context.sources[self.from_], item)


class ExistingWriter:
    """Hands out the rows in order, a thousand at a time."""

    def __init__(self, rows: Sequence[Record], item: str) -> None:
        self._rows = rows
        self._item = item
        self._next = 0

    def plan(self, short: Sequence[Shortfall], room: int) -> list[Ask]:
        """Return the next thousand rows; [] when all were given."""
        if self._next >= len(self._rows) or room < 1:
            return []
        rows = self._rows[self._next : self._next + ROWS_AN_ASK]
        self._next += len(rows)
        return [Ask(item=self._item, model="", prompt=None, sampling=Sampling(), texts=len(rows), given=tuple(rows))]

    def learn(self, accepted: Sequence[Record]) -> None:
        """Learn nothing: the plan does not depend on what was accepted."""

    def read(self, ask: Ask, request: str, completion: Completion | None) -> list[Record | Drop]:
        """Return the rows as candidates of this step, with their labels and fields."""
        return [Record(row.text, Origin(ask.item, draw=row.origin.draw), row.labels, row.fields) for row in ask.given]
