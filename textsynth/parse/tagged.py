"""The answer's texts stand between tags: `<review>…</review>`. What stands outside is not read."""

from __future__ import annotations

import re

from pydantic import Field

from textsynth.parse import CUT, EMPTY, ParsedAnswer, ParseFailure, Reader, parsed_answer
from textsynth.parse.list_markers import strip_outer


class Tagged(Reader):
    """The texts between `<tag>` and `</tag>`, in the order of the answer."""

    tag: str = Field(default="text", pattern=r"^[A-Za-z][\w-]*$", description="the name between the angle brackets")

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Return the texts; a tag that is never closed, closed without being open, or nested is a fault."""
        if not strip_outer(answer):
            return parsed_answer((), (ParseFailure(answer, CUT if cut else EMPTY),))
        pieces = _Pieces(self.tag, answer)
        for mark in re.finditer(rf"<(/?){self.tag}(?:\s[^<>]*)?>", answer, re.IGNORECASE):
            if mark[1]:
                pieces.close(mark)
            else:
                pieces.open(mark)
        pieces.end(CUT if cut else None)
        return parsed_answer(pieces.texts, pieces.faults)


class _Pieces:
    """The pieces of one answer while its tags are walked."""

    def __init__(self, tag: str, answer: str) -> None:
        self.texts: list[str] = []
        self.faults: list[ParseFailure] = []
        self._tag = tag
        self._answer = answer
        self._begin: re.Match[str] | None = None
        # Where a tag was open when another opened, and how much was found till then: it was forgotten, unless a
        # closing tag too many shows that it holds the others.
        self._doubt: tuple[int, int, int] | None = None

    def open(self, mark: re.Match[str]) -> None:
        if self._begin is not None:
            if self._doubt is None:
                self._doubt = (self._begin.start(), len(self.texts), len(self.faults))
            self._fault(self._begin.start(), mark.start(), f"a <{self._tag}> is not closed")
        self._begin = mark

    def close(self, mark: re.Match[str]) -> None:
        if self._begin is not None:
            self.texts.append(strip_outer(self._answer[self._begin.end() : mark.start()]))
            self._begin = None
        elif self._doubt is not None:
            start, texts, faults = self._doubt
            del self.texts[texts:], self.faults[faults:]
            self._fault(start, mark.end(), f"a <{self._tag}> holds another one")
            self._doubt = None
        else:
            self._fault(mark.start(), mark.end(), f"a {mark[0]} closes nothing")

    def end(self, reason: str | None) -> None:
        if self._begin is not None:
            self._fault(self._begin.start(), len(self._answer), reason or f"a <{self._tag}> is not closed")
        elif not self.texts and not self.faults:
            self._fault(0, len(self._answer), reason or f"the answer has no <{self._tag}>…</{self._tag}>")

    def _fault(self, start: int, end: int, reason: str) -> None:
        self.faults.append(ParseFailure(self._answer[start:end], reason))
