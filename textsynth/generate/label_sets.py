"""Label sets: the labels that a new text should have where a text may have several (`multi_label: true`).

The sets are those of `combinations`, each as often as the others, or else those of the seeds, each as often as the
seeds have it. They are drawn evenly over time: after any number of draws each set was drawn about as often as its
weight says (the method of Sainte-Laguë, first over the number of labels of a set, then over the sets of this size).
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from textsynth.core.formatting import format_percent, pluralize
from textsynth.core.records import Record
from textsynth.core.sessions import QuotaDeficit

LabelSet = tuple[str, ...]
"""The labels of one text, in the recipe's order."""


def ordered_set(labels: Iterable[str], all_labels: Iterable[str]) -> LabelSet:
    """Return labels without repetitions in the recipe's order; labels that the recipe does not list come last."""
    rank = {label: index for index, label in enumerate(all_labels)}
    return tuple(sorted(dict.fromkeys(labels), key=lambda label: rank.get(label, len(rank))))


def seed_text(labels: LabelSet) -> str:
    """Return a label set as part of the text that seeds a random generator."""
    return "\x1f".join(labels)


def describe_labels(labels: Sequence[str], descriptions: Mapping[str, str]) -> str:
    """Return what a label means, "" where that is not known; of several labels their meanings, or else their names."""
    if len(labels) == 1:
        return descriptions.get(labels[0], "")
    return "; ".join(descriptions.get(label) or label for label in labels)


def weigh_sets(
    labels: Sequence[str], seeds: Iterable[Record], combinations: Sequence[Sequence[str]] = ()
) -> dict[LabelSet, int]:
    """Return the weight of each label set: 1 for each of `combinations`, or else the number of seeds that have it.

    A label that no seed has is a set of its own with weight 1.
    """
    if combinations:
        return dict.fromkeys((ordered_set(combination, labels) for combination in combinations), 1)
    weights = Counter(ordered_set(seed.labels, labels) for seed in seeds if seed.labels)
    covered = {label for label_set in weights for label in label_set}
    alone: dict[LabelSet, int] = {(label,): 1 for label in labels if label not in covered}
    return {**weights, **alone} or {(): 1}


class LabelSets:
    """Draws label sets by their weights; of sets that are equally due, the order depends on `seed`."""

    def __init__(self, weights: Mapping[LabelSet, int], seed: str) -> None:
        sets = sorted(weights)
        random.Random(seed).shuffle(sets)
        self._weights = weights
        self._order = {label_set: index for index, label_set in enumerate(sets)}
        self._size_weights: Counter[int] = Counter()
        self._with_label: dict[str, list[LabelSet]] = {}
        for label_set in sets:
            self._size_weights[len(label_set)] += weights[label_set]
            for label in label_set:
                self._with_label.setdefault(label, []).append(label_set)
        self._drawn: Counter[LabelSet] = Counter()
        self._drawn_sizes: Counter[int] = Counter()

    def draw(self, label: str | None = None, avoided: Collection[str] = ()) -> LabelSet:
        """Return the set that is due, of all or of those with a label; a label that no set has is a set of its own.

        Sets with the fewest labels that are in `avoided` come first.
        """
        candidates = list(self._order) if label is None else self._with_label.get(label, [(label,)])
        label_set = min(candidates, key=lambda candidate: self._rank(candidate, avoided))
        self._drawn[label_set] += 1
        self._drawn_sizes[len(label_set)] += 1
        return label_set

    def _rank(self, label_set: LabelSet, avoided: Collection[str]) -> tuple[float, ...]:
        size = len(label_set)
        return (
            sum(label in avoided for label in label_set) if avoided else 0,
            (self._drawn_sizes[size] + 0.5) / self._size_weights.get(size, 1),
            (self._drawn[label_set] + 0.5) / self._weights.get(label_set, 1),
            self._order.get(label_set, 0),
        )


class LabelSetPlanner:
    """Chooses cell and label set of each request, so that the labels that lack most texts are served first."""

    def __init__(self, sets: LabelSets) -> None:
        self._sets = sets
        # The labels that ever had a quota cell of their own; a label without one can never have too many texts.
        self._counted: set[str] = set()

    def plan(
        self, deficits: Sequence[QuotaDeficit], per_request: int, max_requests: int
    ) -> list[tuple[LabelSet, Mapping[str, str]]]:
        """Return label set and cell of at most `max_requests` requests, enough for all deficits.

        A text counts for each of its labels. The next request is for the cell that lacks most candidates; sets with a
        label that lacks none come last.
        """
        self._counted.update(deficit.cell["label"] for deficit in deficits if "label" in deficit.cell)
        missing = [deficit.candidates for deficit in deficits]
        # Cells that differ in their label only: one text may count in several of them.
        groups: dict[tuple[tuple[str, str], ...], dict[str | None, int]] = {}
        for index, deficit in enumerate(deficits):
            groups.setdefault(_without_label(deficit.cell), {})[deficit.cell.get("label")] = index
        # By group, the labels that lack no texts in it.
        avoided: dict[tuple[tuple[str, str], ...], set[str]] = {}
        planned: list[tuple[LabelSet, Mapping[str, str]]] = []
        # What a cell lacks only shrinks, so the first entry that is up to date is the cell that lacks most.
        neediest = [(-number, index) for index, number in enumerate(missing)]
        heapq.heapify(neediest)
        while neediest and len(planned) < max_requests:
            number, index = neediest[0]
            if -number > missing[index]:
                heapq.heapreplace(neediest, (-missing[index], index))
                continue
            if number >= 0:
                break
            cell = deficits[index].cell
            label = cell.get("label")
            others = _without_label(cell)
            group = groups[others]
            if label is not None and others not in avoided:
                avoided[others] = {name for name in self._counted if name not in group or missing[group[name]] <= 0}
            label_set = self._sets.draw() if label is None else self._sets.draw(label, avoided[others])
            planned.append((label_set, cell))
            for served in {label, *label_set} if label is not None else {None}:
                if served in group:
                    missing[group[served]] -= per_request
                    if served in self._counted and missing[group[served]] <= 0:
                        avoided[others].add(served)
        return planned


def _without_label(cell: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(item for item in cell.items() if item[0] != "label")


def check_combinations(combinations: Sequence[Sequence[str]]) -> None:
    """Raise ValueError for an empty combination, one with a label twice, and two with the same labels."""
    seen: set[frozenset[str]] = set()
    for labels in combinations:
        if not labels:
            raise ValueError("each of the combinations is a list of label names, found an empty list")
        if len(set(labels)) < len(labels):
            raise ValueError(f"a combination has each label once, found {', '.join(labels)}")
        if frozenset(labels) in seen:
            raise ValueError(f"combinations has the same labels twice: {', '.join(labels)}")
        seen.add(frozenset(labels))


def describe_label_sets(weights: Mapping[LabelSet, int], origin: str) -> str:
    """Return how many label sets texts are written for, as the end of a sentence; `origin` says how often each."""
    several = sum(len(label_set) > 1 for label_set in weights)
    share = sum(weight for labels, weight in weights.items() if len(labels) > 1) / sum(weights.values())
    return (
        f"writes for {pluralize(len(weights), 'label set')}, {several} of them with several labels, {origin}: "
        f"about {format_percent(share)} of the texts get several labels"
    )
