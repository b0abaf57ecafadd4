"""Reads the whole answer as one text."""

from __future__ import annotations

from pydantic import Field

from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer
from textsynth.parse.list_markers import strip_outer, strip_quotes


class TextReader(Reader):
    """Reads one text, without the white space around it and without one pair of quotes that encloses all of it."""

    first_line: bool = Field(
        default=False, description="take only the first line, for prompts whose text the model continues"
    )

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the text. An empty or truncated answer is a failure."""
        text = strip_outer(answer)
        if self.first_line and text:
            line, newline, _ = text.partition("\n")
            # A line that a line break follows is complete, even where the answer was truncated later.
            truncated = truncated and not newline and not answer.endswith("\n")
            text = strip_outer(line)
        text = strip_quotes(text)
        if truncated or not text:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        return parsed_answer((text,))
