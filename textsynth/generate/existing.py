"""Existing texts: the rows of a source are the candidates, so that a team can curate and label data it already has.

Every row becomes a candidate once, in the source's order, whatever the quota: rows cost nothing, and a selector can
select only from accepted texts.

Does not change a text in any way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Generator
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record
from textsynth.core.sessions import GeneratorSession, QuotaDeficit
from textsynth.core.source_rows import rows_as_step

ROWS_PER_REQUEST = 1000


class Existing(Generator):
    """Existing rows as candidates; no model is asked."""

    output_fields: ClassVar[frozenset[str] | None] = frozenset()
    needs_model: ClassVar[bool] = False

    source: SourceName = Field(default="raw", description="the rows")

    @property
    def curates_source(self) -> bool:
        """The rows are the candidates."""
        return True

    def start(self, context: Context, name: str) -> GeneratorSession:
        """Return the generator's session in one run."""
        return ExistingSession(rows_as_step(context.sources[self.source], name), name)


class ExistingSession:
    """Offers the rows in order, a thousand per request, as candidates with their labels and fields."""

    def __init__(self, rows: Sequence[Record], name: str) -> None:
        self._rows = rows
        self._name = name
        self._next = 0

    def plan_requests(self, deficits: Sequence[QuotaDeficit], max_requests: int) -> list[GenerationRequest]:
        """Return the next thousand rows as one request; [] when there are no more."""
        if self._next >= len(self._rows) or max_requests < 1:
            return []
        rows = self._rows[self._next : self._next + ROWS_PER_REQUEST]
        self._next += len(rows)
        return [GenerationRequest.of_records(self._name, rows)]

    def observe_accepted(self, accepted: Sequence[Record]) -> None:
        """Do nothing: the plan does not depend on accepted texts."""

    def parse_response(
        self, request: GenerationRequest, request_key: str, completion: Completion | None
    ) -> list[Record | DroppedRecord]:
        """Return the rows: they are candidates of this step already."""
        return list(request.records)
