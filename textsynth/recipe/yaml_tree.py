"""Parses YAML text into a tree of nodes with line numbers.

The parser is strict. A scalar on which YAML readers disagree (`no`, `012`, `2024-01-31`) is an issue and is never
coerced; a duplicate key is an issue, and the last one does not silently win; tags and merge keys are refused. The tree
is built from PyYAML's events without recursion, and its depth and its size, aliases included, are limited.

A node with an issue stays in the tree as a `reported` scalar, so that later checks do not report it a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import yaml

from textsynth.core.validation_errors import describe_list, describe_map
from textsynth.recipe.issues import IssueCollector, Position

MAX_DEPTH = 24
MAX_NODES = 200_000
QUOTED_LENGTH = 60
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A single value and its text as written; `reported` says that an issue about it was already added."""

    value: Value
    text: str
    mark: Position
    reported: bool = False
    size: int = 1


@dataclass(frozen=True, slots=True)
class YamlList:
    """A list; `size` counts the list and all nodes in it."""

    items: tuple[Node, ...]
    mark: Position
    size: int = 1


@dataclass(frozen=True, slots=True)
class YamlMap:
    """A map in the order of the file. `marks` are the positions of its keys; `size` counts it and all nodes in it."""

    entries: dict[str, Node]
    marks: dict[str, Position]
    mark: Position
    size: int = 1


Node = YamlScalar | YamlList | YamlMap


def describe_node(node: Node) -> str:
    """Return a node in words for an error message: `'x'`, `7`, `a list of 3`, `a map of a, b`."""
    if isinstance(node, YamlList):
        return describe_list(len(node.items))
    if isinstance(node, YamlMap):
        return describe_map(list(node.entries))
    text = node.text if len(node.text) <= QUOTED_LENGTH else node.text[:QUOTED_LENGTH] + "…"
    return repr(text) if isinstance(node.value, str) else text or "nothing"


def parse_yaml(text: str, position_of: Callable[[int], Position], issues: IssueCollector) -> Node | None:
    """Return the tree of one YAML document, or None where the text holds no document.

    `position_of` maps a line, counted from 1, to a position. Raises RecipeError where no tree can be built: bad syntax,
    a second document, a tree too deep or too large, an alias inside its own anchor.
    """
    builder = _TreeBuilder(position_of, issues)
    try:
        for event in yaml.parse(text, Loader=Loader):
            builder.add_event(event)
    except yaml.YAMLError as error:
        line, sentence = _explain_syntax_error(error, text)
        issues.fail(position_of(line), sentence)
    return builder.root


@dataclass(slots=True)
class _OpenCollection:
    """A list or map whose end has not been read yet."""

    mark: Position
    anchor: str | None
    is_map: bool
    flow: bool
    tagged: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    marks: dict[str, Position] = field(default_factory=dict)
    key: Node | None = None

    def close(self) -> Node:
        """Return the finished node; a collection with a tag was reported."""
        if self.tagged:
            return YamlScalar(None, "", self.mark, reported=True)
        if self.is_map:
            size = 1 + sum(child.size for child in self.entries.values())
            return YamlMap(self.entries, self.marks, self.mark, size)
        return YamlList(tuple(self.items), self.mark, 1 + sum(child.size for child in self.items))


