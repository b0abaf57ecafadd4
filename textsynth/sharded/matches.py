"""The stages that find similar texts, by what they have in common, and then by their words, and select the first ones.

Signatures give the keys of a text (`texts.py`). Texts with a common key are a group; the same group under several keys
counts once. Only texts in a group are compared, and a pair is reported with its exact similarity. Of similar texts the
first is selected, in the order of the sources, of those that are not dropped before: the only stage that needs all
pairs in one process, and no text.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textsynth.sharded.plan import Plan, unless_written
from textsynth.sharded.texts import NEVER_FIRST, ROW_BITS
from textsynth.similarity.minhash import max_different_bits
from textsynth.similarity.prefix_index import PrefixIndex
from textsynth.text.normalize import jaccard

FEW_SETS = 16
"""From this number of sets in a group on, an index selects those that are compared."""
FEW_TEXTS = 8
"""In groups of at most this number of texts each pair is a group of its own, if its signatures are similar."""
MAX_LIKELY_PAIRS = 4
"""Larger groups are divided into such pairs if they have at most this many for each text: if few texts are similar."""
MAX_GROUP = 400
"""Groups of more texts that have texts in common become one: most of their texts share several keys."""
PAIRS_AT_ONCE = 1 << 18
MAX_EARLIER = 16
"""How many similar earlier texts are reported of each text, besides those that its own group leaves."""
_BITS_OF_WORD = np.array([number.bit_count() for number in range(1 << 16)], np.uint8)
PAIR_COLUMNS = ("node", "order", "id", "earlier_node", "earlier_order", "earlier_id")


@unless_written("groups-{}")
def group_keys(plan: Plan, part: int) -> dict[str, Any]:
    """Find the texts that have a key in common, and write the group of each by the part of its text.

    Groups of many texts are in `crowded-PART`, all others in `groups-PART`.
    """
    name = f"groups-{part}"
    table = plan.work.read_part([f"keys-{number}" for number in range(plan.parts)], part)
    keys, nodes = table.column("key").to_numpy(), table.column("node").to_numpy()
    order = np.lexsort((nodes, keys))
    keys, nodes = keys[order], nodes[order]
    starts = first_rows(keys)
    sizes = np.diff(np.append(starts, len(keys)))
    bits = np.column_stack([table.column(column).to_numpy()[order] for column in ("bits", "bits2")])
    pairs, is_divided = likely_pairs(bits, starts, sizes, max_different_bits(plan.similarity))
    # A group is named by its texts, so that those that share several keys are one group.
    names: NDArray[np.uint64] = np.add.reduceat(_mixed(nodes), starts) if len(starts) else nodes
    groups = np.repeat(_mixed(names ^ sizes.astype(np.uint64)), sizes)
    is_crowded = np.repeat(~is_divided & (sizes > MAX_GROUP), sizes)
    is_group = np.repeat(~is_divided & (sizes <= MAX_GROUP), sizes)
    _write_memberships(plan, f"crowded-{part}", nodes[is_crowded], groups[is_crowded], {})
    note = {"crowded": int(is_crowded.sum())}
    first, second = nodes[pairs[:, 0]], nodes[pairs[:, 1]]
    pair_groups = _mixed(_mixed(first) + _mixed(second))
    members = np.concatenate([nodes[is_group], first, second])
    _write_memberships(plan, name, members, np.concatenate([groups[is_group], pair_groups, pair_groups]), note)
    return note


def likely_pairs(
    bits: NDArray[np.uint64], starts: NDArray[np.intp], sizes: NDArray[np.intp], max_different: float
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the rows of pairs in a group whose signatures may be those of similar texts, and which groups they divide.

    Most texts that share one key do so by chance: the number of such pairs grows with the square of that of all texts.
    A group that is not divided has many similar texts, as that of a template has.
    """
    group_of = np.repeat(np.arange(len(sizes)), sizes)
    few = sizes <= FEW_TEXTS
    is_few = few[group_of]
    pairs: list[NDArray[np.intp]] = [np.zeros((0, 2), np.intp)]
    for offset in range(1, FEW_TEXTS):
        first = np.flatnonzero(is_few[:-offset] & (group_of[:-offset] == group_of[offset:]))
        first = first[_different_bits(bits[first], bits[first + offset]) <= max_different]
        pairs.append(np.column_stack([first, first + offset]))
    is_divided = few.copy()
    for group in np.flatnonzero(~few).tolist():
        of_group = _pairs_of_group(bits[starts[group] : starts[group] + sizes[group]], max_different)
        if of_group is not None:
            pairs.append(of_group + starts[group])
            is_divided[group] = True
    return np.concatenate(pairs), is_divided


