"""Substitutes `${NAME}` in a value by the environment variable of that name, after the YAML was parsed.

The tree keeps `${NAME}`: the text, the hash and the issues of a recipe never contain a variable's value. Keys of maps
are not substituted, and neither is a field whose name ends with `_env`: it takes the name of a variable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def to_python(node: Node) -> Plain:
    """Return the tree as lists, dicts and values, without substitution."""
    if isinstance(node, YamlScalar):
        return node.value
    if isinstance(node, YamlList):
        return [to_python(child) for child in node.items]
    return {name: to_python(child) for name, child in node.entries.items()}


def expand_variables(node: Node, environment: Mapping[str, str], issues: IssueCollector, *, key: str = "") -> Plain:
    """Return the tree as lists, dicts and values with its variables substituted.

    A variable that is not set is an issue, and stays. The value of a variable is always text, never read as YAML. `key`
    is the key that the node is the value of.
    """
    if isinstance(node, YamlList):
        return [expand_variables(child, environment, issues, key=key) for child in node.items]
    if isinstance(node, YamlMap):
        return {name: expand_variables(child, environment, issues, key=name) for name, child in node.entries.items()}
    if not isinstance(node.value, str) or "${" not in node.value:
        return node.value
    return _expand_text(node, environment, issues, key)


def _expand_text(node: YamlScalar, environment: Mapping[str, str], issues: IssueCollector, key: str) -> str:
    text = node.text
    names = VARIABLE.findall(text)
    if key.endswith("_env"):
        if names:
            issues.add(
                node.mark, f"{key} takes the name of a variable, not its value: write {names[0]}, found {text!r}"
            )
        return text
    for name in names:
        value = environment.get(name)
        if value is None:
            issues.add(node.mark, f"the environment has no variable {name!r} for {text!r}: set it before the command")
        elif not _is_utf8(value):
            issues.add(node.mark, f"the environment variable {name!r} is not UTF-8")
        else:
            text = text.replace(f"${{{name}}}", value)
    return text


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
