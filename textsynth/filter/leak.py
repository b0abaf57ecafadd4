"""Drops copies of a test set: a text that repeats a test row, nearly repeats it, or says the same.

One copied row voids a score on the test set. Exact: the same letters and digits. Near: seven words of ten in common, or
at most two words exchanged, dropped or added; where that leaves less than five words in common, the cosine of the
embeddings must not say that the text is about something else. Semantic: a cosine from 0.95. `semantic: 1` looks at
words alone and needs no embedder.

Measured on the test rows of banking77, 60 draws of 50 planted copies (20 exact, 15 with other case or punctuation, 15
with one or two words exchanged, dropped, swapped or added; at least half of the words stay): all 3,000 found, by words
alone 98.8 %. Of trec's questions, another domain, 0.8 % are flagged, by words alone 0.1 %. Of banking77's own train
rows 34 % are flagged, by words alone 23 %: of 60 of them looked at, three in four ask the same as their test row, the
others something else in almost the same words. 10,000 texts beside 3,080 rows take 2.5 s and the embedding.

Does not catch: a test row translated or told in quite other words, one of up to five words of which those that say
what it is about were changed, or a model that saw the test set in its training.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from textsynth.core.options import SourceName
from textsynth.core.protocols import Context, Filter
from textsynth.core.records import Record, Verdict
from textsynth.similarity.embedder import require_embeddings
from textsynth.similarity.overlap import OverlapIndex, OverlapMatch, SubstringIndex

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Leak(Filter):
    """Keeps texts that no row of the test set says."""

    source: SourceName = Field(default="test", description="the rows that must not come back")
    similarity: float = Field(default=0.7, gt=0, le=1, description="share of common words from which a text is a copy")
    edits: int = Field(default=2, ge=0, le=3, description="how many words a copy may have changed, whatever that share")
    semantic: float = Field(
        default=0.95, gt=0, le=1, description="cosine from which a text says the same; 1: words alone"
    )

    def check_dependencies(self) -> None:
        """Raise MissingExtra without what embeds, unless words alone are looked at."""
        if self.semantic < 1:
            require_embeddings("the filter leak (semantic: 1 looks at words alone)")

    def start(self, context: Context) -> LeakSession:
        """Return the filter at work, the test rows indexed; they are embedded when the first text comes."""
        return LeakSession(self, context)


class LeakSession:
    """Compares with the rows of a source; remembers nothing of what was accepted."""

    def __init__(self, step: Leak, context: Context) -> None:
        self._step = step
        self._context = context
        self._rows = context.sources[step.source]
        self._what = f"a row of {step.source}"
        texts = [row.text for row in self._rows]
        self._copies = OverlapIndex(texts, similarity=step.similarity, edits=step.edits)
        self._whole = SubstringIndex(texts)
        self._vectors: NDArray[np.float32] | None = None

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        """Return a verdict with the test row as the twin: of equally near rows the first."""
        verdicts = [self._by_words(record.text) for record in records]
        left = [place for place, verdict in enumerate(verdicts) if verdict is None]
        if self._step.semantic < 1 and left and self._rows:
            for place, verdict in zip(left, self._by_meaning([records[place].text for place in left]), strict=True):
                verdicts[place] = verdict
        return verdicts

    def commit(self, records: Sequence[Record]) -> None:
        """Remember nothing."""

    def _by_words(self, text: str) -> Verdict | None:
        copy = self._copies.nearest(text)
        if copy is not None:
            return self._copied(copy)
        whole = self._whole.find(text)
        return None if whole is None else Verdict(f"holds the whole of {self._what}", duplicate_of=self._rows[whole].id)

    def _by_meaning(self, texts: Sequence[str]) -> list[Verdict | None]:
        from textsynth.similarity.vectors import nearest

        if self._vectors is None:
            self._vectors = self._context.embed([row.text for row in self._rows])
        vectors = self._context.embed(texts)
        verdicts: list[Verdict | None] = []
        for text, vector, cosine, row in zip(texts, vectors, *nearest(vectors, self._vectors), strict=True):
            if cosine >= self._step.semantic:
                told = f"says the same as {self._what}"
                verdicts.append(Verdict(told, round(float(cosine), 4), self._step.semantic, self._rows[row].id))
                continue
            copy = self._copies.nearest(text, partial(_cosine, self._vectors, vector))
            verdicts.append(None if copy is None else self._copied(copy))
        return verdicts

    def _copied(self, copy: OverlapMatch) -> Verdict:
        twin = self._rows[copy.row].id
        if copy.kind == "edited":
            return Verdict(f"differs in few words from {self._what}", copy.differing_words, self._step.edits, twin)
        told = f"copies {self._what}" if copy.kind == "same" else f"shares most of its words with {self._what}"
        return Verdict(told, round(copy.similarity, 4), self._step.similarity, twin)


def _cosine(among: NDArray[np.float32], vector: NDArray[np.float32], row: int) -> float:
    return float(among[row] @ vector)
