"""`want`: from `200`, `{label: 200}` or `{label*tone: 20}` to the keys of each quota and its number."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from textsynth.core.errors import did_you_mean
from textsynth.core.options import parse_count
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.recipe import Label
from textsynth.recipe.yaml_tree import Node, YamlMap, YamlScalar, describe_node

TOTAL = "total"
LABEL = "label"


def read_want(node: Node, mark: Position, mistakes: IssueCollector) -> dict[tuple[str, ...], int]:
    """Return keys → number in the order of the recipe; a bare number is the total. Attributes are checked later."""
    if isinstance(node, YamlMap) and node.entries:
        wanted: dict[tuple[str, ...], int] = {}
        for name, value in node.entries.items():
            keys = _keys(name, node.marks[name], mistakes)
            number = _number(f"want.{name}", value, node.marks[name], mistakes)
            if keys is not None and number is not None:
                wanted[keys] = number
        return wanted
    number = _number("want", node, mark, mistakes)
    return {} if number is None else {(): number}


def check_want(
    wanted: Iterable[tuple[str, ...]],
    mark: Position,
    mistakes: IssueCollector,
    *,
    attributes: Collection[str],
    labels: Collection[str] = (),
) -> None:
    """Note every key that is neither the label nor an attribute (`vary` of a generator)."""
    for key in dict.fromkeys(key for keys in wanted for key in keys):
        if key in labels and key not in (LABEL, *attributes):
            own = f"labels: {{{key}: {{description: …, want: 20}}}}"
            mistakes.add(mark, f"want: {key!r} is one of the labels; a label's own quota stands at the label: {own}")
        elif key != LABEL and key not in attributes:
            known = did_you_mean(key, [TOTAL, LABEL, *attributes])
            mistakes.add(mark, f"want counts texts by {key!r}, which no generator varies{known}")


def check_total(
    wanted: Mapping[tuple[str, ...], int], labels: Mapping[str, Label], mark: Position, mistakes: IssueCollector
) -> None:
    """Note a total below what the labels want, where a text has one label: no run could meet both."""
    total, each = wanted.get(()), wanted.get((LABEL,))
    whole = sum(each or 0 if label.want is None else label.want for label in labels.values())
    if total is not None and total < whole:
        told = f"want: the total is {total:,}, and the labels want {whole:,} in all, so that both cannot be met"
        mistakes.add(mark, f"{told}: raise it, or leave it out (`run --limit` makes a smaller run)")


def _keys(name: str, mark: Position, mistakes: IssueCollector) -> tuple[str, ...] | None:
    if name == TOTAL:
        return ()
    keys = tuple(part.strip() for part in name.split("*"))
    if TOTAL in keys or "" in keys or len(set(keys)) < len(keys):
        mistakes.add(mark, f"want takes total, label, an attribute, or several as in label*tone, found {name!r}")
        return None
    return keys


def _number(name: str, node: Node, mark: Position, mistakes: IssueCollector) -> int | None:
    if isinstance(node, YamlScalar):
        if node.noted:
            return None
        number = parse_count(node.value)
        if isinstance(number, int) and not isinstance(number, bool) and number > 0:
            return number
    mistakes.add(mark, f"{name} takes a whole number above 0, such as 200 or 25k, found {describe_node(node)}")
    return None
