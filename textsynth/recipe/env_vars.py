"""`${NAME}` in a value: the environment variable of that name, put in after parsing and never written back.

The tree keeps `${NAME}`: texts, hashes and mistakes made from it never hold what the variable says. Keys of maps are
left alone, and so is a field whose name ends with `_env`: it names a variable, it does not hold one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from textsynth.recipe.issues import Mistakes
from textsynth.recipe.yaml_tree import Array, Map, Node, Scalar

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


def plain(node: Node) -> Plain:
    """Return the tree as lists, dicts and values, exactly as it was written."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Array):
        return [plain(child) for child in node.items]
    return {name: plain(child) for name, child in node.entries.items()}


def filled(node: Node, environment: Mapping[str, str], mistakes: Mistakes, *, key: str = "") -> Plain:
    """Return the tree as plain values with its variables put in; one that is not set is a mistake and stays.

    What a variable holds is always text, never read as YAML.
    """
    if isinstance(node, Array):
        return [filled(child, environment, mistakes, key=key) for child in node.items]
    if isinstance(node, Map):
        return {name: filled(child, environment, mistakes, key=name) for name, child in node.entries.items()}
    if not isinstance(node.value, str) or "${" not in node.value:
        return node.value
    return _put_in(node, environment, mistakes, key)


def _put_in(node: Scalar, environment: Mapping[str, str], mistakes: Mistakes, key: str) -> str:
    text = node.text
    names = VARIABLE.findall(text)
    if key.endswith("_env"):
        if names:
            mistakes.note(
                node.mark, f"{key} takes the name of a variable, not its value: write {names[0]}, found {text!r}"
            )
        return text
    for name in names:
        value = environment.get(name)
        if value is None:
            mistakes.note(
                node.mark, f"the environment has no variable {name!r} for {text!r}: set it before the command"
            )
        elif not _encodes(value):
            mistakes.note(node.mark, f"the environment variable {name!r} is not UTF-8")
        else:
            text = text.replace(f"${{{name}}}", value)
    return text


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