def _pairs_of_group(bits: NDArray[np.uint64], max_different: float) -> NDArray[np.intp] | None:
    """Return the pairs of rows with at most `max_different` different bits; None where they are many."""
    count = len(bits)
    # A product of rows of 1 and -1 is the number of equal bits minus that of different ones.
    signs = np.unpackbits(bits.view(np.uint8), axis=1).astype(np.float32) * 2 - 1
    min_product = signs.shape[1] - 2 * max_different
    pairs: list[NDArray[np.intp]] = []
    found = start = 0
    while start < count:
        end = min(count, start + max(1, PAIRS_AT_ONCE // (count - start)))
        likely = np.flatnonzero((signs[start:end] @ signs[start:].T).ravel() >= min_product)
        first, second = np.divmod(likely, count - start)
        is_pair = second > first
        pairs.append(np.column_stack([first[is_pair], second[is_pair]]) + start)
        found += len(pairs[-1])
        if found > MAX_LIKELY_PAIRS * count:
            return None
        start = end
    return np.concatenate(pairs)


def _different_bits(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return how many bits of two arrays of rows differ, by row."""
    words = (first ^ second).view(np.uint16)
    counts: NDArray[np.int64] = _BITS_OF_WORD[words].sum(axis=-1, dtype=np.int64)
    return counts


def _write_memberships(
    plan: Plan, name: str, nodes: NDArray[np.uint64], groups: NDArray[np.uint64], note: dict[str, int]
) -> None:
    members, groups = distinct_rows(nodes, groups)
    home = (members >> np.uint64(ROW_BITS)).astype(np.int64)
    plan.work.write_parts(name, {"node": members, "group": groups}, home, note)


@unless_written("links-{}")
def link_groups(plan: Plan, part: int) -> dict[str, Any]:
    """Write which groups of many texts have a text in common, `links-PART`."""
    name = f"links-{part}"
    nodes, groups = _memberships(plan, "crowded", part)
    is_same = nodes[1:] == nodes[:-1]
    links = (np.append(groups, groups[:-1][is_same]), np.append(groups, groups[1:][is_same]))
    first, second = distinct_rows(*links)
    note = {"links": len(first)}
    plan.work.write_parts(name, {"first": first, "second": second}, None, note)
    return note


@unless_written("joined")
def join_linked_groups(plan: Plan, number: int) -> dict[str, Any]:
    """Join the groups of many texts that have texts in common, and write the joined group of each, `joined`.

    Such texts share most of their words, as those of a template do, and would be compared in many groups.
    """
    leader: dict[int, int] = {}

    def leader_of(group: int) -> int:
        while leader.setdefault(group, group) != group:
            leader[group] = group = leader[leader[group]]
        return group

    for part in range(plan.parts):
        table = plan.work.read_part([f"links-{part}"], 0)
        for first, second in zip(table.column("first").to_pylist(), table.column("second").to_pylist(), strict=True):
            low, high = sorted((leader_of(first), leader_of(second)))
            leader[high] = low
    groups = sorted(leader)
    columns = {
        "group": np.array(groups, np.uint64),
        "joined": np.array([leader_of(group) for group in groups], np.uint64),
    }
    note = {"joined": len(np.unique(columns["joined"]))}
    plan.work.write_parts("joined", columns, None, note)
    return note


@unless_written("members-{}")
def collect_words(plan: Plan, part: int) -> dict[str, Any]:
    """Write the words of the texts that are in a group, by the group's part, `members-PART`."""
    name = f"members-{part}"
    members, groups = _memberships(plan, "groups", part)
    if plan.work.note("joined") is not None:
        joined = plan.work.read_part(["joined"], 0)
        crowded, crowded_groups = _memberships(plan, "crowded", part)
        at = np.searchsorted(joined.column("group").to_numpy(), crowded_groups)
        crowded_groups = joined.column("joined").to_numpy()[at]
        members, groups = distinct_rows(np.append(members, crowded), np.append(groups, crowded_groups))
    nodes = plan.work.read_part([f"nodes-{part}"], 0)
    at = np.searchsorted(nodes.column("node").to_numpy(), members)
    columns = {name: nodes.column(name).take(at) for name in nodes.column_names}
    part_of = ((groups >> np.uint64(24)) % np.uint64(plan.parts)).astype(np.int64)
    note = {"compared": len(first_rows(members))}
    plan.work.write_parts(name, {**columns, "group": groups}, part_of, note)
    return note


def _memberships(plan: Plan, name: str, part: int) -> list[NDArray[np.uint64]]:
    """Return the texts of a part that are in groups and the group of each, sorted by text, each pair once."""
    table = plan.work.read_part([f"{name}-{number}" for number in range(plan.parts)], part)
    return distinct_rows(table.column("node").to_numpy(), table.column("group").to_numpy())


@unless_written("pairs-{}")
def compare_groups(plan: Plan, part: int) -> dict[str, Any]:
    """Compare the texts of each group, and write the similar pairs, `pairs-PART`."""
    import pyarrow as pa

    name = f"pairs-{part}"
    table = plan.work.read_part([f"members-{number}" for number in range(plan.parts)], part)
    groups, orders = table.column("group").to_numpy(), table.column("order").to_numpy()
    order = np.lexsort((orders, groups))
    groups = groups[order]
    bounds = [*first_rows(groups).tolist(), len(groups)]
    # One array in the order of the groups: to take rows of an array in chunks is to read all of it.
    words = table.column("words").cast(pa.large_string()).combine_chunks().take(pa.array(order))
    later: list[int] = []
    earlier: list[int] = []
    similarities: list[float] = []
    cut: list[bool] = []
    for start, end in itertools.pairwise(bounds):
        rows = order[start:end]
        sets = [frozenset(text.split(" ")) for text in words.slice(start, end - start).to_pylist()]
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
    index: PrefixIndex | None = None
    if len(sets) > FEW_SETS:
        index = PrefixIndex(similarity)
        index.reorder(list(enumerate(sets)))
    remaining: set[int] = set()
    for later, words in enumerate(sets):
        candidates: Sequence[int] = range(later)
        if index is not None:
            candidates = index.find_candidates(words)
            candidates = candidates[: bisect_left(candidates, later)]
        pairs, is_cut = _pairs_of(later, candidates, sets, remaining, similarity)
        if not any(pair.earlier in remaining for pair in pairs):
            remaining.add(later)
        yield from (pair._replace(is_cut=is_cut) for pair in pairs)


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


@unless_written("similar")
def resolve_pairs(plan: Plan, number: int) -> dict[str, Any]:
    """Decide about all texts with similar ones, and write the selected similar texts of each by its part, `similar`.

    A text is selected unless a selected one before it is similar. Memory: 24 bytes for each pair and 24 for each text
    in a pair, and as much again while they are sorted. The note has the number of similar pairs, and of `undecided`
    ones: selected texts of which not all similar earlier texts were compared.
    """
    pairs, texts, cut = _read_pairs(plan)
    # Ranks in the order of the texts, so that every text is decided before those that it makes duplicates.
    later = np.searchsorted(texts["order"], pairs["later"])
    earlier = np.searchsorted(texts["order"], pairs["earlier"])
    is_selected = bytearray((texts["order"] < np.uint64(NEVER_FIRST)).astype(np.uint8).tobytes())
    for start in range(0, len(later), 1 << 20):
        part = slice(start, start + (1 << 20))
        for one, other in zip(later[part].tolist(), earlier[part].tolist(), strict=True):
            if is_selected[other]:
                is_selected[one] = 0
    selected = np.frombuffer(is_selected, np.uint8).astype(bool)
    undecided = int(selected[np.searchsorted(texts["order"], cut)].sum())
    # Both ends of a pair name the other one where it is selected: equal texts may lie on both sides of it.
    similarity = pairs["similarity"]
    rows = [_rows(texts, selected, later, earlier, similarity), _rows(texts, selected, earlier, later, similarity)]
    columns = {name: np.concatenate([side[name] for side in rows]) for name in rows[0]}
    note = {"similar_pairs": len(later), "undecided": undecided}
    home = (columns["node"] >> np.uint64(ROW_BITS)).astype(np.int64)
    plan.work.write_parts("similar", columns, home, note)
    return note


def _rows(texts: dict[str, Any], selected: Any, ends: Any, others: Any, similarity: Any) -> dict[str, Any]:  # noqa: ANN401
    counts = selected[others]
    others = others[counts]
    return {
        "node": texts["node"][ends[counts]],
        "order": texts["order"][others],
        "id": texts["id"][others],
        "similarity": similarity[counts],
    }


def _read_pairs(plan: Plan) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return the pairs, each once and in the order of the later text; the texts in order; the orders of cut texts."""
    pair_parts: list[list[Any]] = []
    text_parts: list[list[Any]] = []
    cut_parts: list[Any] = []
    for part in range(plan.parts):
        table = plan.work.read_part([f"pairs-{part}"], 0)
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
        similarity = columns["similarity"].view(np.uint64)  # numbers of one sign have the order of their bits
        pair_parts.append(distinct_rows(columns["order"], columns["earlier_order"], similarity))
        for side in ("", "earlier_"):
            text_parts.append(distinct_rows(*(columns[f"{side}{name}"] for name in ("order", "node", "id"))))
        cut_parts.append(np.unique(columns["order"][columns["cut"]]))
    later, earlier, bits = distinct_rows(*map(np.concatenate, zip(*pair_parts, strict=True)))
    del pair_parts
    orders, nodes, ids = distinct_rows(*map(np.concatenate, zip(*text_parts, strict=True)))
    return (
        {"later": later, "earlier": earlier, "similarity": bits.view(np.float64)},
        {"order": orders, "node": nodes, "id": ids},
        np.unique(np.concatenate(cut_parts)),
    )


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
