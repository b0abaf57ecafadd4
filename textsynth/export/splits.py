"""Assigns records to splits by family: a text and its rewrites are never in two splits.

Records are in one family if they have a parent in common (paraphrases and summaries of one text, and that text), if
they rewrite or belong to the same text, if they are the same text themselves, or if they come from one answer of a
model. Texts are the same if their normal forms are, as for the filter `exact_duplicate`. The examples that a prompt
shows do not count as parents: five seeds would connect all texts of a label.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from textsynth.core.records import Record
from textsynth.core.task import parent_texts
from textsynth.text.normalize import form_hash, normal_form

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textsynth.core.sorted_runs import Numbers

LABELS_LISTED = 5
ROWS_AT_ONCE = 100_000

FamilyTexts = Callable[[Record], Sequence[str]]
"""Returns the texts that a record shares with the others of its family: the task's `family_texts`."""


class SplitCounts(NamedTuple):
    """The number of texts of a split, and how many of them have each label."""

    texts: int
    labels: Mapping[str, int]


@dataclass(frozen=True)
class SplitAssignment:
    """The split and the family (its smallest record id) of each record, as arrays in the order of the ids.

    `ids` and `families` are the numbers of ids (`id_numbers`), `codes` the index of the split among `names`. `counts`
    is by split; `notes` are on shares that were not met. An entry takes 17 bytes, as texts in a dict about 300.
    """

    ids: Numbers
    families: Numbers
    codes: NDArray[np.uint8]
    names: tuple[str, ...]
    counts: Mapping[str, SplitCounts]
    notes: tuple[str, ...] = ()

    @property
    def split(self) -> dict[str, str]:
        """The split by record id."""
        return {id_: self.names[code] for id_, code in zip(_id_texts(self.ids), self.codes.tolist(), strict=True)}

    @property
    def family(self) -> dict[str, str]:
        """The family by record id."""
        return dict(zip(_id_texts(self.ids), _id_texts(self.families), strict=True))

    def splits_of(self, part: slice) -> list[str]:
        """Return the splits of some of the records, in the order of their ids."""
        return [self.names[code] for code in self.codes[part].tolist()]

    def families_of(self, part: slice) -> list[str]:
        """Return the families of some of the records, in the order of their ids."""
        return _id_texts(self.families[part])

    def is_in(self, split: str) -> NDArray[np.bool_]:
        """Return whether each of the records is in a split, in the order of their ids."""
        is_in: NDArray[np.bool_] = self.codes == self.names.index(split)
        return is_in


@dataclass(frozen=True, slots=True)
class SplitRows:
    """What the splits of records depend on, as columns in any order: 20 bytes a record.

    `ids` and `families` are numbers of ids, `sets` the index of the labels of each record among `label_sets`.
    """

    ids: Numbers
    families: Numbers
    sets: NDArray[np.uint32]
    label_sets: Sequence[tuple[str, ...]]


def split_rows(records: Sequence[Record], family_texts: FamilyTexts = parent_texts) -> SplitRows:
    """Return what the splits of the records depend on, with their families as far as these records connect them."""
    import numpy as np

    read = _read(records, family_texts)
    families = _connect(records, read, family_texts)
    sets = np.frombuffer(read.set_of_record, np.uint32)
    return SplitRows(np.frombuffer(read.ids, np.uint64), families, sets, list(read.label_sets))


def assign_splits(
    records: Sequence[Record], shares: Mapping[str, float], *, seed: int, family_texts: FamilyTexts = parent_texts
) -> SplitAssignment:
    """Assign each record to a split, stratified by label; a family is never divided, and the largest comes first.

    `shares` maps split names to weights, which are divided by their sum; ties go to the first name. The result does not
    depend on the order of the records. A record with several labels counts under its rarest.
    """
    return assign_rows(split_rows(records, family_texts), shares, seed=seed)


