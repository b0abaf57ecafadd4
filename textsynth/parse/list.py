"""Reads a list: numbered (`1.` `1)` `(1)`), bulleted (`-` `*` `•`), or plain lines.

Lines without a marker that follow an item belong to it. Text before the list, after it and between its parts ("Sure,
here are five:", headings, a closing sentence) is not an item. It is a failure only where the answer has no item.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from textsynth.parse import (
    EMPTY,
    EMPTY_ITEM,
    TRUNCATED,
    ParsedAnswer,
    ParseFailure,
    Reader,
    failed_answer,
    parsed_answer,
)
from textsynth.parse.list_markers import answer_lines, parse_marker, strip_outer, strip_quotes

NO_LIST = "the answer has no list, only an introduction"
NO_CONTINUATION = "the answer does not continue the list of the prompt"
NESTED = "an item contains a list of its own"


class ListReader(Reader):
    """Reads a list of texts, in the order of the answer. Repeated texts are kept."""

    continues: bool = Field(
        default=False, description="the answer continues the prompt's list, so that its first item has no marker"
    )
    strip_quotes: bool = Field(default=True, description="remove one pair of quotes that encloses an item")
    most: int | None = Field(
        default=None, ge=1, description="how many texts to take from one answer; further items are failures"
    )

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the items. The last item of a truncated answer is a failure unless its line had ended."""
        stripped = strip_outer(answer)
        if not stripped:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        if not self.continues and _is_json(stripped):
            return failed_answer(answer, "the answer is JSON, but a list was requested")
        lines = answer_lines(answer)
        items = _read_continuation(lines) if self.continues else _read_list(lines)
        if not items:
            return failed_answer(
                answer, TRUNCATED if truncated else NO_CONTINUATION if self.continues else NO_LIST
            )  # fmt: skip
        if truncated and items[-1].last_line == len(lines) - 1:
            items[-1].failure = TRUNCATED
        return self._parsed(items)

    def _parsed(self, items: Iterable[_Item]) -> ParsedAnswer:
        texts: list[str] = []
        failures: list[ParseFailure] = []
        for item in items:
            text = strip_quotes(item.text) if self.strip_quotes else item.text
            reason = item.failure or (EMPTY_ITEM if not text else None)
            if reason is None and self.most is not None and len(texts) == self.most:
                reason = f"more items than the {self.most} requested"
            if reason is None:
                texts.append(text)
            else:
                failures.append(ParseFailure(item.raw, reason))
        return parsed_answer(texts, failures)


@dataclass(slots=True)
class _Item:
    """An item while the answer is read: the index of its last line, its lines, its paragraphs, why it is a failure."""

    last_line: int
    lines: list[str]
    paragraphs: list[list[str]] = field(default_factory=list)
    failure: str | None = None

    @property
    def raw(self) -> str:
        return "\n".join(self.lines)

    @property
    def text(self) -> str:
        paragraphs = (strip_outer(" ".join(filter(None, map(strip_outer, lines)))) for lines in self.paragraphs)
        return strip_outer("\n".join(filter(None, paragraphs)))

    def add(self, index: int, line: str, *, starts_paragraph: bool) -> None:
        """Add line `index` of the answer to the item's last paragraph, or as the first line of a new one."""
        self.last_line = index
        self.lines.append(line)
        if starts_paragraph:
            self.paragraphs.append([])
        self.paragraphs[-1].append(line)


def _read_list(lines: Sequence[str]) -> list[_Item]:
    """Return the items of a list with markers, or each line as an item where no line has a marker."""
    first = next((marker for marker in map(parse_marker, lines) if marker is not None), None)
    if first is None:
        return _read_plain_lines(lines)
    items: list[_Item] = []
    # Lines after a blank line. They belong to the item before them if another item follows; otherwise they may be a
    # closing sentence.
    pending: list[tuple[int, str]] = []
    after_blank = False
    for index, line in enumerate(lines):
        marker = parse_marker(line)
        if (
            marker is not None
            and (marker.number is None) == (first.number is None)
            and marker.indent < first.indent + 2
        ):
            _add_pending(items, pending)
            items.append(_Item(index, [line], [[marker.text]]))
            after_blank = False
        elif not strip_outer(line):
            after_blank = True
        elif items and marker is not None:
            items[-1].add(index, line, starts_paragraph=False)
            items[-1].failure = NESTED
        elif items and not after_blank:
            items[-1].add(index, line, starts_paragraph=False)
        elif items:
            pending.append((index, line))
    if pending and (any(len(item.paragraphs) > 1 for item in items) or pending[0][1][:1] in {" ", "\t"}):
        _add_pending(items, pending)
    return items


def _add_pending(items: list[_Item], pending: list[tuple[int, str]]) -> None:
    """Add the paragraphs between two items to the first of them, without a heading right before the second."""
    if pending and _is_heading(pending[-1][1]):
        pending.pop()
    previous = None
    for index, line in pending:
        items[-1].add(index, line, starts_paragraph=previous is None or index > previous + 1)
        previous = index
    pending.clear()


def _read_plain_lines(lines: Sequence[str]) -> list[_Item]:
    items = [_Item(index, [line], [[line]]) for index, line in enumerate(lines) if strip_outer(line)]
    return [item for item in items if not _is_introduction(item.raw)]


def _read_continuation(lines: Sequence[str]) -> list[_Item]:
    """Read up to a blank line, a line without a marker, or a number that does not follow the one before."""
    items: list[_Item] = []
    number: int | None = None
    for index, line in enumerate(lines):
        if not strip_outer(line):
            if items:
                break
            continue
        marker = parse_marker(line)
        if marker is None and index > 0:
            break
        if marker is not None and marker.number is not None:
            expected = number + 1 if number is not None else max(2, marker.number)
            if items and marker.number != expected:
                break
            number = marker.number
        items.append(_Item(index, [line], [[line if marker is None else marker.text]]))
    return items


def _is_introduction(line: str) -> bool:
    """Return whether a line introduces others: it ends with a colon or is a Markdown heading."""
    text = strip_outer(line)
    return text.startswith("#") or strip_outer(text.strip("*_")).endswith((":", "："))


def _is_heading(line: str) -> bool:
    """Return whether a line between two items is a heading: it introduces others, or all of it is bold."""
    text = strip_outer(line)
    return _is_introduction(line) or (text[:2] == text[-2:] == "**" and len(text) > 4)


def _is_json(text: str) -> bool:
    if text[0] not in "[{":
        return False
    try:
        return isinstance(json.loads(text), list | dict)
    except (ValueError, RecursionError):
        return False
