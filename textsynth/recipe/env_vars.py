"""`${NAME}` in a value: the environment variable of that name, put in after parsing and never written back.

The tree keeps `${NAME}`: texts, hashes and mistakes made from it never hold what the variable says. Keys of maps are
left alone, and so is a field whose name ends with `_env`: it names a variable, it does not hold one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from textsynth.recipe.issues import IssueCollector
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def to_python(node: Node) -> Plain:
    """Return the tree as lists, dicts and values, exactly as it was written."""
    if isinstance(node, YamlScalar):
        return node.value
    if isinstance(node, YamlList):
        return [to_python(child) for child in node.items]
    return {name: to_python(child) for name, child in node.entries.items()}


def expand_variables(node: Node, environment: Mapping[str, str], mistakes: IssueCollector, *, key: str = "") -> Plain:
    """Return the tree as plain values with its variables put in; one that is not set is a mistake and stays.

    What a variable holds is always text, never read as YAML.
    """
    if isinstance(node, YamlList):
        return [expand_variables(child, environment, mistakes, key=key) for child in node.items]
    if isinstance(node, YamlMap):
        return {name: expand_variables(child, environment, mistakes, key=name) for name, child in node.entries.items()}
    if not isinstance(node.value, str) or "${" not in node.value:
        return node.value
    return _put_in(node, environment, mistakes, key)


def _put_in(node: YamlScalar, environment: Mapping[str, str], mistakes: IssueCollector, key: str) -> str:
    text = node.text
    names = VARIABLE.findall(text)
    if key.endswith("_env"):
        if names:
            mistakes.add(
                node.mark, f"{key} takes the name of a variable, not its value: write {names[0]}, found {text!r}"
            )
        return text
    for name in names:
        value = environment.get(name)
        if value is None:
            mistakes.add(node.mark, f"the environment has no variable {name!r} for {text!r}: set it before the command")
        elif not _encodes(value):
            mistakes.add(node.mark, f"the environment variable {name!r} is not UTF-8")
        else:
            text = text.replace(f"${{{name}}}", value)
    return text


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
