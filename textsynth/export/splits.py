"""Assigns records to splits by family: a text and its rewrites are never in two splits.

Records are in one family if they have a parent in common (paraphrases and summaries of one text, and that text), if
they rewrite or belong to the same text, if they are the same text themselves, or if they come from one answer of a
model. Texts are the same if their normal forms are, as for the filter `exact_duplicate`. The examples that a prompt
shows do not count as parents: five seeds would connect all texts of a label.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from textsynth.core.records import Record
from textsynth.core.task import parent_texts
from textsynth.text.normalize import normal_form

LABELS_LISTED = 5

FamilyTexts = Callable[[Record], Sequence[str]]
"""Returns the texts that a record shares with the others of its family: the task's `family_texts`."""


class SplitAssignment(NamedTuple):
    """The split and the family (its smallest record id) by record id, and notes on shares that were not met."""

    split: Mapping[str, str]
    family: Mapping[str, str]
    notes: tuple[str, ...]


def assign_splits(
    records: Sequence[Record], shares: Mapping[str, float], *, seed: int, family_texts: FamilyTexts = parent_texts
) -> SplitAssignment:
    """Assign each record to a split, stratified by label; a family is never divided, and the largest comes first.

    `shares` maps split names to weights, which are divided by their sum; ties go to the first name. The result does not
    depend on the order of the records. A record with several labels counts under its rarest.
    """
    family = families(records, family_texts)
    if len(shares) == 1:
        return SplitAssignment(dict.fromkeys(family, *shares), family, ())
    strata = _strata(records)
    targets = _targets(Counter(strata.values()), shares)
    remaining = _RemainingCounts(targets, shares)
    split: dict[str, str] = {}
    for members in _ordered(family, seed):
        sizes = Counter(map(strata.__getitem__, members)) if len(members) > 1 else {strata[members[0]]: 1}
        split.update(dict.fromkeys(members, remaining.assign(sizes)))
    labels = {record.id: record.labels or ("",) for record in records}
    return SplitAssignment(split, family, _notes(split, labels, targets, shares))


class _RemainingCounts:
    """How many records of each stratum each split still needs to reach its targets; below 0 where it has too many."""

    def __init__(self, targets: Mapping[str, Mapping[str, int]], shares: Mapping[str, float]) -> None:
        self._remaining = {stratum: dict(cells) for stratum, cells in targets.items()}
        self._targets = {name: sum(cells[name] for cells in targets.values()) for name in shares}
        self._missing = dict(self._targets)

    def assign(self, sizes: Mapping[str, int]) -> str:
        """Assign a family to the split that needs it most, and return that split.

        `sizes` is the number of its records by stratum. Ties go to the split that still misses the largest share of its
        records, so that no split stays empty while another has too many, and then to the first split.
        """
        if len(sizes) == 1:
            (need,) = (self._remaining[stratum] for stratum in sizes)
        else:
            weighted = [(size, self._remaining[stratum]) for stratum, size in sizes.items()]
            need = {name: sum(size * remaining[name] for size, remaining in weighted) for name in self._targets}
        highest = max(need.values())
        tied = [name for name in self._targets if need[name] == highest]
        chosen = tied[0] if len(tied) == 1 else max(tied, key=self._missing_share)
        for stratum, size in sizes.items():
            self._remaining[stratum][chosen] -= size
            self._missing[chosen] -= size
        return chosen

    def _missing_share(self, name: str) -> float:
        return self._missing[name] / self._targets[name] if self._targets[name] else -1.0


