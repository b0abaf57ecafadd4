"""How many texts of each label set are selected where a text may have several labels and counts for each of them.

Every label gets its quota where the accepted texts allow it; beyond that, sets are taken in proportion to the accepted
texts that have them, so that the selection has texts with several labels as often as the accepted texts do.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping

from textsynth.generate.label_sets import LabelSet


def allocate_sets(
    available: Mapping[LabelSet, int], wanted: Mapping[str, int], total: int | None
) -> dict[LabelSet, int]:
    """Return how many texts of each label set to select: at most those `available`.

    `wanted` is the number of texts for each label with a quota; without a `total`, no more texts are selected than
    these labels need, and all texts without any of these labels. With a `total` exactly this number is selected, or all
    there are; where the labels need more texts, sets with many missing labels come first.
    """
    if not wanted:
        return _Allocation(available, {}, None).fill(sum(available.values()) if total is None else total)
    counts = _Allocation(available, wanted, None).cover()
    if total is None:
        uncounted = {labels: count for labels, count in available.items() if not wanted.keys() & {*labels}}
        return {**counts, **uncounted}
    if sum(counts.values()) > total:
        return _Allocation(available, wanted, total).cover()
    allocation = _Allocation(available, wanted, None)
    allocation.add(counts)
    return allocation.fill(total)


class _Allocation:
    """Takes texts of label sets one by one. With a `limit`, sets with most missing labels are taken first."""

    def __init__(self, available: Mapping[LabelSet, int], wanted: Mapping[str, int], limit: int | None) -> None:
        self._available = available
        self._limit = limit
        self._missing = Counter(wanted)
        self._counts: dict[LabelSet, int] = dict.fromkeys(available, 0)
        self._order = {label_set: index for index, label_set in enumerate(available)}
        self._with_label: dict[str, list[LabelSet]] = {label: [] for label in wanted}
        for label_set in available:
            for label in label_set:
                if label in wanted:
                    self._with_label[label].append(label_set)

    def add(self, counts: Mapping[LabelSet, int]) -> None:
        """Take texts of each set."""
        for label_set, count in counts.items():
            self._counts[label_set] += count

    def cover(self) -> dict[LabelSet, int]:
        """Take texts until no label lacks any that is available; return the number of each set.

        The label that lacks most is served first, of equal ones the first. Of its sets those with the fewest labels
        that lack nothing come first, then the one of which the smallest share was taken.
        """
        short = {label for label, number in self._missing.items() if number > 0}
        if self._limit is None:
            self._cover_neediest(short)
        else:
            sets = {labels: None for label in short for labels in self._with_label[label]}
            queue = self._queue(sets, short)
            for _ in range(self._limit):
                chosen = self._first(queue, short)
                if chosen is None or short.isdisjoint(chosen):
                    break
                self._take(chosen, short)
        return self._without_excess()

    def _cover_neediest(self, short: set[str]) -> None:
        queues = {label: self._queue(self._with_label[label], short) for label in short}
        # What a label lacks only shrinks, so the first entry that is up to date is the label that lacks most.
        neediest = [(-self._missing[label], rank, label) for rank, label in enumerate(self._with_label)]
        heapq.heapify(neediest)
        while short:
            number, rank, label = neediest[0]
            if label not in short:
                heapq.heappop(neediest)
            elif -number > self._missing[label]:
                heapq.heapreplace(neediest, (-self._missing[label], rank, label))
            else:
                chosen = self._first(queues[label], short)
                if chosen is None:
                    short.discard(label)  # nothing more is available for it
                else:
                    self._take(chosen, short)

    def _queue(self, sets: Iterable[LabelSet], short: set[str]) -> list[tuple[tuple[float, ...], LabelSet]]:
        """Return the sets of which texts are left as a heap; the ranks may become out of date."""
        queue = [(self._rank(labels, short), labels) for labels in sets if self._is_open(labels)]
        heapq.heapify(queue)
        return queue

    def _first(self, queue: list[tuple[tuple[float, ...], LabelSet]], short: set[str]) -> LabelSet | None:
        """Return the set of lowest rank of which texts are left.

        Ranks only grow while texts are taken, so the first entry that is up to date has the lowest rank of all.
        """
        while queue:
            known, labels = queue[0]
            rank = self._rank(labels, short)
            if not self._is_open(labels):
                heapq.heappop(queue)
            elif rank > known:
                heapq.heapreplace(queue, (rank, labels))
            else:
                return labels
        return None

    def _take(self, chosen: LabelSet, short: set[str]) -> None:
        """Take a text of a set; labels that lack none afterwards are removed from `short`."""
        self._counts[chosen] += 1
        for label in chosen:
            if label in self._missing:
                self._missing[label] -= 1
                if self._missing[label] <= 0:
                    short.discard(label)

    def fill(self, total: int) -> dict[LabelSet, int]:
        """Take texts up to `total`, in proportion to what is available; return the number of each set."""
        heap = [(self._share_taken(labels), labels) for labels in self._available if self._is_open(labels)]
        heapq.heapify(heap)
        for _ in range(total - sum(self._counts.values())):
            if not heap:
                break
            _, labels = heapq.heappop(heap)
            self._counts[labels] += 1
            if self._is_open(labels):
                heapq.heappush(heap, (self._share_taken(labels), labels))
        return self._counts

    def _is_open(self, labels: LabelSet) -> bool:
        return self._counts[labels] < self._available[labels]

    def _rank(self, labels: LabelSet, short: set[str]) -> tuple[float, ...]:
        served = len(short & {*labels})
        excess = sum(label in self._missing and label not in short for label in labels)
        return (-served if self._limit is not None else 0, excess, *self._share_taken(labels))

    def _share_taken(self, labels: LabelSet) -> tuple[float, int]:
        return (self._counts[labels] + 0.5) / self._available[labels], self._order[labels]

    def _without_excess(self) -> dict[LabelSet, int]:
        """Return the counts without texts all of whose labels with a quota have more than they need."""
        for labels in reversed(self._counts):
            counted = [label for label in labels if label in self._missing]
            excess = min((-self._missing[label] for label in counted), default=0)
            removed = max(0, min(self._counts[labels], excess))
            self._counts[labels] -= removed
            for label in counted:
                self._missing[label] += removed
        return self._counts
