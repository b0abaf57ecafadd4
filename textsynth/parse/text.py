"""The whole answer is one text."""

from __future__ import annotations

from pydantic import Field

from textsynth.parse import CUT, EMPTY, ParsedAnswer, ParseFailure, Reader, parsed_answer
from textsynth.parse.list_markers import strip_outer, strip_quotes


class Text(Reader):
    """One text: blank space around it is cut off, and one pair of quotes that encloses it."""

    first_line: bool = Field(default=False, description="take the first line only, for prompts that a model continues")

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Return the text; an answer that is empty, or cut off before it ended, is a fault."""
        told = strip_outer(answer)
        if self.first_line and told:
            line, newline, _ = told.partition("\n")
            # whatever comes after the first line, the line itself has ended
            cut = cut and not newline and not answer.endswith("\n")
            told = strip_outer(line)
        text = strip_quotes(told)
        if cut or not text:
            return parsed_answer((), (ParseFailure(answer, CUT if cut else EMPTY),))
        return parsed_answer((text,))