class _TreeBuilder:
    """Builds the tree from events; `root` is the tree once the last event was added."""

    def __init__(self, position_of: Callable[[int], Position], issues: IssueCollector) -> None:
        self.root: Node | None = None
        self._position_of = position_of
        self._issues = issues
        self._open: list[_OpenCollection] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def add_event(self, event: yaml.Event) -> None:
        """Take the next event of the parser."""
        mark = self._position_of(event.start_mark.line + 1 if event.start_mark is not None else 1)
        if isinstance(event, yaml.ScalarEvent):
            self._report_tag(event.tag, mark)
            self._add_node(self._scalar(event, mark), event.anchor)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._report_tag(event.tag, mark)
            self._open_collection(event, mark)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            collection = self._open.pop()
            self._add_node(collection.close(), collection.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._add_node(self._resolve_alias(event.anchor or "", mark), None)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._issues.fail(mark, "a second document begins here ('---'), and a recipe is one: remove it")

    def _report_tag(self, tag: str | None, mark: Position) -> None:
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._issues.add(mark, f"the tag {short[:QUOTED_LENGTH]} is not allowed in a recipe: remove it")

    def _scalar(self, event: yaml.ScalarEvent, mark: Position) -> YamlScalar:
        text = str(event.value)
        if not text.isascii() and LONE_SURROGATE.search(text):
            self._issues.add(mark, "this text contains half of a character (a lone surrogate, \\ud800 to \\udfff)")
            return YamlScalar("", "", mark, reported=True)
        if event.style or event.tag is not None:
            return YamlScalar(text, text, mark, reported=event.tag is not None)
        value, ambiguity = resolve_scalar(text)
        if ambiguity is not None:
            self._issues.add(mark, ambiguity)
        return YamlScalar(value, text, mark, reported=ambiguity is not None)

    def _open_collection(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, mark: Position) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._issues.fail(mark, f"lists and maps are nested more than {MAX_DEPTH} deep here")
        is_map = isinstance(event, yaml.MappingStartEvent)
        tagged = event.tag is not None
        self._open.append(_OpenCollection(mark, event.anchor, is_map, flow=bool(event.flow_style), tagged=tagged))

    def _resolve_alias(self, anchor: str, mark: Position) -> Node:
        if any(collection.anchor == anchor for collection in self._open):
            self._issues.fail(mark, f"*{anchor} is inside its own &{anchor}, so it would never end")
        if anchor not in self._anchors:
            self._issues.add(mark, f"there is no &{anchor} before *{anchor}")
            return YamlScalar(None, f"*{anchor}", mark, reported=True)
        return self._anchors[anchor]

    def _add_node(self, node: Node, anchor: str | None) -> None:
        """Add a finished node to the collection that is open: as an item, as a key, or as the value of the last key."""
        if node.size > MAX_NODES:
            self._issues.fail(
                node.mark, f"with its aliases this has more than {MAX_NODES:,} values, too many for a recipe"
            )
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        collection = self._open[-1]
        if not collection.is_map:
            collection.items.append(self._require_value(node, collection, "this '-'"))
        elif collection.key is None:
            collection.key = node
        else:
            self._add_entry(collection, collection.key, node)
            collection.key = None

    def _add_entry(self, collection: _OpenCollection, key: Node, value: Node) -> None:
        name = self._key_name(key)
        if name is None:
            return
        if name in collection.entries:
            first = collection.marks[name].line
            self._issues.add(key.mark, f"the key {name!r} is given twice, first in line {first}")
            return
        collection.marks[name] = key.mark
        collection.entries[name] = self._require_value(value, collection, repr(f"{name}:"), key.mark)

    def _key_name(self, key: Node) -> str | None:
        """Return the name of a key, or None after reporting why it has none."""
        if not isinstance(key, YamlScalar):
            self._issues.add(key.mark, f"a key is a name, found {describe_node(key)}")
        elif key.text == "<<":
            self._issues.add(key.mark, "merge keys (<<) are not allowed in a recipe: write the keys out")
        elif isinstance(key.value, str):
            return key.text
        else:
            self._issues.add(
                key.mark, f'a key is a name, found {describe_node(key)}, which is no text: write "{key.text}" in quotes'
            )
        return None

    def _require_value(
        self, value: Node, collection: _OpenCollection, after: str, mark: Position | None = None
    ) -> Node:
        """Return the value; report one that was not written (`key:` with nothing behind it)."""
        empty = isinstance(value, YamlScalar) and value.value is None and value.text == "" and not value.reported
        if not empty:
            return value
        mark = mark or value.mark
        if collection.flow and collection.is_map:
            hint = "a comma inside { } begins the next key: put quotes around a text with commas"
        else:
            hint = "indent the value deeper, write [] for none, or remove the colon behind the name of a component"
        self._issues.add(mark, f"there is no value after {after}; {hint}")
        return YamlScalar(None, "", mark, reported=True)


# ---- plain scalars

WORDS: dict[str, Value] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
YAML_1_1_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)")
MAX_DIGITS = 18
NUMBER_START = frozenset("0123456789+-.")

# What some YAML readers take for a number or a date, and what it would be.
AMBIGUOUS_NUMBERS = (
    (re.compile(r"[-+]?0[0-9_]+"), "is octal in some YAML readers and decimal in others"),
    (re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+)"), "is a number in some YAML readers only"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "is a base-60 number in some YAML readers"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?"), "is a date in some YAML readers"),
    (re.compile(r"[-+]?[0-9]*\.?[0-9]*[eE][-+]?[0-9]+"), "is a number in some YAML readers and text in others"),
    (re.compile(r"[-+]?[0-9.]*_[0-9._]*"), "is a number in some YAML readers and text in others"),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), "is infinity or not a number, which no setting takes"),
)


