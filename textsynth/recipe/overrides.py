"""`--set key.path=value`: another value at one place of the tree, read by the same rules as the file.

A path goes down by key, or by place in a list (`generate.0.labelled.share`). Keys may hold dots: the longest that
fits is taken. What a shorthand stands for is opened where a path leads into it: a bare item name, a label's meaning,
a source given by its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.recipe.issues import AFTER_THE_FILE, IssueCollector, Position
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar, describe_node, parse_yaml

Path = tuple[str, ...]
ITEMS = ("models", "sources", "generate", "filter", "label", "select")


class _NoWay(Exception):
    """The path leads nowhere; the text says why."""


def apply_overrides(tree: YamlMap, sets: Sequence[str], mistakes: IssueCollector) -> YamlMap:
    """Return the tree with every `--set` put in, in their order; what cannot be put in is a mistake."""
    for place, option in enumerate(sets):
        mark = Position(AFTER_THE_FILE + place, f"--set {option!r}")
        path, equals, text = option.partition("=")
        if not equals or not path.strip():
            mistakes.add(mark, "an option is key.path=value, such as --set want.label=20")
            continue
        value = _value(text, mark, mistakes)
        if value is None:
            continue
        try:
            tree = _Put(value, mark).into_map(tree, tuple(path.strip().split(".")), ())
        except _NoWay as fault:
            mistakes.add(mark, str(fault))
    return tree


def _value(text: str, mark: Position, mistakes: IssueCollector) -> Node | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        mistakes.add(mark, "the value is not UTF-8")
        return None
    node = parse_yaml(text, lambda _line: mark, mistakes)
    if node is None:
        mistakes.add(mark, "nothing stands after =: write a value, or [] for none")
    return node


@dataclass(frozen=True, slots=True)
class _Put:
    """One value on its way to its place; `done` is the path gone, `parts` the path to go."""

    value: Node
    mark: Position

    def into(self, node: Node, parts: Path, done: Path) -> Node:
        if not parts:
            return self.value
        node = _opened(node, done)
        if isinstance(node, YamlMap):
            return self.into_map(node, parts, done)
        if isinstance(node, YamlList):
            return self.into_array(node, parts, done)
        whole = f"--set '{'.'.join(done)}={_flow(parts, self.value)}'"
        raise _NoWay(
            f"{'.'.join(done)} is {describe_node(node)} and has no {parts[0]!r}: give it whole, such as {whole}"
        )

    def into_map(self, node: YamlMap, parts: Path, done: Path) -> YamlMap:
        key, rest = _key(node, parts)
        if key not in node.entries:
            self._refuse_second_item(node, parts, done)
        child = self.into(node.entries.get(key, YamlMap({}, {}, self.mark)), rest, (*done, key))
        mark = self.mark if not rest else node.marks.get(key, self.mark)
        return YamlMap({**node.entries, key: child}, {**node.marks, key: mark}, node.mark)

    def into_array(self, node: YamlList, parts: Path, done: Path) -> YamlList:
        places = len(node.items)
        if not parts[0].isdecimal() or int(parts[0]) >= places:
            within = f"0 to {places - 1}" if places else "but it has none"
            raise _NoWay(f"{'.'.join(done)} is a list: name an entry by its place, {within}, found {parts[0]!r}")
        place = int(parts[0])
        child = self.into(node.items[place], parts[1:], (*done, parts[0]))
        return YamlList((*node.items[:place], child, *node.items[place + 1 :]), node.mark)

    def _refuse_second_item(self, node: YamlMap, parts: Path, done: Path) -> None:
        """A source, a model or an entry of a list is one item: a path may not put a second one beside it."""
        if len(done) != 2 or done[0] not in ITEMS or not node.entries:
            return
        there = next(iter(node.entries))
        is_file = done[0] == "sources" and parts[-1] == "path" and isinstance(self.value, YamlScalar)
        whole = _flow((), self.value) if is_file else _flow(parts, self.value)
        raise _NoWay(
            f"{'.'.join(done)} is {there!r} and has no {'.'.join(parts)!r}: "
            f"give it whole, such as --set '{'.'.join(done)}={whole}'"
        )


def _key(node: YamlMap, parts: Path) -> tuple[str, Path]:
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key in node.entries:
            return key, parts[length:]
    return parts[0], parts[1:]


def _opened(node: Node, done: Path) -> Node:
    """Return what a shorthand stands for, where it is one."""
    if len(done) != 2 or not isinstance(node, YamlScalar) or not isinstance(node.value, str):
        return node
    if done[0] == "labels":
        return _map("description", node)
    if done[0] == "sources":
        return _map("rows", _map("path", node))
    return _map(node.value, YamlMap({}, {}, node.mark)) if done[0] in ITEMS else node


def _map(key: str, node: Node) -> YamlMap:
    return YamlMap({key: node}, {key: node.mark}, node.mark)


def _flow(parts: Path, value: Node) -> str:
    text = value.text if isinstance(value, YamlScalar) else "…"
    for part in reversed(parts):
        text = f"{{{part}: {text}}}"
    return text
