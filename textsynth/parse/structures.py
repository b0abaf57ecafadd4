"""Reads lists that are written as JSON, Python, Markdown tables, HTML or XML: the texts without the structure.

A structure is read where it holds one text for each item: a list of texts, or of maps with one text or with a text
under a usual name (`text`, `sentence`, …). Everything else is a failure.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Mapping, Sequence
from itertools import takewhile

from textsynth.parse.lenient_json import LOOKS_LIKE_JSON, lenient_decode
from textsynth.parse.list_markers import ITEM_NAMES, strip_outer
from textsynth.parse.remarks import is_closing_remark, is_lead_in
from textsynth.parse.thinking import without_parts

Parts = tuple[list[str], list[tuple[str, str]]]
"""Texts, and failures as raw part and reason."""

_FENCE = re.compile(r"(?:`{3,}|~{3,})[^\n`]*\n(?P<content>.*?)(?:\n[ \t]*(?:`{3,}|~{3,})|\Z)", re.DOTALL)
_FENCE_BEFORE_VALUE = re.compile(r"(?:`{3,}|~{3,})[\w-]{0,30}[ \t]*+(?=[\[{(])")
_FENCE_LINE = re.compile(r"^[ \t]*+(?:`{3,}|~{3,})[\w-]{0,30}[ \t]*+$", re.MULTILINE)
_ASSIGNMENT = re.compile(
    r"(?:(?:const|let|var)[ \t]{1,4})?[\"']?[A-Za-z_]\w{0,40}[\"']?[ \t]{0,4}(?:(?::[^=\n]{0,40})?=|:)[ \t]{0,4}"
)
_JSON_LINE = re.compile(rf"^(?:(?:{_ASSIGNMENT.pattern})(?=[\[{{(])|(?=[\[{{]))", re.MULTILINE)
_BETWEEN_VALUES = re.compile(r"[\s,;]*+")
_NUMBERED_KEY = re.compile(r"[A-Za-z_ ]{0,30}\d{1,3}")
_RULE_CELL = re.compile(r"\s*:?-+:?\s*")
_NUMBER_CELL = re.compile(r"#?\s*\d{1,4}[.)]?")
_CELL_END = re.compile(r"(?<!\\)\|")
_HTML_TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9]{0,10})\b[^<>]{0,300}>")
_DECLARATION = re.compile(r"<\?xml[^<>]{0,200}\?>", re.IGNORECASE)
LINE_BREAK_TAG = re.compile(r"<br\s{0,3}/?>", re.IGNORECASE)
_ITEM_TAG = re.compile(r"\s*+<(?P<name>[A-Za-z][\w.:-]{0,40})(?:\s[^<>]{0,200})?>")
HTML_ITEMS = frozenset(
    ("li", "p", "div", "td", "span", "blockquote", "h1", "h2", "h3", "h4", "dd", "article", "section")
)
_INLINE = """b i em strong span p u a code q small mark font s del ins sub sup cite abbr kbd"""
INLINE_TAGS = frozenset(_INLINE.split())
_ASIDE_WORDS = """reasoning reason thought thoughts thinking think chain_of_thought cot explanation rationale
analysis plan comment comments note notes label labels category class intent emotion sentiment topic tone style
language lang status count total id index number score confidence"""
ASIDES = frozenset(_ASIDE_WORDS.split())
"""Keys of what a model writes about its texts: they hold no text."""
_TYPE_NAMES = {dict: "a map", list: "a list", bool: "true or false", type(None): "null"}
NO_CLEAR_TEXT = "a map of the answer has several texts, and none is under a usual name such as text"
SEVERAL_COLUMNS = "the answer is a table with several columns of text"
NO_HEADER = "the answer has lines of a table, but no header that says which are texts"
TOO_MANY_TAGS = "the answer has more than 40,000 tags"
MAX_TAGS = 40_000
MAX_HEADER = 80
"""The first line of CSV is longer only where it is a text itself."""
NESTED_HTML = "an item contains a list of its own"


def read_delimited(lines: Sequence[str]) -> Parts | None:
    """Read lines of CSV below a header with one usual name of a text: `text,label`; None for any other lines."""
    lines = [line for line in lines if strip_outer(line)]
    header = lines[0].strip().strip("|").casefold() if len(lines) > 1 else ""
    delimiter = next((mark for mark in "\t|;," if mark in header), None)
    if delimiter is None or len(header) > MAX_HEADER:
        return None
    names = [name.strip(" \"'*_`") for name in header.split(delimiter)]
    columns = [index for index, name in enumerate(names) if name.removesuffix("s") in ITEM_NAMES]
    if len(columns) != 1 or not all(name.isidentifier() or name in {"", "#", "no."} for name in names):
        return None
    texts: list[str] = []
    failures: list[tuple[str, str]] = []
    for line in lines[1:]:
        try:
            (cells,) = csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True, strict=True)
        except (csv.Error, ValueError):
            cells = []
        if len(cells) != len(names):
            failures.append((line, "a row of the table has another number of cells than its header"))
        else:
            texts.append(cells[columns[0]])
    return (texts, failures) if texts else None


def read_structure(answer: str) -> Parts | str | None:
    """Return the parts of an answer that is a structure; a reason if it cannot be read; None for an ordinary answer."""
    has_fence = "```" in answer or "~~~" in answer
    if "|" in answer or "<" in answer:
        bare = strip_outer(_FENCE_LINE.sub("", answer)) if has_fence else answer
        parts = _read_table(bare.split("\n")) if "|" in bare else None
        if parts is None and "<" in bare:
            if bare.count("<") > MAX_TAGS:
                return TOO_MANY_TAGS
            parts = _read_html(bare) or _read_tag_sequence(bare)
        if parts is not None:
            return parts
    if answer[:1] in "[({" or "[" in answer or "{" in answer or "=" in answer:
        return _read_json(answer)
    return None


def json_body(answer: str) -> str | None:
    """Return the part of an answer that begins with JSON or a Python list: in a fence, at its start, or at a line."""
    if answer[:1] in {"[", "{", "("} and LOOKS_LIKE_JSON.match(answer) is not None:
        return answer
    if "```" in answer or "~~~" in answer:
        for fence in _FENCE.finditer(answer):
            content = _after_assignment(strip_outer(fence["content"]))
            if LOOKS_LIKE_JSON.match(content) is not None:
                return content
        for opening in _FENCE_BEFORE_VALUE.finditer(answer):  # a fence in one line: ```json ["one"]```
            if LOOKS_LIKE_JSON.match(answer, opening.end()) is not None:
                return answer[opening.end() :]
    for line in _JSON_LINE.finditer(answer):
        if LOOKS_LIKE_JSON.match(answer, line.end()) is not None:
            return answer[line.end() :]
    return None


def texts_of_json(value: object) -> Parts:
    """Return the texts of a JSON value, each other value as a failure; a map of one text has it under any key."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(text := next(iter(value.values())), str):
        return [text], []
    parts: Parts = ([], [])
    _collect_json(value, parts, in_list=False)
    return parts


