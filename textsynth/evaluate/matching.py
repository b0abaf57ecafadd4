"""Synthetic and real texts paired by label, and folds that no family straddles.

A classifier that tells synthetic from real must not win by what has nothing to do with style: by a label that one side
has more of, by a copy that it has seen in training, or by classes that come in other shares in each fold. So both
sides give the same count of every label, rows are paired within their label, and folds are made of whole pairs and of
whole families: every fold holds both sides in equal numbers, label by label.

Measured on random halves of three real sets (some 600 texts a side, 20 draws each) the AUC was .50 on average, with a
spread of .02; where one half lacked three in four texts of some labels and the other half of the others, .50 as well,
against .53 to .65 without pairing by label.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.formatting import pluralize
from textsynth.core.records import Record
from textsynth.evaluate.sampling import seeded_order
from textsynth.export.splits import families
from textsynth.text.normalize import normal_form

FOLDS = 5
FEWEST = 20  # texts a side: with fewer, chance alone moves an AUC by more than .1
MOST = 4000  # texts a side: more add time, and chance moves an AUC of so many by less than .01


@dataclass(frozen=True, slots=True)
class MatchedSets:
    """Rows of both sides, pair by pair.

    `synthetic` and `real` are places in the given sequences, (n,) each, the nth of one paired with the nth of the
    other. `folds` is the fold of each pair, (n,), 0 to 4, or empty where all pairs belong together. `notes` are
    sentences on what could not be held to.
    """

    synthetic: list[int]
    real: list[int]
    folds: list[int]
    notes: tuple[str, ...] = ()


def match_strata(synthetic: Sequence[Record], real: Sequence[Record], *, seed: int) -> MatchedSets:
    """Draw the same number of texts of every label from both sides, at most 4,000 a side, and deal them to folds.

    Of each label (with several labels a text: of each set of labels; texts without labels are one kind) as many texts
    as the smaller side has, so labels of one side only stay out. Where that leaves fewer than 20 a side though there
    are more, labels are not looked at. One family (texts of one parent, source text or answer, and the parent) shares
    a fold, and so do copies (texts of one normal form). Where that ties more than half of the texts together, only
    copies are held together. The draw depends on the seed and on the records' ids, not on their order.
    """
    notes = []
    strata = _drawn(synthetic, real, seed, by_label=True)
    if _size(strata) < min(FEWEST, len(synthetic), len(real)):
        notes.append(
            f"Synthetic and real texts of the same labels make only {pluralize(_size(strata), 'pair')}: the domain gap"
            " was measured on texts of any label, so that other labels count as a gap."
        )
        strata = _drawn(synthetic, real, seed, by_label=False)
    family = families([*synthetic, *real])
    pairs, groups = _paired(synthetic, real, strata, family)
    if max(Counter(groups).values(), default=0) > len(groups) / 2:
        looser = _paired(synthetic, real, strata, {})
        if len(set(looser[1])) > len(set(groups)):
            notes.append("Most texts are of one family: for the domain gap only copies were held in one fold.")
            pairs, groups = looser
    return MatchedSets([one for one, _ in pairs], [other for _, other in pairs], _dealt(groups), tuple(notes))


_Stratum = tuple[list[int], list[int]]


def _size(strata: Iterable[_Stratum]) -> int:
    return sum(len(ours) for ours, _ in strata)


def _drawn(synthetic: Sequence[Record], real: Sequence[Record], seed: int, *, by_label: bool) -> list[_Stratum]:
    """Return for each label an equal number of places of both sides."""
    sides: list[dict[tuple[str, ...], list[int]]] = []
    for records in (synthetic, real):
        rows: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place in seeded_order([record.id for record in records], seed):
            rows[tuple(sorted(records[place].labels)) if by_label else ()].append(place)
        sides.append(rows)
    ours, theirs = sides
    sizes = {label: min(len(ours[label]), len(theirs[label])) for label in sorted(ours.keys() & theirs.keys())}
    share = min(1.0, MOST / max(1, sum(sizes.values())))
    return [(ours[label][:kept], theirs[label][:kept]) for label, size in sizes.items() for kept in [int(size * share)]]


def _paired(
    synthetic: Sequence[Record], real: Sequence[Record], strata: Sequence[_Stratum], family: Mapping[str, str]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Return pairs of places and the group of each pair: groups share neither a copy nor a member of `family`.

    Within a label the large groups of both sides are paired, so that a pair of copies does not tie two families of 40
    into one.
    """
    kin = _Kin()
    for records, side in ((synthetic, 0), (real, 1)):
        for place in (place for stratum in strata for place in stratum[side]):
            record = records[place]
            kin.join((side, place), f"copy {normal_form(record.text)}")
            if record.id in family:
                kin.join((side, place), f"family {family[record.id]}")
    sizes = Counter(kin.root((side, place)) for stratum in strata for side in (0, 1) for place in stratum[side])

    def by_size(side: int, places: Sequence[int]) -> list[int]:
        roots = {place: kin.root((side, place)) for place in places}
        first: dict[Hashable, int] = {}
        for turn, place in enumerate(places):
            first.setdefault(roots[place], turn)
        return sorted(places, key=lambda place: (-sizes[roots[place]], first[roots[place]]))

    pairs = [pair for ours, theirs in strata for pair in zip(by_size(0, ours), by_size(1, theirs), strict=True)]
    for one, other in pairs:
        kin.join((0, one), (1, other))
    numbers: dict[Hashable, int] = {}
    return pairs, [numbers.setdefault(kin.root((0, one)), len(numbers)) for one, _ in pairs]


def _dealt(groups: Sequence[int]) -> list[int]:
    """Return the fold of each pair: groups, the largest first, to the fold that has fewest; [] for under two groups."""
    sizes = Counter(groups)
    if len(sizes) < 2:
        return []
    loads = [0] * min(FOLDS, len(sizes))
    fold_of: dict[int, int] = {}
    for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        fold_of[group] = loads.index(min(loads))
        loads[fold_of[group]] += size
    return [fold_of[group] for group in groups]


class _Kin:
    """Which things belong together."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def root(self, one: Hashable) -> Hashable:
        """Return the thing that stands for all that belong with this one."""
        self._above.setdefault(one, one)
        while (above := self._above[one]) != one:
            self._above[one] = self._above[above]
            one = above
        return one

    def join(self, one: Hashable, other: Hashable) -> None:
        """Put what belongs with either together."""
        self._above[self.root(other)] = self.root(one)
