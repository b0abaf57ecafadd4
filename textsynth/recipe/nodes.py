"""From YAML text to a tree of nodes that know their lines: nothing is coerced, nothing is silently last.

The tree is built from the parser's events without recursion. Its depth, its size and its aliases are bounded, tags
and merge keys are refused, a duplicate key is a mistake. What was already noted as a mistake stays in the tree as a
`noted` scalar, so that later checks do not complain of it a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.scalars import Value, resolve
from textsynth.recipe.syntax import syntax_mistake

MAX_DEPTH = 24
MAX_NODES = 200_000
FOUND_LENGTH = 60
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; `noted` says that a mistake about it is already known."""

    value: Value
    text: str
    mark: Mark
    noted: bool = False
    size: int = 1


@dataclass(frozen=True, slots=True)
class Array:
    """A list."""

    items: tuple[Node, ...]
    mark: Mark
    size: int = 1


@dataclass(frozen=True, slots=True)
class Map:
    """A map in its order; `marks` says where each key stands."""

    entries: dict[str, Node]
    marks: dict[str, Mark]
    mark: Mark
    size: int = 1


Node = Scalar | Array | Map


def found(node: Node) -> str:
    """Return the words for what stands there, as it was written: `'x'`, `7`, `a list of 3`, `a map of a, b`."""
    if isinstance(node, Array):
        return f"a list of {len(node.items)}" if node.items else "an empty list"
    if isinstance(node, Map):
        names = ", ".join(list(node.entries)[:3]) + (", …" if len(node.entries) > 3 else "")
        return f"a map of {names}" if node.entries else "an empty map"
    text = node.text if len(node.text) <= FOUND_LENGTH else node.text[:FOUND_LENGTH] + "…"
    return repr(text) if isinstance(node.value, str) else text or "nothing"


def read_nodes(text: str, mark: Callable[[int], Mark], mistakes: Mistakes) -> Node | None:
    """Return the tree of one YAML document, or None where there is none.

    `mark` turns a line, counted from 1, into a place. Raises RecipeError at once for what leaves no tree to go on
    with: bad syntax, a second document, a tree too deep or too large, an alias inside its own anchor.
    """
    builder = _Builder(mark, mistakes)
    try:
        for event in yaml.parse(text, Loader=Loader):
            builder.take(event)
    except yaml.YAMLError as fault:
        line, sentence = syntax_mistake(fault, text)
        mistakes.fail(mark(line), sentence)
    return builder.root


@dataclass(slots=True)
class _Frame:
    """A list or map that is still open."""

    mark: Mark
    anchor: str | None
    is_map: bool
    flow: bool
    tagged: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Node] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    key: Node | None = None


class _Builder:
    def __init__(self, mark: Callable[[int], Mark], mistakes: Mistakes) -> None:
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

    def _refuse_tag(self, tag: str | None, mark: Mark) -> None:
        if tag is not None:
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._mistakes.note(mark, f"the tag {short[:FOUND_LENGTH]} is not read in a recipe: take it out")

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        text = str(event.value)
        if not text.isascii() and LONE_SURROGATE.search(text):
            self._mistakes.note(mark, "this text holds half of a character (a lone surrogate, \\ud800 to \\udfff)")
            return Scalar("", "", mark, noted=True)
        if event.style or event.tag is not None:
            return Scalar(text, text, mark, noted=event.tag is not None)
        value, trap = resolve(text)
        if trap is not None:
            self._mistakes.note(mark, trap)
        return Scalar(value, text, mark, noted=trap is not None)

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, mark: Mark) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._mistakes.fail(mark, f"lists and maps stand more than {MAX_DEPTH} deep inside each other here")
        is_map = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Frame(mark, event.anchor, is_map, flow=bool(event.flow_style), tagged=event.tag is not None))

    def _end(self) -> None:
        frame = self._open.pop()
        node: Node
        if frame.tagged:
            node = Scalar(None, "", frame.mark, noted=True)
        elif frame.is_map:
            size = 1 + sum(child.size for child in frame.entries.values())
            node = Map(frame.entries, frame.marks, frame.mark, size)
        else:
            node = Array(tuple(frame.items), frame.mark, 1 + sum(child.size for child in frame.items))
        self._deliver(node, frame.anchor)

    def _alias(self, anchor: str, mark: Mark) -> Node:
        if any(frame.anchor == anchor for frame in self._open):
            self._mistakes.fail(mark, f"*{anchor} stands inside its own &{anchor}, so it would never end")
        if anchor not in self._anchors:
            self._mistakes.note(mark, f"there is no &{anchor} before *{anchor}")
            return Scalar(None, f"*{anchor}", mark, noted=True)
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
            self._mistakes.note(key.mark, f"the key {name!r} stands twice, the first time in line {before}")
            return
        frame.marks[name] = key.mark
        frame.entries[name] = self._filled(value, frame, repr(f"{name}:"), key.mark)

    def _name(self, key: Node) -> str | None:
        """Return the key's name, or None after noting why it has none; a trap was noted where it was read."""
        if not isinstance(key, Scalar):
            self._mistakes.note(key.mark, f"a key is a name, found {found(key)}")
        elif key.text == "<<":
            self._mistakes.note(key.mark, "merge keys (<<) are not read in a recipe: write the keys out")
        elif isinstance(key.value, str):
            return key.text
        else:
            self._mistakes.note(
                key.mark, f'a key is a name, found {found(key)}, which is no text: write "{key.text}" in quotes'
            )
        return None

    def _filled(self, value: Node, frame: _Frame, what: str, mark: Mark | None = None) -> Node:
        if not (isinstance(value, Scalar) and value.value is None and value.text == "" and not value.noted):
            return value
        mark = mark or value.mark
        if frame.flow and frame.is_map:
            hint = "a comma inside { } begins the next key: put quotes around a text with commas"
        else:
            hint = "what belongs to it is indented deeper, [] means none, and a bare item has no colon"
        self._mistakes.note(mark, f"nothing stands after {what}; {hint}")
        return Scalar(None, "", mark, noted=True)
