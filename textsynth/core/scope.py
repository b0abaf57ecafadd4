"""What a filter sees of records with several texts: each text, all of them as one text, or the record."""

from __future__ import annotations

from collections.abc import Sequence

from textsynth.core.protocols import Filter, TextScope
from textsynth.core.records import Record, Verdict
from textsynth.core.sessions import EvaluateBatch, FilterSession, preview
from textsynth.core.task import Task


def scope_of(step: Filter) -> TextScope:
    """Return what the filter sees of a record with several texts."""
    if step.scope is not None:
        return step.scope
    return "text" if type(step).start is Filter.start else "joined"


class ScopedFilterSession:
    """A filter session that shows another session each record as its scope says, and returns a verdict a record."""

    def __init__(self, session: FilterSession, scope: TextScope, task: Task) -> None:
        self._session = session
        self._scope = scope
        self._task = task
        self._sees_records = scope == "record" or task.has_one_text

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict for each record: that on the first of its texts that is dropped, else the first score."""
        return self._evaluate(self._session.evaluate_batch, records)

    def preview_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return what `evaluate_batch` would return now, without an effect on later verdicts."""
        return self._evaluate(preview(self._session), records)

    def commit(self, records: Sequence[Record]) -> None:
        """Commit the records as the filter sees them."""
        if self._sees_records:
            self._session.commit(records)
        else:
            self._session.commit([view for record in records for view in self._views(record)])

    def _evaluate(self, evaluate: EvaluateBatch, records: Sequence[Record]) -> list[Verdict | None]:
        if self._sees_records:
            return evaluate(records)
        groups = [self._views(record) for record in records]
        verdicts = iter(evaluate([view for group in groups for view in group]))
        return [_first_drop([next(verdicts) for _ in group]) for group in groups]

    def _views(self, record: Record) -> list[Record]:
        if self._scope == "text":
            return self._task.each_text(record)
        return [self._task.joined(record) if self._scope == "joined" else record]


def _first_drop(verdicts: Sequence[Verdict | None]) -> Verdict | None:
    drop = next((verdict for verdict in verdicts if verdict is not None and not verdict.keeps), None)
    return drop or next((verdict for verdict in verdicts if verdict is not None), None)
