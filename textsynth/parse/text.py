"""The whole answer is one text."""

from __future__ import annotations

from pydantic import Field

from textsynth.parse import CUT, EMPTY, Fault, Reader, Reading, reading
from textsynth.parse.list_markers import stripped, unquoted


class Text(Reader):
    """One text: blank space around it is cut off, and one pair of quotes that encloses it."""

    first_line: bool = Field(default=False, description="take the first line only, for prompts that a model continues")

    def read(self, answer: str, *, cut: bool = False) -> Reading:
        """Return the text; an answer that is empty, or cut off before it ended, is a fault."""
        told = stripped(answer)
        if self.first_line and told:
            line, newline, _ = told.partition("\n")
            # whatever comes after the first line, the line itself has ended
            cut = cut and not newline and not answer.endswith("\n")
            told = stripped(line)
        text = unquoted(told)
        if cut or not text:
            return reading((), (Fault(answer, CUT if cut else EMPTY),))
        return reading((text,))