def _after_assignment(text: str) -> str:
    """Return what follows `texts = ` at the start of a text, else the text itself."""
    match = _ASSIGNMENT.match(text)
    return text if match is None else text[match.end() :]


def _read_json(answer: str) -> Parts | str | None:
    """Read JSON values that follow one another: one list or map, or JSON Lines."""
    body = json_body(answer)
    if body is None:
        return _read_other_json(answer)
    parts: Parts = ([], [])
    position = 0
    while body[position : position + 1] in {"[", "{", "("} and (position == 0 or LOOKS_LIKE_JSON.match(body, position)):
        try:
            value, end = lenient_decode(body, position)
        except RecursionError:
            return "the answer is JSON that is nested too deeply"
        except ValueError as error:
            if body[0] == "(":
                return None
            message = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            return f"the answer is JSON or a Python list that cannot be read: {message}"
        _collect_json(value, parts, in_list=False)
        between = _BETWEEN_VALUES.match(body, end)
        position = end if between is None else between.end()
    if not parts[0] and not parts[1]:
        return "the list of texts is empty"
    return parts


def _read_other_json(answer: str) -> Parts | None:
    """Read an answer that is a JSON list or map as a whole, without texts at its start: `[1, 2]`."""
    if (answer[:1], answer[-1:]) not in {("[", "]"), ("{", "}")}:
        return None
    try:
        parts = texts_of_json(json.loads(answer))
    except (ValueError, RecursionError):
        return None
    return parts if parts[0] or parts[1] else None


def _collect_json(value: object, parts: Parts, *, in_list: bool) -> None:
    texts, failures = parts
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, list) and not in_list:
        for item in value:
            _collect_json(item, parts, in_list=True)
    elif isinstance(value, list) and (text := _only_text(value)) is not None:
        texts.append(text)
    elif isinstance(value, dict):
        _collect_map(value, parts, in_list=in_list)
    else:
        type_name = _TYPE_NAMES.get(type(value), "a number")
        failures.append((json.dumps(value, ensure_ascii=False), f"{type_name} in place of a text"))


def _only_text(values: Sequence[object]) -> str | None:
    """Return the text of an item such as `["one"]` or `[1, "one"]`; None for any other."""
    texts = [value for value in values if isinstance(value, str)]
    numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    return texts[0] if len(texts) == 1 and len(texts) + len(numbers) == len(values) <= 2 else None


