"""The joint distribution of columns as a tree: each column depends on one other at most.

Of all trees this one is the closest to the data: the maximum spanning tree of the mutual information (Chow and Liu
1968, "Approximating discrete probability distributions with dependence trees"). The mutual information is corrected for
its bias in a sample, so that columns with many values and few rows are not connected by chance.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Columns = Mapping[str, Sequence[str]]
"""Column → its value in each row."""


@dataclass(frozen=True, slots=True)
class TreeNode:
    """A column with its parent, and by value of the parent ("" for none) the probability of each of its values."""

    name: str
    parent: str | None
    tables: Mapping[str, Mapping[str, float]]


def fit_tree(
    columns: Columns, *, smoothing: float, floor: float, values: Mapping[str, Sequence[str]]
) -> list[TreeNode]:
    """Return the columns as a tree, parents before children; the first column is a root.

    `values` may list values of a column that no row has. The probabilities given a value of the parent are smoothed
    towards those of all rows, as if `smoothing` more rows had them. Each value then has a probability of `floor` or
    more over all rows; the other values shrink in proportion. Columns without a dependency are roots as well.
    """
    names = list(columns)
    counts = {name: _value_counts(columns[name], values.get(name, ())) for name in names}
    parents = _spanning_tree(columns)
    nodes: list[TreeNode] = []
    marginals: dict[str, dict[str, float]] = {}
    for name in _parents_first(names, parents):
        parent = parents[name]
        shares = _smoothed(counts[name], smoothing)
        if parent is None:
            tables = {"": shares}
            weights = {"": 1.0}
        else:
            pairs = Counter(zip(columns[parent], columns[name], strict=True))
            weights = marginals[parent]
            tables = {
                value: _conditional({child: pairs[value, child] for child in shares}, shares, smoothing)
                for value in weights
            }
        tables = _with_floor(tables, weights, floor)
        marginals[name] = _marginal(tables, weights)
        nodes.append(TreeNode(name, parent, tables))
    return nodes


def mutual_information(first: Sequence[str], second: Sequence[str]) -> float:
    """Return the mutual information of two columns in nats, less its bias in a sample of this size (Miller–Madow)."""
    number = len(first)
    if not number:
        return 0.0
    left, right = Counter(first), Counter(second)
    information = sum(
        count / number * math.log(count * number / (left[a] * right[b]))
        for (a, b), count in sorted(Counter(zip(first, second, strict=True)).items())
    )
    return information - (len(left) - 1) * (len(right) - 1) / (2 * number)


def _value_counts(column: Sequence[str], values: Sequence[str]) -> dict[str, int]:
    counts = Counter(column)
    listed = [value for value in values if value not in counts]
    return {**dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))), **dict.fromkeys(listed, 0)}


def _spanning_tree(columns: Columns) -> dict[str, str | None]:
    """Return the parent of each column (Prim's algorithm from the first column; of equal edges the first)."""
    names = list(columns)
    information = {
        (a, b): mutual_information(columns[a], columns[b]) for index, a in enumerate(names) for b in names[index + 1 :]
    }
    parents: dict[str, str | None] = {}
    while len(parents) < len(names):
        edges = [
            (information.get((inside, name), information.get((name, inside), 0.0)), inside, name)
            for inside in parents
            for name in names
            if name not in parents
        ]
        best = max(edges, key=lambda edge: edge[0], default=None)
        if best is None or best[0] <= 0:
            parents[next(name for name in names if name not in parents)] = None
        else:
            parents[best[2]] = best[1]
    return parents


def _parents_first(names: Sequence[str], parents: Mapping[str, str | None]) -> list[str]:
    ordered: list[str] = []
    while len(ordered) < len(names):
        ordered += [
            name for name in names if name not in ordered and (parents[name] is None or parents[name] in ordered)
        ]
    return ordered


def _smoothed(counts: Mapping[str, int], smoothing: float) -> dict[str, float]:
    """Return the shares of the values; where a value has no row, `smoothing` rows more are divided evenly over all."""
    extra = smoothing / len(counts) if min(counts.values()) == 0 else 0.0
    total = sum(counts.values()) + extra * len(counts)
    return {value: (count + extra) / total if total else 1 / len(counts) for value, count in counts.items()}


def _conditional(counts: Mapping[str, int], shares: Mapping[str, float], smoothing: float) -> dict[str, float]:
    total = sum(counts.values()) + smoothing
    if not total:
        return dict(shares)
    return {value: (count + smoothing * shares[value]) / total for value, count in counts.items()}


def _marginal(tables: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]) -> dict[str, float]:
    marginal: dict[str, float] = {}
    for parent, weight in weights.items():
        for value, share in tables[parent].items():
            marginal[value] = marginal.get(value, 0.0) + weight * share
    return marginal


def _with_floor(
    tables: Mapping[str, Mapping[str, float]], weights: Mapping[str, float], floor: float
) -> dict[str, dict[str, float]]:
    """Return the tables with every value's probability over all parents raised to the floor where it is lower.

    What is missing is taken from the values above the floor, under each value of the parent in proportion. Where
    the floor times the number of values is 1 or more, all have the same probability.
    """
    marginal = _marginal(tables, weights)
    if floor * len(marginal) >= 1:
        return {parent: dict.fromkeys(table, 1 / len(table)) for parent, table in tables.items()}
    result = {parent: dict(table) for parent, table in tables.items()}
    rare: set[str] = set()
    # Taking from the others may push another one below the floor.
    while lower := {value for value, share in marginal.items() if share < floor and value not in rare}:
        rare |= lower
        missing = {value: floor - _marginal(tables, weights)[value] for value in rare}
        common = sum(share for value, share in _marginal(tables, weights).items() if value not in rare)
        for parent, table in tables.items():
            # The same part of what the common values have goes to the rare ones.
            left = sum(share for value, share in table.items() if value not in rare)
            result[parent] = {
                value: share + left * missing[value] / common
                if value in rare
                else share * (1 - sum(missing.values()) / common)
                for value, share in table.items()
            }
        marginal = _marginal(result, weights)
    return result
