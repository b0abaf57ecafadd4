"""Drops a text that copies a seed example: the same normal form, most of its words, or the seed inside it.

Synthetic data that repeat the seeds add nothing and give the seeds away. For paraphrases of a label's examples the same
limit holds: a rewording that keeps seven words of ten is no new text.

Does not catch: a seed said in other words (that is what a paraphrase is for), or a private detail of a seed in a new
sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.similarity.minhash import WordSetIndex, minhash_signatures
from textsynth.similarity.overlap import SubstringIndex
from textsynth.text.normalize import normal_form, word_set


class CopiesSource(Filter):
    """Keeps texts that share less than `similarity` of their words with every row of the source."""

    source: SourceName = Field(default="seeds", description="the rows that must not be copied")
    similarity: float = Field(default=0.7, gt=0, le=1, description="share of common words from which a text is a copy")

    @property
    def compares_with(self) -> tuple[str, ...]:
        """The source."""
        return (self.source,)

    def start(self, context: Context) -> CopiesSourceSession:
        """Return the filter at work, the source's rows indexed."""
        return CopiesSourceSession(context.sources[self.source], self.similarity, f"a row of {self.source}")


class CopiesSourceSession:
    """Compares with the rows of a source; remembers nothing of what was accepted."""

    def __init__(self, rows: Sequence[Record], similarity: float, what: str) -> None:
        """Index `rows`; `what` is how a reason calls one of them."""
        self._what = what
        self._rows = rows
        self._index = WordSetIndex(similarity)
        self._index.add(minhash_signatures(word_set(row.text) for row in rows))
        self._whole = {normal_form(row.text): row.id for row in reversed(rows)}
        self._inside = SubstringIndex(row.text for row in rows)

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict with the copied row as the twin; the nearest row, of equally near ones the first."""
        found = self._index.find(minhash_signatures(word_set(record.text) for record in records))
        verdicts: list[Verdict | None] = []
        for record, near in zip(records, found, strict=True):
            form = normal_form(record.text)
            twin = self._whole.get(form)
            inside = self._inside.find(record.text) if twin is None and near is None else None
            if twin is not None:
                verdicts.append(Verdict(f"copies {self._what}", 1.0, self._index.similarity, twin))
            elif near is not None:
                told = f"shares most of its words with {self._what}"
                likeness = round(near.similarity, 4)
                verdicts.append(Verdict(told, likeness, self._index.similarity, self._rows[near.row].id))
            elif inside is not None:
                verdicts.append(Verdict(f"holds the whole of {self._what}", duplicate_of=self._rows[inside].id))
            else:
                verdicts.append(None)
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""
