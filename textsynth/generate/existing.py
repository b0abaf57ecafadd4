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
from textsynth.core.protocols import Context, Generator, GeneratorSession, QuotaDeficit
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Provenance, Record, Sampling

ROWS_AN_ASK = 1000


class Existing(Generator):
    """Given rows as candidates; no model is asked."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset()
    needs_model: ClassVar[bool] = False

    source: SourceName = Field(default="raw", description="the rows")

    @property
    def curates_source(self) -> bool:
        """The rows are the candidates."""
        return True

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator at work in one run."""
        return ExistingSession(context.sources[self.source], name)


class ExistingSession:
    """Hands out the rows in order, a thousand at a time."""

    def __init__(self, rows: Sequence[Record], item: str) -> None:
        self._rows = rows
        self._item = item
        self._next = 0

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return the next thousand rows; [] when all were given."""
        if self._next >= len(self._rows) or max_requests < 1:
            return []
        rows = self._rows[self._next : self._next + ROWS_AN_ASK]
        self._next += len(rows)
        return [
            GenerationRequest(
                step=self._item, model="", prompt=None, sampling=Sampling(), candidates=len(rows), records=tuple(rows)
            )
        ]

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Learn nothing: the plan does not depend on what was accepted."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the rows as candidates of this step, with their labels and fields."""
        return [
            Record(row.text, Provenance(request.step, index=row.provenance.index), row.labels, row.fields)
            for row in request.records
        ]
