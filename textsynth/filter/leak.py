"""Drops copies of a test set: a text that repeats a test row, nearly repeats it, or says the same.

One copied row voids a score on the test set. Exact: the same normal form. Near: six words of ten in common. Semantic:
the cosine of the embeddings; `semantic: 1` looks at words alone and needs no embedder. Measured on the test rows of
banking77: of planted copies every one is found that is exact or changed in case and punctuation, of those with one or
two words exchanged 93 % (the rest are rows of three to five words); of 1,500 questions of trec, another domain, 0.5 %
are flagged. Real questions of the same domain are often this near a test row (banking77's own train rows: 36 %);
`similarity: 0.7` lets more of them pass (24 %), and more edited copies (70 % found).

Does not catch: a test row translated or told in quite other words, or a model that saw the test set in its training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from textsynth.filter.copies_source import CopiesSourceJudge
from textsynth.options import SourceName
from textsynth.records import Record, Verdict
from textsynth.step import Context, Filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Leak(Filter):
    """Keeps texts that no row of the test set says."""

    from_: SourceName = Field("test", alias="from", description="the rows that must not come back")
    similarity: float = Field(0.6, gt=0, le=1, description="share of common words from which a text is a copy")
    semantic: float = Field(0.95, gt=0, le=1, description="cosine from which a text says the same; 1: words alone")

    def begin(self, context: Context) -> LeakJudge:
        """Return the filter at work, the test rows indexed; they are embedded when the first text comes."""
        return LeakJudge(self, context)


class LeakJudge:
    """Compares with the rows of a source; remembers nothing of what was accepted."""

    def __init__(self, step: Leak, context: Context) -> None:
        self._step = step
        self._context = context
        self._rows = context.sources[step.from_]
        self._words = CopiesSourceJudge(self._rows, step.similarity, f"a row of {step.from_}")
        self._vectors: NDArray[np.float32] | None = None

    def judge(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict with the test row as the twin."""
        verdicts = self._words.judge(records)
        left = [place for place, verdict in enumerate(verdicts) if verdict is None]
        if self._step.semantic < 1 and left and self._rows:
            self._look_closer(records, left, verdicts)
        return verdicts

    def settle(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _look_closer(self, records: Sequence[Record], left: Sequence[int], verdicts: list[Verdict | None]) -> None:
        from textsynth.vectors import nearest

        if self._vectors is None:
            self._vectors = self._context.embed([row.text for row in self._rows])
        best, rows = nearest(self._context.embed([records[place].text for place in left]), self._vectors)
        for place, cosine, row in zip(left, best.tolist(), rows.tolist(), strict=True):
            if cosine >= self._step.semantic:
                told = f"says the same as a row of {self._step.from_}"
                verdicts[place] = Verdict(told, round(cosine, 4), self._step.semantic, self._rows[row].id)