def families(records: Sequence[Record], family_texts: FamilyTexts = parent_texts) -> dict[str, str]:
    """Return the family of each record, by id: the smallest id among the records connected with it."""
    # A union-find over indexes takes less memory than one over ids: most of millions of records are connected to none.
    parent = array("q", range(len(records)))
    first_with: dict[tuple[str, str] | str, int] = {}
    repeated = _repeated_forms(records, family_texts)
    parent_ids = {parent_id for record in records for parent_id in record.provenance.parent_ids}

    def root_of(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index, record in enumerate(records):
        for key in _connections(record, parent_ids, family_texts, repeated):
            parent[root_of(index)] = root_of(first_with.setdefault(key, index))
    names = [""] * len(records)
    for index, record in enumerate(records):
        root = root_of(index)
        names[root] = min(record.id, names[root] or record.id)
    return {record.id: names[root_of(index)] for index, record in enumerate(records)}


def _repeated_forms(records: Sequence[Record], family_texts: FamilyTexts) -> frozenset[int]:
    """Return the hashes of the normal forms that more than one record has among its family texts, and few others.

    All other forms connect nothing. Sorted hashes of 64 bits take a tenth of the memory of a set of them; a form is
    among the others where the hash of another one is the same.
    """
    import numpy as np

    hashes = array("q", (hash(form) for record in records for form in set(map(normal_form, family_texts(record)))))
    ordered = np.sort(np.frombuffer(hashes, np.int64)) if hashes else np.zeros(0, np.int64)
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _connections(
    record: Record, parent_ids: Container[str], family_texts: FamilyTexts, repeated: Container[int]
) -> Iterator[tuple[str, str] | str]:
    """Yield the keys that a record shares with the others of its family: a journal key, and pairs of kind and value."""
    if record.id in parent_ids:
        yield "id", record.id
    for parent_id in record.provenance.parent_ids:
        yield "id", parent_id
    if record.provenance.request_key:
        yield record.provenance.request_key
    for form in map(normal_form, family_texts(record)) if repeated else ():
        if hash(form) in repeated:
            yield "text", form


def _strata(records: Sequence[Record]) -> dict[str, str]:
    counts = Counter(label for record in records for label in record.labels)
    return {record.id: min(record.labels, key=lambda label: (counts[label], label), default="") for record in records}


def _ordered(family: Mapping[str, str], seed: int) -> list[list[str]]:
    """Return the members of each family, the largest family first, those of one size in a seeded order."""
    members: dict[str, list[str]] = defaultdict(list)
    for record_id in sorted(family):
        members[family[record_id]].append(record_id)
    names = sorted(members, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    return [members[name] for name in sorted(names, key=lambda name: -len(members[name]))]


def _targets(sizes: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, dict[str, int]]:
    """Return how many records of each stratum each split should get; sums by stratum and by split are exact.

    Each count is its exact share rounded down, or one more. The ones to add go to the splits that miss most in total:
    the greedy construction of the Gale-Ryser theorem, which always succeeds.
    """
    total = sum(shares.values())
    exact = {stratum: {name: size * share / total for name, share in shares.items()} for stratum, size in sizes.items()}
    cells = {stratum: {name: int(part + 1e-9) for name, part in parts.items()} for stratum, parts in exact.items()}
    missing = _rounded(sum(sizes.values()), shares)
    for parts in cells.values():
        for name, count in parts.items():
            missing[name] -= count
    order = list(shares)
    for stratum in sorted(cells, key=lambda stratum: (-sizes[stratum], stratum)):
        remainder = sizes[stratum] - sum(cells[stratum].values())
        neediest = sorted(order, key=lambda name: (-missing[name], -(exact[stratum][name] % 1), order.index(name)))
        for name in neediest[:remainder]:
            cells[stratum][name] += 1
            missing[name] -= 1
    return cells


def _rounded(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Divide `total` by the shares into whole numbers, by the largest remainders."""
    weight = sum(shares.values())
    exact = {name: total * share / weight for name, share in shares.items()}
    parts = {name: int(part + 1e-9) for name, part in exact.items()}
    order = list(shares)
    by_remainder = sorted(order, key=lambda name: (parts[name] - exact[name], order.index(name)))
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


def _notes(
    split: Mapping[str, str],
    labels: Mapping[str, Sequence[str]],
    targets: Mapping[str, Mapping[str, int]],
    shares: Mapping[str, float],
) -> tuple[str, ...]:
    sizes = Counter(split.values())
    counts = Counter((label, name) for record_id, name in split.items() for label in labels[record_id])
    all_labels = list(dict.fromkeys(label for record_labels in labels.values() for label in record_labels))
    notes = []
    for name in shares:
        target = sum(cells[name] for cells in targets.values())
        size = sizes[name]
        if size != target:
            notes.append(f"split {name} has {size} texts where its share is {target}: families are never split")
        missing = [label for label in all_labels if label and not counts[label, name]] if size else []
        if missing:
            listed = ", ".join(missing[:LABELS_LISTED]) + (", …" if len(missing) > LABELS_LISTED else "")
            notes.append(f"split {name} has no text of {len(missing)} of {len(all_labels)} labels: {listed}")
    return tuple(notes)
