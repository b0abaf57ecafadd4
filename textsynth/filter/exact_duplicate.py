"""Drops a text if a text with the same normal form was accepted before.

The normal form ignores case, white space, typography and punctuation. The first text in plan order is kept. Labels and
fields do not matter: the same text with another label is a duplicate, too.

Does not catch: texts that differ in a word (see near_duplicate), or that have the same meaning in other words (see
semantic_duplicate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.text.normalize import normal_form


class ExactDuplicate(Filter):
    """Keeps one of the texts that have the same normal form."""

    is_quick: ClassVar[bool] = True

    @property
    def word_similarity(self) -> None:
        """None: duplicates have the same normal form."""

    def duplicate_verdict(self, duplicate_of: str, similarity: float) -> Verdict:
        """Return the verdict on a text with the same normal form as an accepted one."""
        return _duplicate(duplicate_of)

    def start(self, context: Context) -> ExactDuplicateSession:
        """Return the filter's session, which knows no accepted texts yet."""
        return ExactDuplicateSession()


class ExactDuplicateSession:
    """Keeps the normal forms of accepted texts in memory (about 250 bytes for a text of 20 words)."""

    def __init__(self) -> None:
        self._accepted: dict[str, str] = {}

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Drop texts that equal an accepted one, or an earlier one of the batch; `duplicate_of` is its id."""
        batch: dict[str, str] = {}
        verdicts: list[Verdict | None] = []
        for record in records:
            form = normal_form(record.text)
            duplicate_of = self._accepted.get(form) or batch.get(form)
            if duplicate_of is None:
                batch[form] = record.id
                verdicts.append(None)
            else:
                verdicts.append(_duplicate(duplicate_of))
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Add accepted texts. Of two equal ones the first stays the one that others are duplicates of."""
        for record in records:
            self._accepted.setdefault(normal_form(record.text), record.id)


def _duplicate(duplicate_of: str) -> Verdict:
    return Verdict("the same text was accepted before", duplicate_of=duplicate_of)