def _collect_map(value: dict[str, object], parts: Parts, *, in_list: bool) -> None:
    texts, failures = parts
    raw = json.dumps(value, ensure_ascii=False)
    values = {key: item for key, item in value.items() if key.casefold() not in ASIDES}
    strings = {key: item for key, item in values.items() if isinstance(item, str)}
    named = [key for key in strings if key.casefold() in ITEM_NAMES]
    lists = [item for item in values.values() if isinstance(item, list)]
    maps = [item for item in values.values() if isinstance(item, dict)]
    if "name" in strings and {"arguments", "parameters"} & value.keys():
        failures.append((raw, "a tool call in place of a text"))
    elif not values:
        failures.append((raw, "a map without a text"))
    elif len(lists) == 1 and not in_list and (not strings or _names_texts(values)):
        _collect_json(lists[0], parts, in_list=False)
    elif len(values) == len(maps) and not in_list and (len(maps) == 1 or all(map(_NUMBERED_KEY.fullmatch, values))):
        for item in maps:
            _collect_map(item, parts, in_list=len(maps) > 1)
    elif (len(strings) == len(values) > 1 and all(map(_NUMBERED_KEY.fullmatch, values))) or (
        len(strings) == 1 and not lists and not maps
    ):
        texts.extend(strings.values())
    elif len(named) == 1:
        texts.append(strings[named[0]])
    elif "text" in strings:
        texts.append(strings["text"])
    else:
        failures.append((raw, NO_CLEAR_TEXT if strings else "a map in place of a text"))


def _names_texts(values: Mapping[str, object]) -> bool:
    """Return whether the only list of a map is under the name of texts: `{"topic": "…", "texts": […]}`."""
    key = next(key for key, item in values.items() if isinstance(item, list)).casefold()
    return key.removesuffix("s") in ITEM_NAMES or key in {"summaries", "queries", "data", "results", "outputs", "list"}


def _read_table(lines: Sequence[str]) -> Parts | str | None:
    """Read the rows of a Markdown table with one column of text; None for an answer without a table."""
    rule = next((index for index, line in enumerate(lines) if _is_rule(line)), None)
    if rule is None:
        rows = [line for line in lines if _is_row(line)]
        return NO_HEADER if rows and len(rows) >= max(1, sum(map(bool, map(str.strip, lines))) - 2) else None
    if rule == 0:
        return NO_HEADER
    header = _cells(lines[rule - 1])
    body = takewhile(lambda line: "|" in line, lines[rule + 1 :])
    cells = [_cells(line) for line in body if not _is_rule(line)]
    columns = _text_columns(header, cells)
    if len(columns) != 1:
        return SEVERAL_COLUMNS
    texts: list[str] = []
    failures: list[tuple[str, str]] = []
    for row in cells:
        if len(row) != len(header):
            failures.append((" | ".join(row), "a row of the table has another number of cells than its header"))
        else:
            texts.append(_inline_text(row[columns[0]]))
    return (texts, failures) if texts or failures else None


def _is_rule(line: str) -> bool:
    """Return whether a line is the line under the header of a table: |---|:---|."""
    return (
        "|" in line and "-" in line and not set(line) - set("|:- \t\r") and all(map(_RULE_CELL.fullmatch, _cells(line)))
    )


def _is_row(line: str) -> bool:
    text = line.strip()
    return len(text) > 2 and text[0] == "|" == text[-1]


def _cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELL_END.split(text)]


