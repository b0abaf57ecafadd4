"""The stages that find similar texts: by what they have in common, then by comparing their words.

Signatures give the keys of a text (`texts.py`). Texts with a common key are a group; the same group under several keys
counts once. Only texts in a group are compared, and a pair is reported with its exact similarity.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textsynth.sharded.plan import Plan
from textsynth.sharded.texts import NEVER_FIRST, ROW_BITS
from textsynth.similarity.prefix_index import PrefixIndex
from textsynth.text.normalize import jaccard

FEW_SETS = 16
"""From this number of sets in a group on, an index selects those that are compared."""
MAX_EARLIER = 16
"""How many similar earlier texts are reported of each text, besides those that its own group leaves."""
PAIR_COLUMNS = ("node", "order", "id", "earlier_node", "earlier_order", "earlier_id")


def group_keys(plan: Plan, part: int) -> dict[str, int]:
    """Find the texts that have a key in common, and write the group of each by the part of its text, `groups-PART`."""
    name = f"groups-{part}"
    note = plan.work.note(name)
    if note is not None:
        return note
    table = plan.work.read_part([f"keys-{number}" for number in range(plan.parts)], part)
    keys, nodes = table.column("key").to_numpy(), table.column("node").to_numpy()
    order = np.lexsort((nodes, keys))
    keys, nodes = keys[order], nodes[order]
    starts = first_rows(keys)
    sizes = np.diff(np.append(starts, len(keys)))
    # A group is named by its texts, so that those that share several keys are one group.
    names: NDArray[np.uint64] = np.add.reduceat(_mixed(nodes), starts) if len(starts) else nodes
    in_group = np.repeat(sizes > 1, sizes)
    groups = np.repeat(_mixed(names ^ sizes.astype(np.uint64)), sizes)[in_group]
    members, groups = distinct_rows(nodes[in_group], groups)
    note = {"largest": int(sizes.max(initial=0))}
    home = (members >> np.uint64(ROW_BITS)).astype(np.int64)
    plan.work.write_parts(name, {"node": members, "group": groups}, home, note)
    return note


def join_words(plan: Plan, part: int) -> dict[str, int]:
    """Write the words of the texts that are in a group, by the group's part, `members-PART`."""
    name = f"members-{part}"
    note = plan.work.note(name)
    if note is not None:
        return note
    table = plan.work.read_part([f"groups-{number}" for number in range(plan.parts)], part)
    members, groups = distinct_rows(table.column("node").to_numpy(), table.column("group").to_numpy())
    nodes = plan.work.read_part([f"nodes-{part}"], 0)
    at = np.searchsorted(nodes.column("node").to_numpy(), members)
    columns = {name: nodes.column(name).take(at) for name in nodes.column_names}
    part_of = ((groups >> np.uint64(24)) % np.uint64(plan.parts)).astype(np.int64)
    note = {"compared": len(first_rows(members))}
    plan.work.write_parts(name, {**columns, "group": groups}, part_of, note)
    return note


def compare_groups(plan: Plan, part: int) -> dict[str, int]:
    """Compare the texts of each group, and write the similar pairs, `pairs-PART`."""
    name = f"pairs-{part}"
    note = plan.work.note(name)
    if note is not None:
        return note
    table = plan.work.read_part([f"members-{number}" for number in range(plan.parts)], part)
    groups, orders = table.column("group").to_numpy(), table.column("order").to_numpy()
    order = np.lexsort((orders, groups))
    groups = groups[order]
    bounds = [*first_rows(groups).tolist(), len(groups)]
    words = table.column("words")
    later: list[int] = []
    earlier: list[int] = []
    similarities: list[float] = []
    cut: list[bool] = []
    for start, end in itertools.pairwise(bounds):
        rows = order[start:end]
        sets = [frozenset(text.split(" ")) for text in words.take(rows).to_pylist()]
        for pair in similar_pairs(sets, plan.similarity):
            later.append(rows[pair.later])
            earlier.append(rows[pair.earlier])
            similarities.append(pair.similarity)
            cut.append(pair.is_cut)
    sides = {"": np.array(later, np.int64), "earlier_": np.array(earlier, np.int64)}
    columns = {f"{side}{name}": table.column(name).take(at) for side, at in sides.items() for name in PAIR_COLUMNS[:3]}
    # A text that cannot be selected makes no other text a duplicate.
    counts = columns["earlier_order"].to_numpy() < np.uint64(NEVER_FIRST)
    columns |= {"similarity": np.array(similarities, np.float64), "cut": np.array(cut, bool)}
    columns = {name: np.asarray(values)[counts] for name, values in columns.items()}
    note = {"similar_pairs": int(counts.sum())}
    plan.work.write_parts(name, columns, None, note)
    return note


class SimilarPair(NamedTuple):
    """Two sets by their indices, and their Jaccard similarity; `is_cut`: `later` has more similar sets before it."""

    later: int
    earlier: int
    similarity: float
    is_cut: bool = False


def similar_pairs(sets: Sequence[frozenset[str]], similarity: float) -> Iterator[SimilarPair]:
    """Yield the pairs of sets whose Jaccard similarity is at least `similarity`, in the order of the later one.

    Of a set with many similar ones before it these are the sets that remain when each set that is similar to a
    remaining one before it is left out, and the first MAX_EARLIER others.
    """
    index = PrefixIndex(similarity) if len(sets) > FEW_SETS else None
    remaining: set[int] = set()
    for later, words in enumerate(sets):
        candidates = range(later) if index is None else index.find_candidates(words)
        pairs, is_cut = _pairs_of(later, candidates, sets, remaining, similarity)
        if not any(pair.earlier in remaining for pair in pairs):
            remaining.add(later)
        yield from (pair._replace(is_cut=is_cut) for pair in pairs)
        if index is not None:
            index.add(later, words)
            if index.needs_reorder:
                index.reorder(list(enumerate(sets[: later + 1])))


def _pairs_of(
    later: int, candidates: Sequence[int], sets: Sequence[frozenset[str]], remaining: set[int], similarity: float
) -> tuple[list[SimilarPair], bool]:
    """Return the pairs of a set with those of the candidates that are reported, and whether there may be others."""
    pairs: list[SimilarPair] = []
    others = 0
    is_cut = False
    for earlier in candidates:
        if others >= MAX_EARLIER and earlier not in remaining:
            is_cut = True
            continue
        value = jaccard(sets[later], sets[earlier])
        if value >= similarity:
            pairs.append(SimilarPair(later, earlier, value))
            others += earlier not in remaining
    return pairs, is_cut


def first_rows(*columns: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the indices of the rows of sorted columns that differ from the row before."""
    is_first = np.ones(len(columns[0]), bool)
    is_first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return np.flatnonzero(is_first)


def distinct_rows(*columns: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Return the columns with their rows sorted, the first column first, and each row once."""
    order = np.lexsort(columns[::-1])
    columns = tuple(column[order] for column in columns)
    first = first_rows(*columns)
    return [column[first] for column in columns]


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a hash of each number (the finalizer of splitmix64: Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
