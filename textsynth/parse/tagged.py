"""Reads texts between tags: `<review>…</review>`. Everything outside of the tags is ignored."""

from __future__ import annotations

import re
from typing import NamedTuple

from pydantic import Field, field_validator

from textsynth.parse import (
    EMPTY,
    MAX_LINES,
    TOO_LONG,
    TOO_MANY,
    TRUNCATED,
    ParsedAnswer,
    ParseFailure,
    Reader,
    failed_answer,
    parsed_answer,
    too_long,
)
from textsynth.parse.item_wrappers import mark_left, unwrap_texts
from textsynth.parse.list_markers import strip_outer
from textsynth.parse.structures import without_declarations
from textsynth.parse.thinking import THINKING_TAGS


class TaggedReader(Reader):
    """Reads the texts between `<tag>` and `</tag>`, in the order of the answer."""

    tag: str = Field(
        default="text", pattern=r"^[A-Za-z][\w-]*$", description="the name of the tag, without angle brackets"
    )

    @field_validator("tag")
    @classmethod
    def _check_tag(cls, tag: str) -> str:
        if tag.casefold() in THINKING_TAGS:
            raise ValueError(f"<{tag}> encloses a model's reasoning, which is removed from answers; choose another tag")
        return tag

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the texts. An unclosed tag, a closing tag without an opening one, and nested tags are failures."""
        if not strip_outer(answer):
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        if too_long(answer):
            return failed_answer(answer, TOO_LONG)
        if "<!" in answer:
            answer = without_declarations(answer)
        scan = _TagScan(self.tag, answer)
        for tag in re.finditer(rf"<(/?){self.tag}(?:\s[^<>]*)?>", answer, re.IGNORECASE):
            if tag[1]:
                scan.close(tag)
            else:
                scan.open(tag)
            if len(scan.texts) + len(scan.failures) > MAX_LINES:
                return failed_answer(answer, TOO_MANY)
        scan.finish(TRUNCATED if truncated else None)
        texts = unwrap_texts(scan.texts, quotes=None)
        marked = [ParseFailure(text, reason) for text in texts if (reason := mark_left(text)) is not None]
        return parsed_answer([text for text in texts if mark_left(text) is None], [*scan.failures, *marked])


class _UnclosedTag(NamedTuple):
    """An opening tag that another opening tag follows: its position, and the counts of results at that time."""

    start: int
    texts: int
    failures: int


class _TagScan:
    """Collects the texts and failures of one answer, tag by tag."""

    def __init__(self, tag: str, answer: str) -> None:
        self.texts: list[str] = []
        self.failures: list[ParseFailure] = []
        self._tag = tag
        self._answer = answer
        self._opening: re.Match[str] | None = None
        # The model forgot to close this tag, unless a closing tag too many shows that the others were nested in it.
        self._unclosed: _UnclosedTag | None = None

    def open(self, tag: re.Match[str]) -> None:
        if self._opening is not None:
            if self._unclosed is None:
                self._unclosed = _UnclosedTag(self._opening.start(), len(self.texts), len(self.failures))
            self._fail(self._opening.start(), tag.start(), f"a <{self._tag}> is not closed")
        self._opening = tag

    def close(self, tag: re.Match[str]) -> None:
        if self._opening is not None:
            self.texts.append(strip_outer(self._answer[self._opening.end() : tag.start()]))
            self._opening = None
        elif self._unclosed is not None:
            del self.texts[self._unclosed.texts :], self.failures[self._unclosed.failures :]
            self._fail(self._unclosed.start, tag.end(), f"a <{self._tag}> contains another <{self._tag}>")
            self._unclosed = None
        else:
            self._fail(tag.start(), tag.end(), f"a {tag[0]} has no opening tag")

    def finish(self, reason: str | None) -> None:
        """End the scan. `reason` overrides the reason of a failure at the end of the answer."""
        if self._opening is not None:
            self._fail(self._opening.start(), len(self._answer), reason or f"a <{self._tag}> is not closed")
        elif not self.texts and not self.failures:
            self._fail(0, len(self._answer), reason or f"the answer has no <{self._tag}>…</{self._tag}>")

    def _fail(self, start: int, end: int, reason: str) -> None:
        self.failures.append(ParseFailure(self._answer[start:end], reason))
