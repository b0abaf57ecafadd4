"""Drops a text that was accepted before, whatever its case, spacing, typography and punctuation.

The first one in plan order stays. Label and fields do not count: the same text with another label is a duplicate, too.

Does not catch: texts that differ in a word (near_duplicate) or say the same in other words (semantic_duplicate).
"""

from __future__ import annotations

from collections.abc import Sequence

from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import normal_form


class ExactDuplicate(Filter):
    """Keeps one of the texts that have the same normal form."""

    def start(self, context: Context) -> ExactDuplicateSession:
        """Return the filter at work, with an empty memory."""
        return ExactDuplicateSession()


class ExactDuplicateSession:
    """Remembers the normal form of what was accepted (about 250 bytes a text of 20 words)."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Drop what has an accepted twin, or an earlier one in this batch."""
        batch: dict[str, str] = {}
        verdicts: list[Verdict | None] = []
        for record in records:
            form = normal_form(record.text)
            twin = self._seen.get(form) or batch.get(form)
            if twin is None:
                batch[form] = record.id
                verdicts.append(None)
            else:
                verdicts.append(Verdict("the same text was accepted before", duplicate_of=twin))
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember accepted texts; the first of two equal ones stays the twin."""
        for record in records:
            self._seen.setdefault(normal_form(record.text), record.id)
