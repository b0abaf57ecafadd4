"""The whole answer is one text."""

from __future__ import annotations

from pydantic import Field

from textsynth.parse import CUT, EMPTY, Fault, Reader, Reading
from textsynth.parse.marks import stripped, unquoted


class Text(Reader):
    """One text: blank space around it is cut off, and one pair of quotes that encloses it."""

    first_line: bool = Field(False, description="take the first line only, for prompts that a model continues")

    def read(self, answer: str, *, cut: bool = False) -> Reading:
        """Return the text; an answer that is empty, or cut off before it ended, is a fault."""
        told = stripped(answer)
        if not told:
            return Reading(faults=(Fault(answer, CUT if cut else EMPTY),))
        if self.first_line:
            line, newline, _ = told.partition("\n")
            cut = cut and not newline
            told = stripped(line)
        if cut:
            return Reading(faults=(Fault(answer, CUT),))
        text = unquoted(told)
        if not text:
            return Reading(faults=(Fault(answer, EMPTY),))
        return Reading(texts=(text,))
