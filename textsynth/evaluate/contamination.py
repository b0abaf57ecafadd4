"""Leaks: texts of one set that copy a row of another, which an honest split keeps apart.

A text counts as a copy when it has the same letters and digits (exact), when it is nearly the same in its words (near)
or in its meaning (semantic), or when it was made from such a text (family). Near and semantic copies count beyond a
limit that the real rows set themselves (see `usual`), as in many domains honest texts are often close to a test row.
All that are close, as near as the check `leak` drops, are counted beside, with what is usual among the rows.

Measured on real train rows (banking77, trec, parrot_intimacy) into which test rows were planted: every exact copy
counts; of those with one or two words changed 42, 75 and 100 %. Of 54 such sets without planted rows, 64 to 1,800
texts, none is called beyond chance, nor are the train rows of six real sets or 2,000 texts by GPT-4 and Llama-2; all
are in which 10 % are exact copies, and those of 400 texts and more in which 3 % are.

Does not catch: a test row told in other words or inside a much longer text; and in a domain of stock questions most
copies with a word or two changed are only close, as honest texts are. The check `leak` drops all that are close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.formatting import pluralize
from textsynth.core.records import Record
from textsynth.evaluate.overlap import KINDS, BaseRates, Overlap, OverlapPair, ReferenceSet, find_overlap
from textsynth.similarity.vectors import Vectors

SYNTHETIC = ("selected", "raw")
BETWEEN = (
    ("train", "test"),
    ("train", "dev"),
    ("dev", "test"),
    ("raw", "test"),
    ("selected", "test"),
    ("raw", "dev"),
    ("selected", "dev"),
)
SHOWN = 50
STOCK = 0.05  # where more of the test rows are close to another one, a reader must know


@dataclass(frozen=True, slots=True)
class Contamination:
    """Copies by pair of sets ("selected-test"), what is usual among the rows of "test" and "dev", and examples.

    `pairs` holds at most 50, the exact ones first, then near, semantic and family, each kind the most similar first;
    a selected text stands there once, not once more as a raw one. `places` are the places of all rows by id, by set.
    """

    sets: Mapping[str, Overlap]
    usual: Mapping[str, BaseRates]
    pairs: tuple[OverlapPair, ...]
    places: Mapping[str, Mapping[str, Sequence[int]]]

    @property
    def found(self) -> int:
        """How many synthetic texts (the selected ones where there are any, else the raw ones) copy a test row."""
        return next((self.sets[f"{one}-test"].count for one in SYNTHETIC if f"{one}-test" in self.sets), 0)

    @property
    def beyond(self) -> tuple[str, ...]:
        """The pairs of sets with more copies than chance and the domain explain."""
        return tuple(name for name, between in self.sets.items() if between.beyond)

    @property
    def is_contaminated(self) -> bool:
        """Whether more of the texts that `found` counts copy a test row than chance and the domain explain."""
        return next((self.sets[f"{one}-test"].beyond for one in SYNTHETIC if f"{one}-test" in self.sets), False)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on copies among the real sets, on labels that differ, and on a domain of stock texts."""
        told = []
        for name, between in self.sets.items():
            one, other = name.split("-")
            if between.count and one not in SYNTHETIC:
                more = "more than" if between.beyond else "no more than"
                copy = "copies" if between.count == 1 else "copy"
                told.append(
                    f"{between.count:,} of {pluralize(between.texts, f'{one} row')} {copy} a {other} row, {more} chance"
                    " and the domain explain."
                )
        selected = self.sets.get("selected-test")
        if selected is not None and selected.conflicts:
            copy = "copies" if selected.conflicts == 1 else "copy"
            told.append(f"{selected.conflicts} of the selected texts {copy} a test row under another label.")
        close = self.usual["test"].rates["close"] if "test" in self.usual else 0
        if close > STOCK:
            told.append(
                f"{close:.0%} of the test rows nearly repeat another one in words or meaning, so that only still nearer"
                " texts count as copies."
            )
        return tuple(told)

    def count(self, one: str, other: str) -> int:
        """Return how many texts of the set `one` copy a row of `other`; 0 for a pair that was not looked at."""
        between = self.sets.get(f"{one}-{other}")
        return 0 if between is None else between.count

    def copied(self, name: str) -> list[int]:
        """Return the places, in the given order and rising, of the rows of the set that a synthetic text copies."""
        ids = {row for one in SYNTHETIC if f"{one}-{name}" in self.sets for row in self.sets[f"{one}-{name}"].rows}
        return sorted(place for row in ids for place in self.places[name][row])

    def as_json(self) -> dict[str, object]:
        """Return the part `leaks` of an evaluation's JSON; rates and similarities to four decimals."""
        return {
            "found": self.found,
            "beyond_chance": list(self.beyond),
            "counts": {name: between.count for name, between in self.sets.items()},
            "kinds": {name: dict(between.kinds) for name, between in self.sets.items()},
            "rows": {name: len(between.rows) for name, between in self.sets.items()},
            "close": {name: between.close for name, between in self.sets.items()},
            "conflicts": {name: between.conflicts for name, between in self.sets.items()},
            "usual": {name: _usual(one) for name, one in self.usual.items()},
            "pairs": [_pair(pair) for pair in self.pairs],
        }


