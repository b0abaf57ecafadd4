"""Applies `--set key.path=value`: replaces one value of the tree, read by the same rules as the file.

A path descends by key, or by index in a list (`generate.0.labelled.share`). Keys may contain dots: the longest key that
matches is taken. A shorthand is expanded where a path leads into it: a bare component name, a label's description, a
source given by its path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.core.secrets import HIDDEN, is_key_like
from textsynth.recipe.issues import AFTER_LAST_LINE, IssueCollector, Position
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar, describe_node, parse_yaml

Path = tuple[str, ...]
COMPONENT_SECTIONS = ("models", "sources", "generate", "filter", "label", "select")


class _PathError(Exception):
    """The path leads to no value; the text says why."""


def apply_overrides(tree: YamlMap, overrides: Sequence[str], issues: IssueCollector) -> YamlMap:
    """Return the tree with every `--set` option applied, in their order; one that cannot be applied is an issue."""
    for index, option in enumerate(overrides):
        path, equals, text = option.partition("=")
        # a value that was written behind a colon by mistake is hidden as one behind "=" is
        key, colon, _ = option.partition(":")
        named = f"{key}: {HIDDEN}" if colon and not equals and is_key_like(key) else option
        mark = Position(AFTER_LAST_LINE + index, f"--set {named!r}")
        if not equals or not path.strip():
            issues.add(mark, "an option is key.path=value, such as --set want.label=20")
            continue
        value = _parse_value(text, mark, issues)
        if value is None:
            continue
        try:
            tree = _Override(value, mark).replace_in_map(tree, tuple(path.strip().split(".")), ())
        except _PathError as error:
            issues.add(mark, str(error))
    return tree


def _parse_value(text: str, mark: Position, issues: IssueCollector) -> Node | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        issues.add(mark, "the value is not UTF-8")
        return None
    node = parse_yaml(text, lambda _line: mark, issues)
    if node is None:
        issues.add(mark, "there is no value after =: write one, or [] for none")
    return node


@dataclass(frozen=True, slots=True)
class _Override:
    """A new value; in its methods `path` is the path from the node to the value, `parents` the path to the node."""

    value: Node
    mark: Position

    def replace_in(self, node: Node, path: Path, parents: Path) -> Node:
        """Return the node with the new value at `path`."""
        if not path:
            return self.value
        node = _expand_shorthand(node, parents)
        if isinstance(node, YamlMap):
            return self.replace_in_map(node, path, parents)
        if isinstance(node, YamlList):
            return self.replace_in_list(node, path, parents)
        option = f"--set '{'.'.join(parents)}={_as_flow(path, self.value)}'"
        raise _PathError(
            f"{'.'.join(parents)} is {describe_node(node)} and has no {path[0]!r}: give all of it, such as {option}"
        )

    def replace_in_map(self, node: YamlMap, path: Path, parents: Path) -> YamlMap:
        """Return the map with the new value at `path`; a key that it does not have is added."""
        key, inner_path = _split_key(node, path)
        if key not in node.entries:
            self._refuse_second_component(node, path, parents)
        child = self.replace_in(node.entries.get(key, YamlMap({}, {}, self.mark)), inner_path, (*parents, key))
        mark = node.marks.get(key, self.mark) if inner_path else self.mark
        return YamlMap({**node.entries, key: child}, {**node.marks, key: mark}, node.mark)

    def replace_in_list(self, node: YamlList, path: Path, parents: Path) -> YamlList:
        """Return the list with the new value at `path`, which begins with an index."""
        length = len(node.items)
        if not path[0].isdecimal() or int(path[0]) >= length:
            allowed = f"0 to {length - 1}" if length else "but it is empty"
            raise _PathError(f"{'.'.join(parents)} is a list: give the index of an entry, {allowed}, found {path[0]!r}")
        index = int(path[0])
        child = self.replace_in(node.items[index], path[1:], (*parents, path[0]))
        return YamlList((*node.items[:index], child, *node.items[index + 1 :]), node.mark)

    def _refuse_second_component(self, node: YamlMap, path: Path, parents: Path) -> None:
        """Raise _PathError where a path would put a second component beside the one that is there."""
        if not _is_component(parents) or not node.entries:
            return
        component = next(iter(node.entries))
        is_file = parents[0] == "sources" and path[-1] == "path" and isinstance(self.value, YamlScalar)
        value = _as_flow((), self.value) if is_file else _as_flow(path, self.value)
        raise _PathError(
            f"{'.'.join(parents)} is {component!r} and has no {'.'.join(path)!r}: "
            f"give all of it, such as --set '{'.'.join(parents)}={value}'"
        )


def _split_key(node: YamlMap, path: Path) -> tuple[str, Path]:
    """Return the longest key of the map that the path begins with, and the path behind it."""
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        if key in node.entries:
            return key, path[length:]
    return path[0], path[1:]


def _expand_shorthand(node: Node, parents: Path) -> Node:
    """Return the full form of a shorthand; any other node as it is."""
    if not isinstance(node, YamlScalar) or not isinstance(node.value, str):
        return node
    if len(parents) == 2 and parents[0] == "labels":
        return _single_entry("description", node)
    if len(parents) == 2 and parents[0] == "sources":
        return _single_entry("rows", _single_entry("path", node))
    return _single_entry(node.value, YamlMap({}, {}, node.mark)) if _is_component(parents) else node


def _is_component(path: Path) -> bool:
    """Whether the value at `path` is one component: the task, a source, a model, or an entry of a list section."""
    return path == ("task",) or (len(path) == 2 and path[0] in COMPONENT_SECTIONS)


def _single_entry(key: str, node: Node) -> YamlMap:
    return YamlMap({key: node}, {key: node.mark}, node.mark)


def _as_flow(path: Path, value: Node) -> str:
    """Return the value nested in its path as YAML writes it on one line: `{http: {model: q}}`."""
    text = value.text if isinstance(value, YamlScalar) else "…"
    for key in reversed(path):
        text = f"{{{key}: {text}}}"
    return text
