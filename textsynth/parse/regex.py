"""Reads an answer that must match a regular expression from its first to its last character."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer
from textsynth.parse.list_markers import strip_outer


class Regex(Reader):
    """Reads one text that matches `pattern` as a whole. An engine with guided decoding is held to the pattern.

    With a group `(?P<text>…)` in the pattern, the text is the content of this group. Engines get the pattern without
    the name of the group.
    """

    pattern: str = Field(
        min_length=1, description="regular expression (Python) for the whole answer: [A-Z]{2}-[0-9]{4}"
    )

    @field_validator("pattern")
    @classmethod
    def _check_compiles(cls, pattern: str) -> str:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        other_names = sorted(set(compiled.groupindex) - {"text"})
        if other_names:
            raise ValueError(f"only the group 'text' may have a name, but {other_names[0]!r} has one")
        return pattern

    @property
    def constraint(self) -> Constraint:
        """The pattern."""
        return Constraint("regex", self.pattern.replace("(?P<text>", "("))

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the text, or a failure where the answer does not match the pattern."""
        stripped = strip_outer(answer)
        match = re.fullmatch(self.pattern, stripped)
        if match is not None:
            return parsed_answer((strip_outer(match["text"] if "text" in match.re.groupindex else stripped),))
        if truncated or not stripped:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        return failed_answer(answer, f"the answer does not match the pattern: {self.pattern!r}")