def assign_rows(rows: SplitRows, shares: Mapping[str, float], *, seed: int) -> SplitAssignment:
    """Assign the records of rows to splits; see `assign_splits`."""
    import numpy as np

    order = np.argsort(rows.ids)
    ids, families, sets = rows.ids[order], rows.families[order], rows.sets[order]
    label_sets, names = rows.label_sets, tuple(shares)
    sizes_of_sets = dict(zip(label_sets, np.bincount(sets, minlength=len(label_sets)).tolist(), strict=True))
    codes, targets = np.zeros(len(ids), np.uint8), {}
    if len(names) > 1:
        strata_of_sets = _strata(sizes_of_sets)
        sizes: Counter[str] = Counter()
        for labels, stratum in strata_of_sets.items():
            sizes[stratum] += sizes_of_sets[labels]
        targets = _targets(sizes, shares)
        codes = _assign_families(families, sets, list(strata_of_sets.values()), _RemainingCounts(targets, shares), seed)
    pairs = np.bincount(sets.astype(np.intp) * len(names) + codes, minlength=len(label_sets) * len(names))
    by_set = dict(zip(label_sets, pairs.reshape(-1, len(names)).tolist(), strict=True))
    counts = {name: _count(code, by_set) for code, name in enumerate(names)}
    return SplitAssignment(ids, families, codes, names, counts, _notes(counts, label_sets, targets))


def _assign_families(
    families: Numbers, sets: NDArray[np.uint32], strata: Sequence[str], remaining: _RemainingCounts, seed: int
) -> NDArray[np.uint8]:
    """Return the code of each record's split: the largest family comes first, those of one size are in a seeded order.

    Records are in the order of their ids; `strata` has the stratum of each label set.
    """
    import numpy as np

    members = np.argsort(families, kind="stable")
    first_members = np.flatnonzero(np.diff(families[members], prepend=families[members[:1]] + np.uint64(1)))
    sizes = np.diff(first_members, append=len(members))
    hashes = bytearray()
    for start in range(0, len(first_members), ROWS_AT_ONCE):
        for name in _id_texts(families[members[first_members[start : start + ROWS_AT_ONCE]]]):
            hashes += hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16]  # two are never the same
    ranks = np.frombuffer(hashes, ">u8").reshape(-1, 2)
    codes = np.zeros(len(families), np.uint8)
    stratum_of = sets[members]
    order = np.lexsort((ranks[:, 1], ranks[:, 0], -sizes))
    for start in range(0, len(order), ROWS_AT_ONCE):
        part = order[start : start + ROWS_AT_ONCE]
        for first, size in zip(first_members[part].tolist(), sizes[part].tolist(), strict=True):
            if size == 1:
                counts: Mapping[str, int] = {strata[stratum_of[first]]: 1}
            else:
                counts = Counter(strata[number] for number in stratum_of[first : first + size].tolist())
            codes[members[first : first + size]] = remaining.assign(counts)
    return codes


def _count(code: int, by_set: Mapping[tuple[str, ...], Sequence[int]]) -> SplitCounts:
    labels: Counter[str] = Counter()
    for names, sizes in by_set.items():
        for name in names:
            labels[name] += sizes[code]
    return SplitCounts(sum(sizes[code] for sizes in by_set.values()), labels)


