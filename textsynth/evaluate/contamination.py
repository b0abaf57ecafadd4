"""Contamination: texts of one set that copy a row of another set, which a valid split keeps apart.

A text counts as a copy when it has the same letters and digits (exact), nearly the same words (near), the same meaning
(semantic), or when it was made from such a text (family). The limits of near and semantic copies are set by the real
rows themselves (see `overlap`), as in many domains honest texts are often close to a test row. All texts that are as
close as the filter `leak` drops are counted too, next to the base rate among the rows.

Measured on real train rows (banking77, trec, parrot_intimacy) into which copies of test rows were planted: every exact
copy counts; of those with one or two words changed 42, 75 and 100 %. Of 54 such sets without planted copies, 64 to
1,800 texts each, none is called above the base rate, nor are the train rows of six real sets or 2,000 texts by GPT-4
and Llama-2. All sets with 10 % exact copies are, and with 3 % those of 400 texts and more.

Does not catch: a test row in other words or inside a much longer text; and in a domain of stock questions most copies
with a word or two changed are only close, like honest texts. The filter `leak` drops all that are close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.formatting import format_percent, pluralize
from textsynth.core.records import Record
from textsynth.evaluate.overlap import COPY_KINDS, BaseRates, Overlap, OverlapPair, ReferenceSet, find_overlap
from textsynth.similarity.vectors import Vectors

SYNTHETIC_SETS = ("selected", "raw")  # the set that counts comes first
COMPARED_SETS = (
    ("train", "test"),
    ("train", "dev"),
    ("dev", "test"),
    ("raw", "test"),
    ("selected", "test"),
    ("raw", "dev"),
    ("selected", "dev"),
)
MAX_PAIRS = 50
NOTED_CLOSE_SHARE = 0.05  # a larger share of test rows that are close to another one is noted


@dataclass(frozen=True, slots=True)
class Contamination:
    """The overlap of each pair of sets, by a name such as `selected-test`.

    `base_rates` are those of the rows of `test` and `dev`. `pairs` are at most 50 examples: exact copies first, then
    near, semantic and family ones, the most similar first within each kind; a selected text is not listed once more as
    a raw one. `indices` maps each reference set to the indices of its rows by id.
    """

    overlaps: Mapping[str, Overlap]
    base_rates: Mapping[str, BaseRates]
    pairs: tuple[OverlapPair, ...]
    indices: Mapping[str, Mapping[str, Sequence[int]]]

    @property
    def test_copies(self) -> int:
        """The number of synthetic texts (selected where there are any, else raw) that copy a test row."""
        overlap = self._synthetic_test_overlap
        return 0 if overlap is None else overlap.count

    @property
    def is_contaminated(self) -> bool:
        """Whether more of these texts copy a test row than chance and the domain explain."""
        overlap = self._synthetic_test_overlap
        return False if overlap is None else overlap.above_base_rate

    @property
    def above_base_rate(self) -> tuple[str, ...]:
        """The pairs of sets with more copies than chance and the domain explain."""
        return tuple(name for name, overlap in self.overlaps.items() if overlap.above_base_rate)

    @property
    def _synthetic_test_overlap(self) -> Overlap | None:
        names = (f"{name}-test" for name in SYNTHETIC_SETS)
        return next((self.overlaps[name] for name in names if name in self.overlaps), None)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on copies among the real sets, on copies with another label, and on a domain of stock texts."""
        notes = []
        for name, overlap in self.overlaps.items():
            first, second = name.split("-")
            if overlap.count and first not in SYNTHETIC_SETS:
                comparison = "more than" if overlap.above_base_rate else "no more than"
                copy = "copies" if overlap.count == 1 else "copy"
                notes.append(
                    f"{overlap.count:,} of {pluralize(overlap.texts, f'{first} row')} {copy} a {second} row, "
                    f"{comparison} chance and the domain explain."
                )
        selected = self.overlaps.get("selected-test")
        if selected is not None and selected.label_conflicts:
            copy = "copies" if selected.label_conflicts == 1 else "copy"
            notes.append(f"{selected.label_conflicts} of the selected texts {copy} a test row under another label.")
        close = self.base_rates["test"].rates["close"] if "test" in self.base_rates else 0
        if close > NOTED_CLOSE_SHARE:
            notes.append(
                f"{format_percent(close)} of the test rows nearly repeat another one in words or meaning, so that only "
                "texts that are more similar still count as copies."
            )
        return tuple(notes)

    def count(self, name: str, reference: str) -> int:
        """Return how many texts of the set `name` copy a row of `reference`; 0 for a pair that was not compared."""
        overlap = self.overlaps.get(f"{name}-{reference}")
        return 0 if overlap is None else overlap.count

    def copied_rows(self, name: str) -> list[int]:
        """Return the indices, ascending, of the rows of the set `name` that a synthetic text copies."""
        pairs = [f"{synthetic}-{name}" for synthetic in SYNTHETIC_SETS]
        ids = {id_ for pair in pairs if pair in self.overlaps for id_ in self.overlaps[pair].copied_rows}
        return sorted(index for id_ in ids for index in self.indices[name][id_])


def find_contamination(
    sets: Mapping[str, Sequence[Record]], embed: Callable[[Sequence[str]], Vectors]
) -> Contamination:
    """Return the overlap of the sets `train`, `dev`, `test`, `raw` and `selected` among those given.

    `embed` returns the unit vectors of n texts, (n, dim). Each text is counted once for a pair of sets, by its
    strongest kind and its nearest row (ties: the lowest id); the result does not depend on the order of the rows.
    Parents are looked up in all sets, under whatever name. Sets that are absent or empty make no pair.
    """
    sorted_sets = {name: sorted(records, key=lambda record: record.id) for name, records in sets.items() if records}
    known_records = {record.id: record for records in sorted_sets.values() for record in records}
    compared = [pair for pair in COMPARED_SETS if all(name in sorted_sets for name in pair)]
    vectors = {
        name: embed([record.text for record in sorted_sets[name]])
        for name in dict.fromkeys(name for pair in compared for name in pair)
    }
    references = {
        name: ReferenceSet(sorted_sets[name], vectors[name]) for name in dict.fromkeys(pair[1] for pair in compared)
    }
    overlaps = {
        f"{name}-{reference}": find_overlap(
            (name, reference), sorted_sets[name], vectors[name], references[reference], known_records
        )
        for name, reference in compared
    }
    return Contamination(
        overlaps=overlaps,
        base_rates={name: reference.base_rates for name, reference in references.items()},
        pairs=_example_pairs(overlaps, sorted_sets),
        indices={name: _indices_by_id(sets[name]) for name in references},
    )


def _example_pairs(overlaps: Mapping[str, Overlap], sets: Mapping[str, Sequence[Record]]) -> tuple[OverlapPair, ...]:
    selected = {record.id for record in sets.get("selected", ())}
    pairs = [
        pair
        for overlap in overlaps.values()
        for pair in overlap.pairs
        if pair.sets[0] != "raw" or pair.ids[0] not in selected
    ]
    pairs.sort(
        key=lambda pair: (COPY_KINDS.index(pair.kind), -pair.similarity, COMPARED_SETS.index(pair.sets), pair.ids)
    )
    return tuple(pairs[:MAX_PAIRS])


def _indices_by_id(records: Sequence[Record]) -> dict[str, list[int]]:
    indices: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        indices.setdefault(record.id, []).append(index)
    return indices
