"""`labels`: names in their order, with what each means and its own quota."""

from __future__ import annotations

from collections.abc import Mapping

from textsynth.recipe.complaints import validate
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.nodes import Map, Node, Scalar, found
from textsynth.recipe.recipe import Label
from textsynth.recipe.settings import LabelSetting


def read_labels(node: Node, mark: Mark, environment: Mapping[str, str], mistakes: Mistakes) -> dict[str, Label]:
    """Return the labels in the recipe's order; one with a mistake stays in, so that it is not missed elsewhere."""
    if isinstance(node, Scalar) and node.noted:
        return {}
    if not isinstance(node, Map) or not node.entries:
        mistakes.note(
            mark,
            f"labels is a map of each name to what it means, found {found(node)}"
            "; a name that says it all is its own meaning: `parking: parking`",
        )
        return {}
    labels: dict[str, Label] = {}
    for name, value in node.entries.items():
        if not name.strip() or name != name.strip() or not name.isprintable():
            mistakes.note(node.marks[name], f"a label's name is one line without spaces at its ends, found {name!r}")
        labels[name] = _label(name, value, node.marks[name], environment, mistakes)
    return labels


def _label(name: str, node: Node, mark: Mark, environment: Mapping[str, str], mistakes: Mistakes) -> Label:
    nothing = Label("")
    if isinstance(node, Scalar):
        if node.noted:
            return nothing
        if node.value is None:
            mistakes.note(mark, f"labels.{name} says nothing: write what the label means, its name where that says it")
            return nothing
        node = Map({"means": node}, {"means": mark}, mark)
    if not isinstance(node, Map):
        mistakes.note(
            mark, f"labels.{name} takes what the label means, or a map with means and want, found {found(node)}"
        )
        return nothing
    setting = validate(LabelSetting, node, f"labels.{name}", environment, mistakes)
    return nothing if setting is None else Label(setting.means, setting.want)
