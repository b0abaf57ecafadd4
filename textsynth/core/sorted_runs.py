"""A map of 64-bit numbers in sorted arrays: what a run remembers of texts of which there may be millions.

An entry takes 8 bytes and those of its value; in a dict with texts as keys it takes 150 bytes and more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Numbers = NDArray[np.uint64]
MERGED_RATIO = 4
"""A run is merged with the one before it if that is at most this many times as long."""


def id_numbers(ids: Iterable[str]) -> Numbers:
    """Return record ids, which are 16 hex digits each, as numbers; these have the order of the ids."""
    return np.frombuffer(bytes.fromhex("".join(ids)), ">u8").astype(np.uint64)


def id_text(number: int) -> str:
    """Return the record id that `id_numbers` turned into a number."""
    return f"{number:016x}"


class SortedRuns:
    """Values by number, added and looked up many at a time.

    The entries are in sorted runs that are merged as they grow, as in a log-structured merge tree.
    """

    def __init__(self, value_type: DTypeLike) -> None:
        self._value_type = np.dtype(value_type)
        self._runs: list[tuple[Numbers, NDArray[Any]]] = []

    def __len__(self) -> int:
        return sum(len(numbers) for numbers, _ in self._runs)

    def add(self, numbers: Numbers, values: NDArray[Any]) -> None:
        """Add numbers that are not among the entries yet, with their values."""
        if not len(numbers):
            return
        while self._runs and len(self._runs[-1][0]) <= MERGED_RATIO * len(numbers):
            earlier_numbers, earlier_values = self._runs.pop()
            numbers = np.concatenate([earlier_numbers, numbers])
            values = np.concatenate([earlier_values, values])
        order = np.argsort(numbers, kind="stable")
        self._runs.append((numbers[order], values[order]))

    def find(self, numbers: Numbers) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Return which of the numbers are entries, and the value of each; that of no entry is 0."""
        found = np.zeros(len(numbers), bool)
        values = np.zeros(len(numbers), self._value_type)
        order = np.argsort(numbers)
        ordered = numbers[order]  # neighbours are looked up one after the other, in memory that is in the cache
        for run_numbers, run_values in self._runs:
            positions = np.searchsorted(run_numbers, ordered)
            positions[positions == len(run_numbers)] = 0
            same = run_numbers[positions] == ordered
            found[order[same]] = True
            values[order[same]] = run_values[positions[same]]
        return found, values
