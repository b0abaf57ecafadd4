"""Validates the fields of a component as a recipe writes them; each error gets the position of its value or key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from textsynth.core.options import Options
from textsynth.core.validation_errors import Path, field_errors, name_hint
from textsynth.recipe.env_vars import expand_variables
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar, describe_node

Validated = TypeVar("Validated", bound=Options)


def validate(
    cls: type[Validated], node: YamlMap, owner: str, environment: Mapping[str, str], issues: IssueCollector
) -> Validated | None:
    """Return the options that the map `node` describes, or None after adding every issue in it.

    `owner` begins the names of fields in the sentences (`length` in `length.min_words`); "" for plain settings.
    """
    before = len(issues)
    text = json.dumps(expand_variables(node, environment, issues))
    has_unset_variables = len(issues) > before
    try:
        options = cls.model_validate_json(text)
    except ValidationError as error:
        for field_error in field_errors(error, cls, NodeValue(node), owner=owner or "the recipe", prefix=owner):
            value = _value_at(node, field_error.path)
            if not value.has_issue(has_unset_variables=has_unset_variables):
                issues.add(value.position, field_error.sentence)
        return None
    return options if len(issues) == before else None


def unknown_section(name: str, allowed: list[str]) -> str:
    """Return the sentence for a key that is no section of a recipe."""
    return f"a recipe has no section {name!r}{name_hint(name, allowed)}"


def position_of(node: YamlMap, path: Path, default: Position) -> Position:
    """Return the position of what the keys of `path` lead to, or of the last of them that is there; else `default`."""
    return _value_at(node, path).position if path and path[0] in node.entries else default


class NodeValue:
    """A node of a recipe, with the position of its key, or of itself in a list."""

    def __init__(self, node: Node, position: Position | None = None) -> None:
        self._node = node
        self.position = node.mark if position is None else position

    def child(self, part: str | int) -> NodeValue | None:
        """Return the node under a key or index; None where there is none."""
        node = self._node
        if isinstance(node, YamlMap) and part in node.entries:
            return NodeValue(node.entries[str(part)], node.marks[str(part)])
        if isinstance(node, YamlList) and isinstance(part, int) and part < len(node.items):
            return NodeValue(node.items[part])
        return None

    @property
    def value(self) -> object:
        """The value of a scalar."""
        return self._node.value if isinstance(self._node, YamlScalar) else None

    @property
    def is_scalar(self) -> bool:
        """Whether the node is neither a list nor a map."""
        return isinstance(self._node, YamlScalar)

    def has_issue(self, *, has_unset_variables: bool) -> bool:
        """Whether an issue about the node was added before: about its text, or about an unset variable in it."""
        node = self._node
        return isinstance(node, YamlScalar) and (node.reported or (has_unset_variables and "${" in node.text))

    def describe(self) -> str:
        """Return the node in words, as it was written."""
        return describe_node(self._node)

    def hint(self, expected: str) -> str:
        """Return how to quote the value, where it is text in place of a number or the other way round."""
        node = self._node
        if not isinstance(node, YamlScalar) or node.value is None:
            return ""
        if expected.startswith("text") and not isinstance(node.value, str):
            return f': write "{node.text}" in quotes'
        if "number" in expected and isinstance(node.value, str) and node.text.strip("0123456789.-") == "":
            return f": write {node.text} without quotes"
        return ""


def _value_at(root: YamlMap, path: Path) -> NodeValue:
    value = NodeValue(root)
    for part in path:
        value = value.child(part) or value
    return value
