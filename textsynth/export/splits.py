"""Splits by family: a text and what rewrites it never stand on two sides of a split.

A family is what is tied by a common parent (paraphrases and summaries of one text, and that text), by the same
source text, or by one answer of a model. Examples merely shown in a prompt are no parents, else five seeds would make
one family of a whole label.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from textsynth.core.records import REWRITES, Record

REWRITTEN = tuple(REWRITES.values())


class SplitAssignment(NamedTuple):
    """The split and the family (its smallest id) of each record, by id, and what could not be met, in sentences."""

    split: Mapping[str, str]
    family: Mapping[str, str]
    notes: tuple[str, ...]


def assign_splits(records: Sequence[Record], shares: Mapping[str, float], *, seed: int) -> SplitAssignment:
    """Part `records` into splits, stratified by label, families whole and the largest first.

    `shares` are parts of 1, in the order in which ties fall; they are scaled to their sum. The result does not depend
    on the order of the records. A record with several labels counts under its rarest.
    """
    family = families(records)
    strata = _strata(records)
    wanted = _quotas(Counter(strata.values()), shares)
    shelves = _SplitBins(wanted, shares)
    split: dict[str, str] = {}
    for members in _ordered(family, seed):
        sizes = Counter(map(strata.__getitem__, members)) if len(members) > 1 else {strata[members[0]]: 1}
        split.update(dict.fromkeys(members, shelves.place(sizes)))
    return SplitAssignment(split, family, _notes(split, strata, wanted, shares))


class _SplitBins:
    """How many records each split still lacks of each stratum."""

    def __init__(self, wanted: Mapping[str, Mapping[str, int]], shares: Mapping[str, float]) -> None:
        self._left = {stratum: dict(cells) for stratum, cells in wanted.items()}
        self._wants = {name: sum(cells[name] for cells in wanted.values()) for name in shares}
        self._lacks = dict(self._wants)

    def place(self, sizes: Mapping[str, int]) -> str:
        """Book a family, its sizes by stratum, in the split that lacks most of what it brings, and return that split.

        Ties fall to the split of which the larger part is lacking in all, so that none stays empty while another
        overflows; then to the first.
        """
        if len(sizes) == 1:
            (room,) = (self._left[stratum] for stratum in sizes)
        else:
            rooms = [(size, self._left[stratum]) for stratum, size in sizes.items()]
            room = {name: sum(size * room[name] for size, room in rooms) for name in self._wants}
        most = max(room.values())
        tied = [name for name in self._wants if room[name] == most]
        place = tied[0] if len(tied) == 1 else max(tied, key=self._lacking)
        for stratum, size in sizes.items():
            self._left[stratum][place] -= size
            self._lacks[place] -= size
        return place

    def _lacking(self, name: str) -> float:
        return self._lacks[name] / self._wants[name] if self._wants[name] else -1.0


def families(records: Sequence[Record]) -> dict[str, str]:
    """Return the family of each record, by id: the smallest id among those tied together."""
    # Numbers instead of names: of millions of records most are tied to nothing.
    root = list(range(len(records)))
    first: dict[tuple[str, str] | str, int] = {}
    parents = {parent for record in records for parent in record.provenance.parent_ids}

    def find(one: int) -> int:
        while root[one] != one:
            root[one] = root[root[one]]
            one = root[one]
        return one

    for place, record in enumerate(records):
        for tie in _ties(record, parents):
            root[find(place)] = find(first.setdefault(tie, place))
    names: dict[int, str] = {}
    for place, record in enumerate(records):
        own = find(place)
        names[own] = min(record.id, names.get(own, record.id))
    return {record.id: names[find(place)] for place, record in enumerate(records)}


def _ties(record: Record, parents: Container[str]) -> Iterator[tuple[str, str] | str]:
    """What ties a record to others: the answer it stood in by its key alone, all else with its kind."""
    if record.id in parents:
        yield "id", record.id
    for parent in record.provenance.parent_ids:
        yield "id", parent
    if record.provenance.request_key:
        yield record.provenance.request_key
    for key in REWRITTEN:
        if record.fields.get(key):
            yield "text", record.fields[key]


def _strata(records: Sequence[Record]) -> dict[str, str]:
    often = Counter(label for record in records for label in record.labels)
    return {record.id: min(record.labels, key=lambda label: (often[label], label), default="") for record in records}


def _ordered(family: Mapping[str, str], seed: int) -> list[list[str]]:
    """Return the families, the largest first, those of one size in a seeded order."""
    members: dict[str, list[str]] = defaultdict(list)
    for one in sorted(family):
        members[family[one]].append(one)
    names = sorted(members, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    return [members[name] for name in sorted(names, key=lambda name: -len(members[name]))]


def _quotas(sizes: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, dict[str, int]]:
    """Return how many records of each stratum each split should get: whole numbers that add up both ways.

    Each cell is its exact share rounded down, or one more; the ones over go to the splits that lack most in total
    (the greedy of Gale and Ryser, which always comes out even).
    """
    whole = sum(shares.values())
    exact = {stratum: {name: size * share / whole for name, share in shares.items()} for stratum, size in sizes.items()}
    cells = {stratum: {name: int(part + 1e-9) for name, part in parts.items()} for stratum, parts in exact.items()}
    lack = _rounded(sum(sizes.values()), shares)
    for parts in cells.values():
        for name, count in parts.items():
            lack[name] -= count
    order = list(shares)
    for stratum in sorted(cells, key=lambda one: (-sizes[one], one)):
        over = sizes[stratum] - sum(cells[stratum].values())
        most = sorted(order, key=lambda name: (-lack[name], -(exact[stratum][name] % 1), order.index(name)))
        for name in most[:over]:
            cells[stratum][name] += 1
            lack[name] -= 1
    return cells


def _rounded(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Part `total` by the largest remainders."""
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    parts = {name: int(one + 1e-9) for name, one in exact.items()}
    order = list(shares)
    most = sorted(order, key=lambda name: (parts[name] - exact[name], order.index(name)))
    for name in most[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def _notes(
    split: Mapping[str, str],
    strata: Mapping[str, str],
    wanted: Mapping[str, Mapping[str, int]],
    shares: Mapping[str, float],
) -> tuple[str, ...]:
    got = Counter((strata[one], place) for one, place in split.items())
    notes = []
    for name in shares:
        want = sum(cells[name] for cells in wanted.values())
        have = sum(count for (_, place), count in got.items() if place == name)
        if have != want:
            notes.append(f"split {name} has {have} texts where its share is {want}: families are never parted")
        lacking = [stratum for stratum in wanted if stratum and not got[stratum, name]] if have else []
        if lacking:
            listed = ", ".join(lacking[:5]) + (", …" if len(lacking) > 5 else "")
            notes.append(f"split {name} has no text of {len(lacking)} of {len(wanted)} labels: {listed}")
    return tuple(notes)
