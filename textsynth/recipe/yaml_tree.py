"""From YAML text to a tree of nodes that know their lines: nothing is coerced, nothing is silently last.

The tree is built from the parser's events without recursion. Its depth, its size and its aliases are bounded, tags
and merge keys are refused, a duplicate key is a mistake. What was already noted as a mistake stays in the tree as a
`noted` scalar, so that later checks do not complain of it a second time.
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
FOUND_LENGTH = 60
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """One value; `noted` says that a mistake about it is already known."""

    value: Value
    text: str
    mark: Position
    noted: bool = False
    size: int = 1


@dataclass(frozen=True, slots=True)
class YamlList:
    """A list."""

    items: tuple[Node, ...]
    mark: Position
    size: int = 1


@dataclass(frozen=True, slots=True)
class YamlMap:
    """A map in its order; `marks` says where each key stands."""

    entries: dict[str, Node]
    marks: dict[str, Position]
    mark: Position
    size: int = 1


Node = YamlScalar | YamlList | YamlMap


def describe_node(node: Node) -> str:
    """Return the words for what stands there, as it was written: `'x'`, `7`, `a list of 3`, `a map of a, b`."""
    if isinstance(node, YamlList):
        return describe_list(len(node.items))
    if isinstance(node, YamlMap):
        return describe_map(list(node.entries))
    text = node.text if len(node.text) <= FOUND_LENGTH else node.text[:FOUND_LENGTH] + "…"
    return repr(text) if isinstance(node.value, str) else text or "nothing"


def parse_yaml(text: str, mark: Callable[[int], Position], mistakes: IssueCollector) -> Node | None:
    """Return the tree of one YAML document, or None where there is none.

    `mark` turns a line, counted from 1, into a place. Raises RecipeError at once for what leaves no tree to go on
    from: bad syntax, a second document, a tree too deep or too large, an alias inside its own anchor.
    """
    builder = _Builder(mark, mistakes)
    try:
        for event in yaml.parse(text, Loader=Loader):
            builder.take(event)
    except yaml.YAMLError as fault:
        line, sentence = syntax_issue(fault, text)
        mistakes.fail(mark(line), sentence)
    return builder.root


@dataclass(slots=True)
class _Frame:
    """A list or map that is still open."""

    mark: Position
    anchor: str | None
    is_map: bool
    flow: bool
    tagged: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    marks: dict[str, Position] = field(default_factory=dict)
    key: Node | None = None


class _Builder:
    def __init__(self, mark: Callable[[int], Position], mistakes: IssueCollector) -> None:
        self.root: Node | None = None
        self._mark = mark
        self._mistakes = mistakes
        self._open: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        mark = self._mark(event.start_mark.line + 1 if event.start_mark is not None else 1)
        if isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event.tag, mark)
            self._deliver(self._scalar(event, mark), event.anchor)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._refuse_tag(event.tag, mark)
            self._begin(event, mark)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._end()
        elif isinstance(event, yaml.AliasEvent):
            self._deliver(self._alias(event.anchor or "", mark), None)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._mistakes.fail(mark, "a second document begins here ('---'), a recipe is one: take it out")

    def _refuse_tag(self, tag: str | None, mark: Position) -> None:
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._mistakes.add(mark, f"the tag {short[:FOUND_LENGTH]} is not read in a recipe: take it out")

    def _scalar(self, event: yaml.ScalarEvent, mark: Position) -> YamlScalar:
        text = str(event.value)
        if not text.isascii() and LONE_SURROGATE.search(text):
            self._mistakes.add(mark, "this text holds half of a character (a lone surrogate, \\ud800 to \\udfff)")
            return YamlScalar("", "", mark, noted=True)
        if event.style or event.tag is not None:
            return YamlScalar(text, text, mark, noted=event.tag is not None)
        value, trap = resolve_scalar(text)
        if trap is not None:
            self._mistakes.add(mark, trap)
        return YamlScalar(value, text, mark, noted=trap is not None)

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, mark: Position) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._mistakes.fail(mark, f"lists and maps stand more than {MAX_DEPTH} deep inside each other here")
        is_map = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Frame(mark, event.anchor, is_map, flow=bool(event.flow_style), tagged=event.tag is not None))

    def _end(self) -> None:
        frame = self._open.pop()
        node: Node
        if frame.tagged:
            node = YamlScalar(None, "", frame.mark, noted=True)
        elif frame.is_map:
            size = 1 + sum(child.size for child in frame.entries.values())
            node = YamlMap(frame.entries, frame.marks, frame.mark, size)
        else:
            node = YamlList(tuple(frame.items), frame.mark, 1 + sum(child.size for child in frame.items))
        self._deliver(node, frame.anchor)

    def _alias(self, anchor: str, mark: Position) -> Node:
        if any(frame.anchor == anchor for frame in self._open):
            self._mistakes.fail(mark, f"*{anchor} stands inside its own &{anchor}, so it would never end")
        if anchor not in self._anchors:
            self._mistakes.add(mark, f"there is no &{anchor} before *{anchor}")
            return YamlScalar(None, f"*{anchor}", mark, noted=True)
        return self._anchors[anchor]

    def _deliver(self, node: Node, anchor: str | None) -> None:
        if node.size > MAX_NODES:
            self._mistakes.fail(
                node.mark, f"with its aliases this is more than {MAX_NODES:,} values, too many for a recipe"
            )
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
        elif not self._open[-1].is_map:
            self._open[-1].items.append(self._filled(node, self._open[-1], "this '-'"))
        elif self._open[-1].key is None:
            self._open[-1].key = node
        else:
            self._enter(self._open[-1], self._open[-1].key, node)
            self._open[-1].key = None

    def _enter(self, frame: _Frame, key: Node, value: Node) -> None:
        name = self._name(key)
        if name is None:
            return
        if name in frame.entries:
            before = frame.marks[name].line
            self._mistakes.add(key.mark, f"the key {name!r} stands twice, the first time in line {before}")
            return
        frame.marks[name] = key.mark
        frame.entries[name] = self._filled(value, frame, repr(f"{name}:"), key.mark)

    def _name(self, key: Node) -> str | None:
        """Return the key's name, or None after noting why it has none; a trap was noted where it was read."""
        if not isinstance(key, YamlScalar):
            self._mistakes.add(key.mark, f"a key is a name, found {describe_node(key)}")
        elif key.text == "<<":
            self._mistakes.add(key.mark, "merge keys (<<) are not read in a recipe: write the keys out")
        elif isinstance(key.value, str):
            return key.text
        else:
            self._mistakes.add(
                key.mark, f'a key is a name, found {describe_node(key)}, which is no text: write "{key.text}" in quotes'
            )
        return None

    def _filled(self, value: Node, frame: _Frame, what: str, mark: Position | None = None) -> Node:
        if not (isinstance(value, YamlScalar) and value.value is None and value.text == "" and not value.noted):
            return value
        mark = mark or value.mark
        if frame.flow and frame.is_map:
            hint = "a comma inside { } begins the next key: put quotes around a text with commas"
        else:
            hint = "what belongs to it is indented deeper, [] means none, and a bare item has no colon"
        self._mistakes.add(mark, f"nothing stands after {what}; {hint}")
        return YamlScalar(None, "", mark, noted=True)


