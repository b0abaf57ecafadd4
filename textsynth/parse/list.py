"""The answer is a list: numbered (`1.` `1)` `(1)`), bulleted (`-` `*` `•`), or plain lines.

Lines that follow an item without a mark belong to it. What stands before the list, after it and between its parts
(«Sure, here are five:», headings, a closing word) is no item; it is a fault only where nothing else can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from textsynth.parse import CUT, EMPTY, EMPTY_PIECE, ParsedAnswer, ParseFailure, Reader, parsed_answer
from textsynth.parse.list_markers import answer_lines, parse_marker, strip_outer, strip_quotes

NO_LIST = "the answer is no list: nothing but an introduction"
NO_MORE = "the answer does not go on with the list that the prompt began"
NESTED = "an item holds a list of its own"


class List(Reader):
    """A list of texts, in the order of the answer; the same text twice stays."""

    continues: bool = Field(
        default=False,
        description="the answer goes on with the prompt's list: its first item has no mark",
    )
    strip_quotes: bool = Field(default=True, description="take off one pair of quotes that encloses an item")
    most: int | None = Field(default=None, ge=1, description="texts taken of one answer; the rest are faults")

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Return the items. When the answer was cut off, its last item is a fault unless its line had ended."""
        told = strip_outer(answer)
        if not told:
            return parsed_answer((), (ParseFailure(answer, CUT if cut else EMPTY),))
        if not self.continues and _is_json(told):
            return parsed_answer((), (ParseFailure(answer, "the answer is JSON, where a list was asked for"),))
        lines = answer_lines(answer)
        items = _continued(lines) if self.continues else _listed(lines)
        if not items:
            return parsed_answer((), (ParseFailure(answer, CUT if cut else NO_MORE if self.continues else NO_LIST),))
        if cut and items[-1].last == len(lines) - 1:
            items[-1].fault = CUT
        return self._reading(items)

    def _reading(self, items: Iterable[_Item]) -> ParsedAnswer:
        texts: list[str] = []
        faults: list[ParseFailure] = []
        for item in items:
            text = strip_quotes(item.text) if self.strip_quotes else item.text
            reason = item.fault or (EMPTY_PIECE if not text else None)
            if reason is None and self.most is not None and len(texts) == self.most:
                reason = f"more items than the {self.most} asked for"
            if reason is None:
                texts.append(text)
            else:
                faults.append(ParseFailure(item.raw, reason))
        return parsed_answer(texts, faults)


@dataclass(slots=True)
class _Item:
    """An item while it is read: its lines by paragraph, the line it ends on, and what is wrong with it."""

    last: int
    lines: list[str]
    paragraphs: list[list[str]] = field(default_factory=list)
    fault: str | None = None

    @property
    def raw(self) -> str:
        return "\n".join(self.lines)

    @property
    def text(self) -> str:
        told = (strip_outer(" ".join(filter(None, map(strip_outer, lines)))) for lines in self.paragraphs)
        return strip_outer("\n".join(filter(None, told)))

    def add(self, at: int, line: str, *, paragraph: bool) -> None:
        """Take a line in: one that is wrapped, or the first of another paragraph."""
        self.last = at
        self.lines.append(line)
        if paragraph:
            self.paragraphs.append([])
        self.paragraphs[-1].append(line)


def _listed(lines: Sequence[str]) -> list[_Item]:
    """Read a list with marks, or, where no line has any, take each line for an item."""
    first = next((mark for mark in map(parse_marker, lines) if mark is not None), None)
    if first is None:
        return _plain(lines)
    items: list[_Item] = []
    # Lines after a blank one: of the item before them if a further item follows, else perhaps a closing word.
    loose: list[tuple[int, str]] = []
    blank = False
    for at, line in enumerate(lines):
        mark = parse_marker(line)
        if mark is not None and (mark.number is None) == (first.number is None) and mark.indent < first.indent + 2:
            _settle(items, loose)
            items.append(_Item(at, [line], [[mark.text]]))
            blank = False
        elif not strip_outer(line):
            blank = True
        elif items and mark is not None:
            items[-1].add(at, line, paragraph=False)
            items[-1].fault = NESTED
        elif items and not blank:
            items[-1].add(at, line, paragraph=False)
        elif items:
            loose.append((at, line))
    if loose and (any(len(item.paragraphs) > 1 for item in items) or loose[0][1][:1] in {" ", "\t"}):
        _settle(items, loose)
    return items


def _settle(items: list[_Item], loose: list[tuple[int, str]]) -> None:
    """Give the paragraphs between two items to the first of them; a heading right before the second is no text."""
    if loose and _is_heading(loose[-1][1]):
        loose.pop()
    before = None
    for at, line in loose:
        items[-1].add(at, line, paragraph=before is None or at > before + 1)
        before = at
    loose.clear()


def _plain(lines: Sequence[str]) -> list[_Item]:
    items = [_Item(at, [line], [[line]]) for at, line in enumerate(lines) if strip_outer(line)]
    return [item for item in items if not _announces(item.raw)]


def _continued(lines: Sequence[str]) -> list[_Item]:
    """Read on in the prompt's list, up to a blank line, a line without a mark, or a list that starts anew."""
    items: list[_Item] = []
    number: int | None = None
    for at, line in enumerate(lines):
        if not strip_outer(line):
            if items:
                break
            continue
        mark = parse_marker(line)
        if mark is None and at > 0:
            break
        if mark is not None and mark.number is not None:
            if items and mark.number != (number + 1 if number is not None else max(2, mark.number)):
                break
            number = mark.number
        items.append(_Item(at, [line], [[line if mark is None else mark.text]]))
    return items


def _announces(line: str) -> bool:
    """Tell whether a line announces others: it ends with a colon or is a Markdown heading."""
    told = strip_outer(line)
    return told.startswith("#") or strip_outer(told.strip("*_")).endswith((":", "："))


def _is_heading(line: str) -> bool:
    """Tell whether a line between two items is a heading: it announces others, or all of it is bold."""
    told = strip_outer(line)
    return _announces(line) or (told[:2] == told[-2:] == "**" and len(told) > 4)


def _is_json(told: str) -> bool:
    if told[0] not in "[{":
        return False
    try:
        return isinstance(json.loads(told), list | dict)
    except (ValueError, RecursionError):
        return False
