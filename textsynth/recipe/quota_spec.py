"""Reads `want`: from `200`, `{label: 200}` or `{label*tone: 20}` to the keys of each quota and its number of texts."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from textsynth.core.errors import did_you_mean
from textsynth.core.options import parse_count
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.recipe import Label
from textsynth.recipe.yaml_tree import Node, YamlMap, YamlScalar, describe_node

TOTAL = "total"
LABEL = "label"
BALANCE = "balance"


def read_want(node: Node, mark: Position, issues: IssueCollector) -> dict[tuple[str, ...], int]:
    """Return keys → number in the order of the recipe; a bare number is the total. `check_want` checks the keys.

    `balance_node` reads what a balance says.
    """
    if isinstance(node, YamlMap) and node.entries:
        quotas: dict[tuple[str, ...], int] = {}
        for name, value in node.entries.items():
            if name == BALANCE and isinstance(value, YamlMap):
                continue
            keys = _parse_keys(name, node.marks[name], issues)
            number = _parse_number(f"want.{name}", value, node.marks[name], issues)
            if keys is not None and number is not None:
                quotas[keys] = number
        return quotas
    number = _parse_number("want", node, mark, issues)
    return {} if number is None else {(): number}


def balance_node(node: Node | None) -> YamlMap | None:
    """Return what `want` says of a balance; None where it says nothing. A number is the quota of an attribute."""
    value = node.entries.get(BALANCE) if isinstance(node, YamlMap) else None
    return value if isinstance(value, YamlMap) else None


def check_want(
    quotas: Iterable[tuple[str, ...]],
    mark: Position,
    issues: IssueCollector,
    *,
    attributes: Collection[str],
    labels: Collection[str] = (),
) -> None:
    """Add every key that is neither `label` nor an attribute that a generator varies."""
    for key in dict.fromkeys(key for keys in quotas for key in keys):
        if key in labels and key not in (LABEL, *attributes):
            example = f"labels: {{{key}: {{description: …, want: 20}}}}"
            issues.add(mark, f"want: {key!r} is one of the labels; a quota for one label is written there: {example}")
        elif key != LABEL and key not in attributes:
            nearest = difflib.get_close_matches(key, labels, n=1, cutoff=0.8)
            hint = f"; did you mean the label {nearest[0]!r}? Its quota is written with the label" if nearest else ""
            hint = hint or did_you_mean(key, [TOTAL, LABEL, *attributes])
            issues.add(mark, f"want counts texts by {key!r}, which no generator varies{hint}")


def check_total(
    quotas: Mapping[tuple[str, ...], int],
    labels: Mapping[str, Label],
    mark: Position,
    issues: IssueCollector,
    *,
    multi_label: bool = False,
) -> None:
    """Add a total below the sum of the labels' quotas: where a text has one label, no run could meet both.

    With `multi_label` a text counts for each of its labels, so only a total below the quota of one label is added.
    """
    total, per_label = quotas.get(()), quotas.get((LABEL,))
    by_label = {name: per_label or 0 if label.want is None else label.want for name, label in labels.items()}
    if multi_label:
        largest = max(by_label, key=by_label.__getitem__, default="")
        if total is not None and total < by_label.get(largest, 0):
            issues.add(
                mark,
                f"want: the total is {total:,}, but the quota of the label {largest!r} is {by_label[largest]:,}, so "
                "both cannot be met: raise the total, or leave it out (`run --limit` makes a smaller run)",
            )
        return
    label_sum = sum(by_label.values())
    if total is not None and total < label_sum:
        issues.add(
            mark,
            f"want: the total is {total:,}, but the quotas of the labels add up to {label_sum:,}, so both cannot be "
            "met: raise the total, or leave it out (`run --limit` makes a smaller run)",
        )


def _parse_keys(name: str, mark: Position, issues: IssueCollector) -> tuple[str, ...] | None:
    if name == TOTAL:
        return ()
    keys = tuple(part.strip() for part in name.split("*"))
    if TOTAL in keys or "" in keys or len(set(keys)) < len(keys):
        issues.add(mark, f"want takes total, label, an attribute, or several as in label*tone, found {name!r}")
        return None
    return keys


def _parse_number(name: str, node: Node, mark: Position, issues: IssueCollector) -> int | None:
    if isinstance(node, YamlScalar):
        if node.reported:
            return None
        number = parse_count(node.value)
        if isinstance(number, int) and not isinstance(number, bool) and number > 0:
            return number
    hint = "; a label's own quota is written with the label: {description: …, want: 50}" if name == "want.label" else ""
    hint = hint if isinstance(node, YamlMap) else ""
    issues.add(mark, f"{name} takes a whole number above 0, such as 200 or 25k, found {describe_node(node)}{hint}")
    return None