Value = str | int | float | bool | None

WORDS: dict[str, Value] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}
TRUTHS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)")
MAX_DIGITS = 18
FIRST = frozenset("0123456789+-.")

# The shapes that some reader takes for a number or a date, and the words for what it would be.
TRAPS = (
    (re.compile(r"[-+]?0[0-9_]+"), "is 8-based in some YAML readers and 10-based in others"),
    (re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+)"), "is a number in some YAML readers only"),
    (re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"), "is a 60-based number in some YAML readers"),
    (re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt\s].*)?"), "is a date in some YAML readers"),
    (re.compile(r"[-+]?[0-9]*\.?[0-9]*[eE][-+]?[0-9]+"), "is a number in some YAML readers and text in others"),
    (re.compile(r"[-+]?[0-9.]*_[0-9._]*"), "is a number in some YAML readers and text in others"),
    (re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"), "is infinity or not a number, which no setting takes"),
)


class ScalarValue(NamedTuple):
    """The value of a plain scalar, and, if YAML readers disagree about it, the sentence that says so."""

    value: Value
    trap: str | None = None


def resolve_scalar(text: str) -> ScalarValue:
    """Return what a plain scalar means; a trap keeps its text as the value."""
    if text in WORDS:
        return ScalarValue(WORDS[text])
    truth = TRUTHS.get(text.lower())
    if truth is not None and text in {text.lower(), text.upper(), text.capitalize()}:
        return ScalarValue(
            text,
            f'{text} is a truth value in some YAML readers and text in others: write {truth}, or "{text}" in quotes',
        )
    return _number(text) if text[0] in FIRST else ScalarValue(text)


def _number(text: str) -> ScalarValue:
    if INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return ScalarValue(
                text, f"{text[:12]}… has {len(text)} digits, more than a number may have: put quotes around it"
            )
        return ScalarValue(int(text))
    if DECIMAL.fullmatch(text):
        return ScalarValue(float(text))
    for shape, why in TRAPS:
        if shape.fullmatch(text):
            return ScalarValue(text, f"{text} {why}: write {_meant(text)}")
    return ScalarValue(text)


def _meant(text: str) -> str:
    quoted = f'"{text}" in quotes'
    if re.fullmatch(r"[-+]?0[0-9]+", text):
        return f"{int(text)} for the number, or {quoted} for the text"
    if re.fullmatch(r"[-+]?[0-9]+\.?[0-9]*[eE][-+]?[0-9]{1,2}", text):
        return f"{float(text):.12f}".rstrip("0").rstrip(".") + f" for the number, or {quoted} for the text"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*", text):
        return f"{text.replace('_', '')} for the number, or {quoted} for the text"
    return quoted


# Beginnings of what PyYAML or libyaml says, and what helps.
HINTS = (
    (
        "mapping values are not allowed",
        "a ':' stands where none can: check the indentation, or put quotes around the text",
    ),
    ("found unexpected end of stream", "a quote is opened and never closed"),
    (
        "found unknown escape character",
        "a \\ in double quotes begins an escape that YAML does not have: use single quotes",
    ),
    ("could not find expected ':'", "a ':' is missing after the key"),
    ("found undefined tag handle", "tags (!…) are not read in a recipe: put quotes around the text"),
    ("did not find expected key", "this line does not line up with the lines above: check the indentation"),
    ("expected <block end>", "this line does not line up with the lines above: check the indentation"),
    ("did not find expected '-' indicator", "this line does not line up with the list above: check the indentation"),
    ("block sequence entries are not allowed", "a '- ' stands where no list can begin: put the list on its own lines"),
    ("exceeded maximum nesting depth", "lists and maps stand too deep inside each other"),
    ("did not find expected ',' or", "a , or the closing bracket is missing"),
    ("expected ',' or", "a , or the closing bracket is missing"),
)


def syntax_issue(fault: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line (from 1) and one sentence for a YAML error."""
    lines = text.split("\n")
    if not isinstance(fault, yaml.MarkedYAMLError) or fault.problem_mark is None:
        return 1, f"this is no YAML: {' '.join(str(fault).split())}"
    at = min(fault.problem_mark.line, _last(lines))
    began = fault.context_mark.line if fault.context_mark is not None else at
    problem = fault.problem or ""
    return _line(problem, at, began) + 1, _sentence(problem, lines[at], began + 1 if began < at else None)


def _last(lines: list[str]) -> int:
    return max((place for place, line in enumerate(lines) if line.strip()), default=0)


def _line(problem: str, at: int, began: int) -> int:
    return began if "unexpected end of stream" in problem else at


def _sentence(problem: str, line: str, began: int | None) -> str:
    shown = line.strip()[:60]
    if re.match(r"[ ]*\t", line):
        return "a tab indents this line, YAML takes spaces only: write two spaces for each step"
    if re.search(r"[{,:\[]\s*\$\{", line) and "{" in line.replace("${", ""):
        return f'${{…}} inside {{ }} needs quotes: write "${{NAME}}", found {shown!r}'
    if "cannot start any token" in problem:
        return f"a text may not begin with @, `, % or a tab: put quotes around it, found {shown!r}"
    since = f" (what is open began in line {began})" if began is not None else ""
    hint = next((hint for start, hint in HINTS if problem.startswith(start)), f"this is no YAML ({problem})")
    return f"{hint}, found {shown!r}{since}"
