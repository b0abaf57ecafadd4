"""Reads the whole answer as one text."""

from __future__ import annotations

from pydantic import Field

from textsynth.parse import EMPTY, TOO_LONG, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer, too_long
from textsynth.parse.list_markers import strip_outer, strip_quotes
from textsynth.parse.whole_text import whole_text


class TextReader(Reader):
    """Reads one text, without the white space around it and without one pair of quotes that encloses all of it.

    What else encloses the whole text is removed, too: a code fence, a tag, JSON with one text, bold type, a lead-in
    ("Here is the summary:"). An answer that is JSON with several texts is a failure.
    """

    first_line: bool = Field(
        default=False, description="take only the first line, for prompts whose text the model continues"
    )

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the text. An empty or truncated answer is a failure."""
        if too_long(answer):
            return failed_answer(answer, TOO_LONG)
        text = strip_outer(answer)
        if self.first_line and text:
            line, newline, _ = text.partition("\n")
            # A line that a line break follows is complete, even where the answer was truncated later.
            truncated = truncated and not newline and not answer.endswith("\n")
            text = strip_outer(line)
        if truncated or not text:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        text, reason = (strip_quotes(text), None) if self.first_line else whole_text(text)
        if reason is not None or not text:
            return failed_answer(answer, reason or EMPTY)
        return parsed_answer((text,))