class ScalarValue(NamedTuple):
    """The value of a plain scalar; `ambiguity` is a sentence where YAML readers disagree about it."""

    value: Value
    ambiguity: str | None = None


def resolve_scalar(text: str) -> ScalarValue:
    """Return the value of a plain scalar; where it is ambiguous the value is its text."""
    if text in WORDS:
        return ScalarValue(WORDS[text])
    boolean = YAML_1_1_BOOLEANS.get(text.lower())
    if boolean is not None and text in {text.lower(), text.upper(), text.capitalize()}:
        return ScalarValue(
            text,
            f'{text} is a boolean in some YAML readers and text in others: write {boolean}, or "{text}" in quotes',
        )
    return _resolve_number(text) if text[0] in NUMBER_START else ScalarValue(text)


def _resolve_number(text: str) -> ScalarValue:
    if INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return ScalarValue(
                text, f"{text[:12]}… has {len(text)} digits, more than a number may have: put quotes around it"
            )
        return ScalarValue(int(text))
    if DECIMAL.fullmatch(text):
        return ScalarValue(float(text))
    for pattern, why in AMBIGUOUS_NUMBERS:
        if pattern.fullmatch(text):
            return ScalarValue(text, f"{text} {why}: write {_unambiguous_forms(text)}")
    return ScalarValue(text)


def _unambiguous_forms(text: str) -> str:
    quoted = f'"{text}" in quotes'
    if re.fullmatch(r"[-+]?0[0-9]+", text):
        return f"{int(text)} for the number, or {quoted} for the text"
    if re.fullmatch(r"[-+]?[0-9]+\.?[0-9]*[eE][-+]?[0-9]{1,2}", text):
        return f"{float(text):.12f}".rstrip("0").rstrip(".") + f" for the number, or {quoted} for the text"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*", text):
        return f"{text.replace('_', '')} for the number, or {quoted} for the text"
    return quoted


# ---- syntax errors

# How messages of PyYAML or libyaml begin, and what to tell the user instead.
SYNTAX_HINTS = (
    (
        "mapping values are not allowed",
        "a ':' is not allowed here: check the indentation, or put quotes around the text",
    ),
    ("found unexpected end of stream", "a quote is opened and never closed"),
    (
        "found unknown escape character",
        "a \\ in double quotes begins an escape that YAML does not have: use single quotes",
    ),
    ("could not find expected ':'", "a ':' is missing after the key"),
    ("found undefined tag handle", "tags (!…) are not allowed in a recipe: put quotes around the text"),
    ("did not find expected key", "this line is not aligned with the lines above: check the indentation"),
    ("expected <block end>", "this line is not aligned with the lines above: check the indentation"),
    ("did not find expected '-' indicator", "this line is not aligned with the list above: check the indentation"),
    ("block sequence entries are not allowed", "a '- ' is not allowed here: put the list on lines of its own"),
    ("exceeded maximum nesting depth", "lists and maps are nested too deep"),
    ("did not find expected ',' or", "a , or the closing bracket is missing"),
    ("expected ',' or", "a , or the closing bracket is missing"),
)


def _explain_syntax_error(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line of a YAML error, counted from 1, and one sentence about it."""
    lines = text.split("\n")
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return 1, f"this is no YAML: {' '.join(str(error).split())}"
    line = min(error.problem_mark.line, _last_filled_line(lines))
    context_line = error.context_mark.line if error.context_mark is not None else line
    problem = error.problem or ""
    sentence = _syntax_sentence(problem, lines[line], context_line + 1 if context_line < line else None)
    return (context_line if "unexpected end of stream" in problem else line) + 1, sentence


def _last_filled_line(lines: list[str]) -> int:
    return max((index for index, line in enumerate(lines) if line.strip()), default=0)


def _syntax_sentence(problem: str, line: str, opened_in: int | None) -> str:
    quoted = line.strip()[:QUOTED_LENGTH]
    if re.match(r"[ ]*\t", line):
        return "a tab indents this line, and YAML allows spaces only: write two spaces for each level"
    if re.search(r"[{,:\[]\s*\$\{", line) and "{" in line.replace("${", ""):
        return f'${{…}} inside {{ }} needs quotes: write "${{NAME}}", found {quoted!r}'
    if "cannot start any token" in problem:
        return f"a text may not begin with @, `, % or a tab: put quotes around it, found {quoted!r}"
    context = f" (it was opened in line {opened_in})" if opened_in is not None else ""
    hint = next((hint for start, hint in SYNTAX_HINTS if problem.startswith(start)), f"this is no YAML ({problem})")
    return f"{hint}, found {quoted!r}{context}"