class _RemainingCounts:
    """How many records of each stratum each split still needs to reach its targets; below 0 where it has too many."""

    def __init__(self, targets: Mapping[str, Mapping[str, int]], shares: Mapping[str, float]) -> None:
        self._remaining = {stratum: dict(cells) for stratum, cells in targets.items()}
        self._targets = {name: sum(cells[name] for cells in targets.values()) for name in shares}
        self._missing = dict(self._targets)
        self._codes = {name: code for code, name in enumerate(shares)}

    def assign(self, sizes: Mapping[str, int]) -> int:
        """Assign a family to the split that needs it most, and return the index of that split.

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
        return self._codes[chosen]

    def _missing_share(self, name: str) -> float:
        return self._missing[name] / self._targets[name] if self._targets[name] else -1.0


def families(records: Sequence[Record], family_texts: FamilyTexts = parent_texts) -> dict[str, str]:
    """Return the family of each record, by id: the smallest id among the records connected with it."""
    numbers = _connect(records, _read(records, family_texts), family_texts)
    return {record.id: name for record, name in zip(records, _id_texts(numbers), strict=True)}


@dataclass(slots=True)
class _RecordFacts:
    """What one pass over the records finds: ids, label sets, and what may connect records.

    `label_sets` numbers the sets in the order of their first record; `forms` are the form hashes of family texts.
    """

    ids: array[int] = field(default_factory=lambda: array("Q"))
    set_of_record: array[int] = field(default_factory=lambda: array("I"))
    label_sets: dict[tuple[str, ...], int] = field(default_factory=dict)
    parent_ids: set[str] = field(default_factory=set)
    has_requests: bool = False
    forms: array[int] = field(default_factory=lambda: array("q"))


def _read(records: Sequence[Record], family_texts: FamilyTexts) -> _RecordFacts:
    facts = _RecordFacts()
    ids, forms, label_sets = facts.ids, facts.forms, facts.label_sets
    for record in records:
        origin = record.provenance
        ids.append(int(record.id, 16))
        facts.set_of_record.append(label_sets.setdefault(record.labels, len(label_sets)))
        if origin.parent_ids:
            facts.parent_ids.update(origin.parent_ids)
        if origin.request_key:
            facts.has_requests = True
        texts = family_texts(record)
        forms.extend(set(map(form_hash, texts)) if len(texts) > 1 else map(form_hash, texts))
    return facts


def _connect(records: Sequence[Record], facts: _RecordFacts, family_texts: FamilyTexts) -> Numbers:
    """Return the family of each record, in the order of the records."""
    import numpy as np

    ids = np.frombuffer(facts.ids, np.uint64)
    repeated = _repeated_forms(facts.forms)
    if not (repeated or facts.parent_ids or facts.has_requests):
        return ids
    # A union-find over indexes takes less memory than one over ids: most of millions of records are connected to none.
    parent = array("q", range(len(ids)))
    first_with: dict[tuple[str, str] | str, int] = {}

    def root_of(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index, record in enumerate(records):
        for key in _connections(record, facts.parent_ids, family_texts, repeated):
            parent[root_of(index)] = root_of(first_with.setdefault(key, index))
    roots = np.fromiter(map(root_of, range(len(ids))), np.intp, len(ids))
    smallest = ids.copy()
    np.minimum.at(smallest, roots, ids)
    return smallest[roots]


def _repeated_forms(hashes: array[int]) -> frozenset[int]:
    """Return the form hashes that more than one record has among its family texts; all others connect nothing.

    Sorted hashes of 64 bits take a tenth of the memory of a set of them.
    """
    import numpy as np

    ordered = np.sort(np.frombuffer(hashes, np.int64))
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
    for text in family_texts(record) if repeated else ():
        if form_hash(text) in repeated:
            yield "text", normal_form(text)


def _strata(sizes: Mapping[tuple[str, ...], int]) -> dict[tuple[str, ...], str]:
    """Return the rarest label of each label set, by the number of records with each set."""
    counts: Counter[str] = Counter()
    for labels, size in sizes.items():
        for label in labels:
            counts[label] += size
    return {labels: min(labels, key=lambda label: (counts[label], label), default="") for labels in sizes}


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
    counts: Mapping[str, SplitCounts],
    label_sets: Sequence[tuple[str, ...]],
    targets: Mapping[str, Mapping[str, int]],
) -> tuple[str, ...]:
    """Return the notes on splits, () where there is only one; `label_sets` are in the order of their first record."""
    if len(counts) == 1:
        return ()
    all_labels = list(dict.fromkeys(label for labels in label_sets for label in labels or ("",)))
    notes = []
    for name, (size, by_label) in counts.items():
        target = sum(cells[name] for cells in targets.values())
        if size != target:
            notes.append(f"split {name} has {size} texts where its share is {target}: families are never split")
        missing = [label for label in all_labels if label and not by_label.get(label, 0)] if size else []
        if missing:
            listed = ", ".join(missing[:LABELS_LISTED]) + (", …" if len(missing) > LABELS_LISTED else "")
            notes.append(f"split {name} has no text of {len(missing)} of {len(all_labels)} labels: {listed}")
    return tuple(notes)


def _id_texts(numbers: Numbers) -> list[str]:
    from textsynth.core.sorted_runs import id_text

    return list(map(id_text, numbers.tolist()))