def find_contamination(
    sets: Mapping[str, Sequence[Record]], embed: Callable[[Sequence[str]], Vectors]
) -> Contamination:
    """Return the copies that straddle the given ones of the sets "train", "dev", "test", "raw" and "selected".

    `embed` gives the unit vectors of n texts, (n, dim). Each text is counted once for a pair of sets, by its strongest
    kind and its nearest row (ties: the lowest id); the result does not depend on the order of the rows. Parents are
    looked up in all sets given, under whatever name. Sets that are absent or empty make no pair.
    """
    given = {name: sorted(records, key=lambda one: one.id) for name, records in sets.items() if records}
    known = {record.id: record for records in given.values() for record in records}
    pairs = [(one, other) for one, other in BETWEEN if one in given and other in given]
    vectors = {name: embed([record.text for record in given[name]]) for name in dict.fromkeys(sum(pairs, ()))}
    held = {other: ReferenceSet(given[other], vectors[other]) for other in dict.fromkeys(other for _, other in pairs)}
    found = {
        f"{one}-{other}": find_overlap((one, other), given[one], vectors[one], held[other], known)
        for one, other in pairs
    }
    usual = {name: rows.usual for name, rows in held.items()}
    return Contamination(found, usual, _shown(found, given), {name: _places(sets[name]) for name in held})


def _shown(found: Mapping[str, Overlap], given: Mapping[str, Sequence[Record]]) -> tuple[OverlapPair, ...]:
    selected = {record.id for record in given.get("selected", ())}
    every = (pair for between in found.values() for pair in between.pairs)
    pairs = [pair for pair in every if pair.between[0] != "raw" or pair.ids[0] not in selected]
    pairs.sort(key=lambda pair: (KINDS.index(pair.kind), -pair.similarity, BETWEEN.index(pair.between), pair.ids))
    return tuple(pairs[:SHOWN])


def _places(records: Sequence[Record]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, record in enumerate(records):
        places.setdefault(record.id, []).append(place)
    return places


def _usual(one: BaseRates) -> dict[str, object]:
    rates = {kind: round(rate, 4) for kind, rate in one.rates.items()}
    return {"rows": one.rows, **rates, "limits": {"words": round(one.words, 4), "cosine": round(one.cosine, 4)}}


def _pair(pair: OverlapPair) -> dict[str, object]:
    return {
        "kind": pair.kind,
        "between": list(pair.between),
        "ids": list(pair.ids),
        "texts": list(pair.texts),
        "labels": list(pair.labels),
        "same_label": pair.same_label,
        "similarity": round(pair.similarity, 4),
    }
