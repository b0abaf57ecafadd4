r"""Reads an answer that must match a regular expression from its first to its last character.

Patterns such as `(\w+ ?)+` can take longer than the age of the universe for an answer of a hundred characters. The
package `regex`, which understands the syntax of Python's `re`, ends such a search after `MAX_SECONDS` of CPU time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Protocol

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import EMPTY, TOO_LONG, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer, too_long
from textsynth.parse.list_markers import strip_outer
from textsynth.parse.whole_text import whole_text

TEXT_GROUP = "text"
MAX_SECONDS = 0.25
"""CPU time for one answer; ordinary patterns take less than a millisecond."""
TOO_SLOW = (
    f"the pattern of `answer: regex` took longer than {MAX_SECONDS} s: write it without repetitions inside repetitions"
)
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
            _bounded(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        except ValueError as error:
            raise ValueError(f"{pattern!r} is not a regular expression that can be bounded: {error}") from error
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
        if too_long(answer):
            return failed_answer(answer, TOO_LONG)
        stripped = strip_outer(answer)
        try:
            match = self._match(stripped) or self._match_unwrapped(stripped)
        except TimeoutError:
            return failed_answer(answer, TOO_SLOW)
        if match is not None:
            groups = {name: strip_outer(content) for name, content in match.groupdict().items() if content is not None}
            text = groups.pop(TEXT_GROUP, match[0] if TEXT_GROUP not in match.re.groupindex else "")
            return parsed_answer((text,), fields=(groups,) if groups else None)
        if truncated or not stripped:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        return failed_answer(answer, f"the answer does not match the pattern: {self.pattern!r}")

    def _match(self, text: str) -> re.Match[str] | None:
        """Return the match of the whole text. Raises TimeoutError after MAX_SECONDS of CPU time."""
        return _bounded(self.pattern).fullmatch(text, timeout=MAX_SECONDS)

    def _match_unwrapped(self, answer: str) -> re.Match[str] | None:
        """Return the match of the answer without a code fence, quotes or bold type around it."""
        text, reason = whole_text(answer)
        return None if reason is not None or text == answer else self._match(text)


class _Pattern(Protocol):
    """A compiled pattern of the package `regex`."""

    def fullmatch(self, text: str, *, timeout: float) -> re.Match[str] | None:
        """Return the match of the whole text. Raises TimeoutError after `timeout` seconds of CPU time."""


@lru_cache(maxsize=64)
def _bounded(pattern: str) -> _Pattern:
    """Return the pattern compiled by the package `regex`. Raises ValueError where only `re` understands it."""
    import regex

    try:
        compiled: _Pattern = regex.compile(pattern, regex.VERSION0)
    except regex.error as error:
        raise ValueError(str(error)) from error
    return compiled