def _text_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns that hold texts: all but those of numbers, or the one with a usual name."""
    columns = [
        index
        for index in range(len(header))
        if not all(len(row) > index and _NUMBER_CELL.fullmatch(row[index]) for row in rows)
    ]
    named = [index for index in columns if header[index].strip(" *_`").casefold() in ITEM_NAMES]
    return named if len(columns) > 1 and len(named) == 1 else columns


def _read_html(answer: str) -> Parts | str | None:
    """Read the items of an HTML list, or the rows of a table with one cell each; None for an answer without them."""
    lowered = answer.lower()
    if "<!doctype" in lowered[:100] or "<html" in lowered[:500]:
        return "the answer is an HTML page"
    if "<li" in lowered:
        return _read_html_items(answer, "li", frozenset(("ul", "ol")))
    if "<dd" in lowered:
        return _read_html_items(answer, "dd", frozenset(("dl",)))
    if "<tr" in lowered and "<td" in lowered:
        rows = [content.lower().count("<td") for content in _contents(answer, "tr")]
        if any(count > 1 for count in rows):
            return SEVERAL_COLUMNS
        return _read_html_items(answer, "td", frozenset(("table",)))
    return None


def _contents(answer: str, name: str) -> list[str]:
    return [
        match[1]
        for match in re.finditer(rf"<{name}\b[^<>]{{0,300}}>((?:[^<]|<(?!/?{name}\b))*+)", answer, re.IGNORECASE)
    ]


def _read_html_items(answer: str, item: str, containers: frozenset[str]) -> Parts | None:
    """Read the content of each `<item>`, up to its end tag, the next item or the end of the list."""
    texts: list[str] = []
    failures: list[tuple[str, str]] = []
    start: int | None = None
    nested = 0
    for tag in _HTML_TAG.finditer(answer):
        name = tag["name"].lower()
        if name in containers:
            if start is not None and not tag["end"]:
                nested += 1
            elif start is not None and nested:
                nested -= 1
                if not nested:
                    failures.append((answer[start : tag.end()], NESTED_HTML))
                    start = None
            elif start is not None:
                texts.append(html_text(answer[start : tag.start()]))
                start = None
        elif (name == item or (name == "dt" and item == "dd")) and not nested:
            if start is not None:
                texts.append(html_text(answer[start : tag.start()]))
            start = None if tag["end"] or name != item else tag.end()
    if start is not None:
        failures.append((answer[start:], f"a <{item}> is not closed"))
    return (texts, failures) if texts or failures else None


def html_text(content: str) -> str:
    """Return the text of a piece of HTML: without inline tags, with its entities as characters."""
    content = LINE_BREAK_TAG.sub("\n", content)
    content = _HTML_TAG.sub(lambda tag: "" if tag["name"].lower() in INLINE_TAGS else tag[0], content)
    return strip_outer(html.unescape(content))


def _inline_text(cell: str) -> str:
    return html_text(cell) if "<" in cell else cell


def _read_tag_sequence(answer: str) -> Parts | None:
    """Read an answer that consists of elements of one name: `<text>one</text> <text>two</text>`; None for any other.

    A lead-in before them and a remark after them are no part of the list. An element that is not closed is a failure.
    """
    start = answer.find("<")
    if start and not (answer[:start].rstrip().endswith((":", "：")) or is_lead_in(answer[:start].strip())):
        return None
    container = _ITEM_TAG.match(answer, start)
    if container is None:
        return None
    position = start
    inner = _ITEM_TAG.match(answer, container.end())
    closings = answer.count(f"</{container['name']}>")
    in_container = inner is not None and inner["name"] != container["name"] and closings < 2
    if in_container:
        position = container.end()
    texts: list[str] = []
    failures: list[tuple[str, str]] = []
    name: str | None = None
    while (opening := _ITEM_TAG.match(answer, position)) is not None and name in {None, opening["name"]}:
        name = opening["name"]
        close = answer.find(f"</{name}>", opening.end())
        if close < 0:
            known = bool(texts or failures) or name.casefold() in ITEM_NAMES or name.casefold() in HTML_ITEMS
            unclosed = (answer[opening.start() :], f"a <{name}> is not closed")
            return (texts, [*failures, unclosed]) if known else None
        content = strip_outer(answer[opening.end() : close])
        text = html_text(content) if name.casefold() in HTML_ITEMS else _text_of_element(content)
        if text is None:
            failures.append((content, NO_CLEAR_TEXT))
        else:
            texts.append(text)
        position = close + len(name) + 3
    rest = answer[position:]
    if in_container:
        rest = rest.strip().removeprefix(f"</{container['name']}>")
    lines = [line for line in rest.split("\n") if strip_outer(line)]
    has_items = bool(texts or failures)
    return (texts, failures) if has_items and len(lines) <= 1 and all(map(is_closing_remark, lines)) else None


def _text_of_element(content: str) -> str | None:
    """Return the text of an element: itself, or that of its one child with a text; None where several have one."""
    if content[:1] != "<" or content[-1:] != ">":
        return content
    children: dict[str, str] = {}
    position = 0
    while (opening := _ITEM_TAG.match(content, position)) is not None:
        name = opening["name"]
        close = content.find(f"</{name}>", opening.end())
        if close < 0 or name.casefold() in INLINE_TAGS or name in children:
            return content
        children[name] = strip_outer(content[opening.end() : close])
        position = close + len(name) + 3
    if content[position:].strip():
        return content
    values = {name: text for name, text in children.items() if name.casefold() not in ASIDES}
    named = [name for name in values if name.casefold() in ITEM_NAMES]
    keys = [*values] if len(values) == 1 else named
    return values[keys[0]] if len(keys) == 1 else None


def without_declarations(answer: str) -> str:
    """Return XML or HTML without its declaration and comments, and with the text of its CDATA sections."""
    answer = without_parts(_DECLARATION.sub("", answer), "<!--", "-->")
    return strip_outer(without_parts(answer, "<![CDATA[", "]]>", inside=True))
