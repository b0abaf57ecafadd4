"""Drops a text that copies a row of a source: the same normal form, most of its words, or all of it inside the text.

Synthetic texts that repeat the seeds add nothing to them and disclose them. The share of common words is the Jaccard
index of the two word sets, 0 to 1. For paraphrases the same limit applies: a paraphrase that shares seven words of ten
is not a new text. A row inside of a longer text is found from five words on.

Does not catch: the meaning of a seed in other words (which is what a paraphrase is for), or a private detail of a seed
in a new sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Filter, TextScope
from textsynth.core.records import Record, Verdict
from textsynth.similarity.minhash import NearDuplicateMatch, WordSetIndex, minhash_signatures
from textsynth.similarity.overlap import SubstringIndex
from textsynth.text.normalize import normal_form, word_set


class CopiesSource(Filter):
    """Keeps texts that share less than `similarity` of their words with every row of the source."""

    compares_accepted: ClassVar[bool | None] = False
    scope: ClassVar[TextScope | None] = "text"
    is_quick: ClassVar[bool] = True

    source: SourceName = Field(default="seeds", description="the rows that must not be copied")
    similarity: float = Field(default=0.7, gt=0, le=1, description="minimum word overlap (Jaccard) of a copy, 0 to 1")

    @property
    def compares_with(self) -> tuple[str, ...]:
        """The source."""
        return (self.source,)

    def start(self, context: Context) -> CopiesSourceSession:
        """Return the filter's session, with an index of the source's rows."""
        return CopiesSourceSession(context.sources[self.source], self.similarity, f"a row of {self.source}")


class CopiesSourceSession:
    """Compares texts with the rows of a source. Accepted texts do not change it."""

    def __init__(self, rows: Sequence[Record], similarity: float, row_name: str) -> None:
        """Index `rows`. `row_name` is what a reason calls one of them ("a row of seeds")."""
        self._row_name = row_name
        # Of equal rows the first: a source may have thousands of them, and each would be compared with every text.
        self._row_by_form: dict[str, Record] = {}
        for row in rows:
            self._row_by_form.setdefault(normal_form(row.text), row)
        self._rows = list(self._row_by_form.values())
        self._near_duplicates = WordSetIndex(similarity)
        self._near_duplicates.add(minhash_signatures(word_set(row.text) for row in self._rows))
        self._substrings = SubstringIndex(row.text for row in self._rows)

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return verdicts with the copied row as `duplicate_of`: the most similar row, of equal ones the first."""
        return self._verdicts(records, counted=True)

    def preview_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return what `evaluate_batch` would return now, without an effect on later verdicts."""
        return self._verdicts(records, counted=False)

    def _verdicts(self, records: Sequence[Record], *, counted: bool) -> list[Verdict | None]:
        verdicts = [self._exact_verdict(record.text) for record in records]
        remaining = [index for index, verdict in enumerate(verdicts) if verdict is None]
        texts = [records[index].text for index in remaining]
        matches = self._near_duplicates.find(minhash_signatures(map(word_set, texts)), counted=counted)
        for index, text, match in zip(remaining, texts, matches, strict=True):
            verdicts[index] = self._verdict(text, match)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _exact_verdict(self, text: str) -> Verdict | None:
        row = self._row_by_form.get(normal_form(text))
        if row is None:
            return None
        return Verdict(f"copies {self._row_name}", 1.0, self._near_duplicates.similarity, row.id)

    def _verdict(self, text: str, near_duplicate: NearDuplicateMatch | None) -> Verdict | None:
        if near_duplicate is not None:
            reason = f"shares most of its words with {self._row_name}"
            row_id = self._rows[near_duplicate.row].id
            return Verdict(reason, round(near_duplicate.similarity, 4), self._near_duplicates.similarity, row_id)
        row = self._substrings.find(text)
        if row is not None:
            return Verdict(f"contains the whole text of {self._row_name}", duplicate_of=self._rows[row].id)
        return None
