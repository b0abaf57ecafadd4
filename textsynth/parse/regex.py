"""Reads an answer that must match a regular expression from its first to its last character."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer
from textsynth.parse.list_markers import strip_outer

TEXT_GROUP = "text"
_GROUP_NAME = re.compile(r"(?<!\\)\(\?P<\w+>")


class RegexReader(Reader):
    """Reads one text that matches `pattern` as a whole. An engine with guided decoding is held to the pattern.

    With a group `(?P<text>…)` in the pattern, the text is the content of this group, and groups of other names are
    fields of the text; a group that takes no part in the match gives no field. Engines get the pattern without the
    names of the groups.
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
        names = list(compiled.groupindex)
        if names and TEXT_GROUP not in names:
            raise ValueError(f"one group must be named 'text', but only {names[0]!r} has a name")
        return pattern

    @property
    def constraint(self) -> Constraint:
        """The pattern."""
        return Constraint("regex", _GROUP_NAME.sub("(", self.pattern))

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the groups besides `text`."""
        return tuple(name for name in re.compile(self.pattern).groupindex if name != TEXT_GROUP)

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the text, or a failure where the answer does not match the pattern."""
        stripped = strip_outer(answer)
        match = re.fullmatch(self.pattern, stripped)
        if match is not None:
            groups = {name: strip_outer(content) for name, content in match.groupdict().items() if content is not None}
            text = groups.pop(TEXT_GROUP, stripped if TEXT_GROUP not in match.re.groupindex else "")
            return parsed_answer((text,), fields=(groups,) if groups else None)
        if truncated or not stripped:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        return failed_answer(answer, f"the answer does not match the pattern: {self.pattern!r}")
