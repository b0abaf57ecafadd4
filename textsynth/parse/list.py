"""Reads a list: with marks of any kind (`1.` `[1]` `a)` `-` `•`), as plain lines, JSON, a table, HTML or XML.

Lines without a marker that follow an item belong to it. Text before the list, after it and between its parts ("Sure,
here are five:", headings, a closing sentence) is not an item. It is a failure only where the answer has no item. What
encloses the items (quotes, bold type, keys) is removed; an item whose mark cannot be removed with certainty is a
failure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import Field

from textsynth.parse import (
    EMPTY,
    EMPTY_ITEM,
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
from textsynth.parse.item_wrappers import mark_left, unwrap_texts, without_container
from textsynth.parse.json import JsonReader
from textsynth.parse.lenient_json import decode_string
from textsynth.parse.list_markers import ITEM_NAMES, MarkedLine, answer_lines, parse_marker, parse_markers, strip_outer
from textsynth.parse.remarks import is_closing_remark, is_lead_in
from textsynth.parse.structures import (
    LINE_BREAK_TAG,
    MAX_HEADER,
    Parts,
    json_body,
    read_delimited,
    read_structure,
    without_declarations,
)

NO_LIST = "the answer has no list, only an introduction"
NO_CONTINUATION = "the answer does not continue the list of the prompt"
NESTED = "an item contains a list of its own"
REMARK = "a remark to the user, not an item"
SEVERAL_IN_LINE = "an item contains the mark of the next item"
_MARKED_HEADING = re.compile(r"[ \t]*(?:#{1,6}[ \t].*|\*\*[^*\n]+\*\*[:：]?[ \t]*)")
_FIRST_AFTER_COLON = re.compile(r"[:：][ \t*_]{0,5}1[.)][*_]{0,3}[ \t]+(\S.*)")
_FIELD = re.compile(r"[\s\"'*_]{0,12}([A-Za-z]\w{0,20})[\"'*_]{0,3}[ \t]?[:：][*_]{0,3}[ \t]+\S")
_HEADING = re.compile(r"#{1,6}(?:\s|\Z)")
_PLAN = re.compile(
    r"[\W_]*(?:(?:my|the) )?(?:plan|approach|steps|thinking|thoughts?|reasoning|analysis|outline|strategy|brainstorming"
    r"|ideas|themes|considerations)[\W_]*",
    re.IGNORECASE,
)
_INVISIBLE = "\ufeff\u200b\u2060\u200e\u200f\x00"
_BULLET_IN_LINE = re.compile(r"[ \t][•●▪‣◦][ \t]*")
_NUMBER_IN_LINE = re.compile(r"(?<=[ \t])(\d{1,3})[.)][ \t]+")


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
        if too_long(answer):
            return failed_answer(answer, TOO_LONG)
        if "\\" in stripped:
            answer = _with_line_ends(answer)
            stripped = strip_outer(answer)
        if stripped[0] == "<" and ("<!" in stripped or "<?" in stripped):
            stripped = answer = without_declarations(stripped) or stripped
        if not self.continues:
            content = without_container(stripped)
            if content is not None:
                stripped = answer = content
            answer = LINE_BREAK_TAG.sub("\n", answer) if "<br" in stripped.lower() else answer
            structure = read_structure(stripped) or self._read_delimited(stripped)
            if structure is not None:
                return self._read_structure(stripped, structure, truncated=truncated)
        lines = answer_lines(answer.lstrip(_INVISIBLE))
        items = _read_continuation(lines) if self.continues else _read_list(lines)
        if not items:
            return failed_answer(
                answer, TRUNCATED if truncated else NO_CONTINUATION if self.continues else NO_LIST
            )  # fmt: skip
        if truncated and items[-1].last_line == len(lines) - 1:
            items[-1].failure = TRUNCATED
        return self._parsed(items)

    @staticmethod
    def _read_delimited(answer: str) -> Parts | None:
        """Read CSV below a header; a first line that begins with a digit or is long is none, which is cheap to see."""
        is_header = not answer[0].isdigit() and answer.find("\n", 0, MAX_HEADER) > -1
        return read_delimited(answer_lines(answer)) if is_header else None

    def _read_structure(self, answer: str, structure: Parts | str, *, truncated: bool) -> ParsedAnswer:
        """Return the texts of an answer that is JSON, a table, HTML or XML; of a truncated one the complete texts."""
        if isinstance(structure, str):
            body = json_body(answer) if truncated else None
            if body is None:
                return failed_answer(answer, TRUNCATED if truncated else structure)
            result = JsonReader().read(body, truncated=True)
            return self._parsed([_Item(0, [text], [[text]]) for text in result.texts], result.failures)
        texts, failures = structure
        if len(texts) + len(failures) > MAX_LINES:
            return failed_answer(answer, TOO_MANY)
        items = [_Item(0, [text], [[text]]) for text in texts]
        if truncated and failures and answer.endswith(failures[-1][0]):
            failures[-1] = (failures[-1][0], TRUNCATED)
        elif truncated and items and answer.rstrip("|").rstrip().endswith(items[-1].raw):
            items[-1].failure = TRUNCATED
        return self._parsed(items, [ParseFailure(raw, reason) for raw, reason in failures])

    def _parsed(self, items: Sequence[_Item], more_failures: Sequence[ParseFailure] = ()) -> ParsedAnswer:
        texts: list[str] = []
        failures: list[ParseFailure] = []
        unwrapped = iter(unwrap_texts([item.text for item in items if item.failure is None], quotes=self.strip_quotes))
        for item in items:
            text = "" if item.failure is not None else next(unwrapped)
            reason = item.failure or (EMPTY_ITEM if not text else mark_left(text))
            if reason is None and self.most is not None and len(texts) == self.most:
                reason = f"more items than the {self.most} requested"
            if reason is None:
                texts.append(text)
            else:
                failures.append(ParseFailure(item.raw, reason))
        return parsed_answer(texts, [*failures, *more_failures])


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
        if len(self.paragraphs) == 1 and len(self.paragraphs[0]) == 1:
            return strip_outer(self.paragraphs[0][0])
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
    markers = parse_markers(lines)
    first = next((marker for marker in markers if marker is not None), None)
    if first is None:
        return _read_plain_lines(lines)
    position = _list_start(lines, markers, markers.index(first))
    first = markers[position] or first
    items = _items_before(lines, position, first)
    # Lines after a blank line. They belong to the item before them if another item follows; otherwise they may be a
    # closing sentence.
    pending: list[tuple[int, str]] = []
    after_blank = False
    for index, (line, marker) in enumerate(zip(lines[position:], markers[position:], strict=True), start=position):
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
        elif items and not after_blank and not pending and _MARKED_HEADING.fullmatch(line) is None:
            items[-1].add(index, line, starts_paragraph=False)
        elif items:
            pending.append((index, line))
    if pending and (
        any(len(item.paragraphs) > 1 for item in items) or pending[0][1][:1] in {" ", "\t"} or not items[-1].text
    ):
        _add_pending(items, pending)
    _remove_closing_remark(items[-1])
    _select_field(items)
    return _split_line(items[0], first) if len(items) == 1 and len(items[0].lines) == 1 else items


def _list_start(lines: Sequence[str], markers: Sequence[MarkedLine | None], position: int) -> int:
    """Return the index of the line that begins the list of texts.

    Bullets before a list with numbers are those of the repeated prompt, and a first list under a heading such as "Plan"
    is no list of texts, if the numbers begin again after it.
    """
    first = markers[position]
    if first is None or (first.number is not None and (not position or not _has_plan(lines[:position]))):
        return position
    for index in range(position + 1, len(lines) - 1):
        marker = markers[index]
        if marker is not None and marker.number == 1 and marker.indent <= first.indent:
            following = next((other for other in markers[index + 1 :] if other is not None), None)
            return index if following is not None and following.number == 2 else position
    return position


def _has_plan(lines: Sequence[str]) -> bool:
    heading = next((line for line in reversed(lines) if strip_outer(line)), "")
    return len(heading) < MAX_HEADER and _PLAN.fullmatch(heading) is not None


def _items_before(lines: Sequence[str], position: int, first: MarkedLine) -> list[_Item]:
    """Return item 1 where it follows a lead-in in one line, and the first line with a marker has item 2."""
    if first.number != 2 or not position:
        return []
    match = _FIRST_AFTER_COLON.search(lines[position - 1])
    return [] if match is None else [_Item(position - 1, [lines[position - 1]], [[match[1]]])]


def _select_field(items: Sequence[_Item]) -> None:
    """Take only the text of items that are written as fields, all with the same names: `text: …` above `label: …`."""
    if len(items[0].lines) < 2:
        return
    names: list[str] | None = None
    for item in items:
        matches = [_FIELD.match(line) for line in item.paragraphs[0]]
        found = [match[1].casefold() for match in matches if match is not None]
        if len(item.paragraphs) > 1 or len(found) < max(2, len(matches)) or (names is not None and found != names):
            return
        names = found
    usual = [name for name in names or () if name in ITEM_NAMES]
    if names is not None and len(usual) == 1 and len(set(names)) == len(names):
        for item in items:
            item.paragraphs = [[item.paragraphs[0][names.index(usual[0])]]]


def _with_line_ends(answer: str) -> str:
    """Return an answer without the backslashes of Markdown at the ends of its lines.

    In an answer in one line, escaped line ends become line ends if they separate list items.
    """
    stripped = strip_outer(answer)
    if "\n" in stripped:
        return stripped.removesuffix("\\").replace("\\\n", "\n") if "\\\n" in answer else answer
    stripped = strip_outer(decode_string(stripped))
    lines = stripped.replace("\\r\\n", "\\n").split("\\n")
    filled = [line for line in lines if strip_outer(line)]
    return "\n".join(lines) if len(filled) > 1 and all(map(parse_marker, filled)) else stripped


def _remove_closing_remark(item: _Item) -> None:
    """Remove a remark to the user at the end of the last item; it is not part of the list."""
    while len(item.lines) > 1 and is_closing_remark(item.lines[-1]) and item.paragraphs[-1][-1:] == item.lines[-1:]:
        item.lines.pop()
        item.paragraphs[-1].pop()
        if not item.paragraphs[-1] and len(item.paragraphs) > 1:
            item.paragraphs.pop()


def _split_line(item: _Item, marker: MarkedLine) -> list[_Item]:
    """Return the items of a list that is written in one line: `1. one 2. two 3. three`, `• one • two`.

    Two numbers are not enough to be sure ("1. Look at step 2. first"): the item is a failure then.
    """
    text = marker.text
    parts: list[str] = []
    if marker.number is None:
        parts = _BULLET_IN_LINE.split(text) if item.lines[0].lstrip()[0] in "•●▪‣◦" else [text]
    else:
        start, number = 0, marker.number
        for match in _NUMBER_IN_LINE.finditer(text):
            if int(match[1]) == number + 1:
                parts.append(text[start : match.start()])
                start, number = match.end(), number + 1
        parts.append(text[start:])
        if len(parts) == 2:
            item.failure = SEVERAL_IN_LINE
            return [item]
    return [item] if len(parts) == 1 else [_Item(item.last_line, [part], [[part]]) for part in parts]


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
    if len(items) > 1 and _are_headings([item.raw for item in items]):
        for item in items:
            item.paragraphs = [[strip_outer(item.raw).lstrip("# ")]]
        return items
    items = [item for item in items if not _is_introduction(item.raw)]
    if len(items) > 1:
        if is_lead_in(items[0].raw):
            items[0].failure = REMARK
        if is_closing_remark(items[-1].raw):
            items[-1].failure = REMARK
    return items


def _are_headings(lines: Sequence[str]) -> bool:
    """Return whether all lines are Markdown headings of one level, so that these are the items."""
    levels = {match[0] if match is not None else "" for match in map(_HEADING.match, map(strip_outer, lines))}
    return len(levels) == 1 and "" not in levels


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
    return _HEADING.match(text) is not None or strip_outer(text.strip("*_")).endswith((":", "："))


def _is_heading(line: str) -> bool:
    """Return whether a line between two items is a heading: it introduces others, or all of it is bold."""
    text = strip_outer(line)
    return _is_introduction(line) or (text[:2] == text[-2:] == "**" and len(text) > 4)
