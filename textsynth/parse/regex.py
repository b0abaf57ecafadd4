"""The answer fits a regular expression as a whole."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import CUT, EMPTY, ParsedAnswer, ParseFailure, Reader, parsed_answer
from textsynth.parse.list_markers import strip_outer


class Regex(Reader):
    """One text that `pattern` matches from its first letter to its last; an engine that can is held to it.

    With a group `(?P<text>…)` the text is what stands in it; engines get the pattern without the group's name.
    """

    pattern: str = Field(min_length=1, description="what the answer looks like: [A-Z]{2}-[0-9]{4}")

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            found = re.compile(value)
        except re.error as fault:
            raise ValueError(f"{value!r} is no regular expression: {fault}") from fault
        others = sorted(set(found.groupindex) - {"text"})
        if others:
            raise ValueError(f"only the group 'text' may have a name, but {others[0]!r} has one")
        return value

    @property
    def constraint(self) -> Constraint:
        """The pattern."""
        return Constraint("regex", self.pattern.replace("(?P<text>", "("))

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Return the text, or the fault that the answer has another form."""
        told = strip_outer(answer)
        found = re.fullmatch(self.pattern, told)
        if found is not None:
            return parsed_answer((strip_outer(found["text"] if "text" in found.re.groupindex else told),))
        if cut or not told:
            return parsed_answer((), (ParseFailure(answer, CUT if cut else EMPTY),))
        return parsed_answer((), (ParseFailure(answer, f"the answer does not fit the pattern: {self.pattern!r}"),))
