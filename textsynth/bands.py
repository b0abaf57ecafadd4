"""Rows by the bands of their MinHashes: those that share one are worth a look. 9 bytes a row and band.

A band is some of the numbers of a MinHash in a row; with all of them equal, two rows are candidates (locality-sensitive
hashing; Leskovec et al., Mining of Massive Datasets, 3.4). Kept are sorted runs of entries, each a band's hash above a
row; a new run is merged into the last one until that is more than four times as long. Hash maps with a list of rows for
each band take ten times the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint32]
Entries = NDArray[np.uint64]
_ROW = np.uint64(2**32 - 1)  # the lower half of an entry
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_A_DRAWER = 4  # entries, in the mean


class BandTable:
    """Finds the rows that share a band with given MinHashes. Rows are numbers below 2^32."""

    def __init__(self, bands: int) -> None:
        """Make an empty table; `bands` divides the length of the MinHashes."""
        self._bands = bands
        self._runs: list[_Run] = []

    def add(self, digests: Digests, rows: Sequence[int]) -> None:
        """Add MinHashes (n, permutations) under their rows."""
        if not len(rows):
            return
        entries = (self._keys(digests) | np.asarray(rows, np.uint64)[:, None]).ravel()
        entries.sort()
        while self._runs and len(self._runs[-1].entries) <= 4 * len(entries):
            entries = np.concatenate([self._runs.pop().entries, entries])
            entries.sort(kind="stable")  # two sorted halves, which it merges
        self._runs.append(_run(entries))

    def candidates(self, digests: Digests) -> list[list[int]]:
        """Return for each of n MinHashes (n, permutations) the rows that share a band with it, in ascending order.

        A row without a band in common is among them once in 4 billion comparisons of bands.
        """
        keys = self._keys(digests).ravel()
        asked = np.repeat(np.arange(len(digests), dtype=np.uint64) << np.uint64(32), self._bands)
        pairs = np.concatenate([np.zeros(0, np.uint64), *(_pairs(run, keys, asked) for run in self._runs)])
        pairs.sort()
        different = np.ones(len(pairs), bool)
        np.not_equal(pairs[1:], pairs[:-1], out=different[1:])
        pairs = pairs[different]
        ends = np.searchsorted(pairs, np.arange(1, len(digests) + 1, dtype=np.uint64) << np.uint64(32)).tolist()
        rows = (pairs & _ROW).tolist()
        return [rows[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _keys(self, digests: Digests) -> Entries:
        """Return the hash of each band in the upper 32 bits, (n, bands); equal bands at other places differ."""
        count, numbers = digests.shape
        parts = digests.reshape(count, self._bands, numbers // self._bands).astype(np.uint64)
        places = np.arange(1, self._bands + 1, dtype=np.uint64) * _SPREAD
        keys = np.broadcast_to(places, (count, self._bands)).copy()
        for place in range(parts.shape[2]):  # multiply and shift, as splitmix64 does (Steele, Lea and Flood 2014)
            keys ^= parts[:, :, place]
            keys *= _SPREAD
            keys ^= keys >> np.uint64(32)
        keys *= np.uint64(0xBF58476D1CE4E5B9)
        return keys & ~_ROW


class _Run(NamedTuple):
    """Sorted entries in drawers by their first bits: drawer d holds those from `starts[d]` to `starts[d + 1]`."""

    entries: Entries
    starts: NDArray[np.uint32]
    shift: np.uint64


def _run(entries: Entries) -> _Run:
    bits = max(1, (len(entries) // _A_DRAWER).bit_length())
    shift = np.uint64(64 - bits)
    starts = np.searchsorted(entries, np.arange(2**bits, dtype=np.uint64) << shift).astype(np.uint32)
    return _Run(entries, np.append(starts, np.uint32(len(entries))), shift)


def _pairs(run: _Run, keys: Entries, asked: Entries) -> Entries:
    """Return who asked above the row, for every entry of the run that has one of the keys."""
    drawers = (keys >> run.shift).astype(np.intp)
    starts = run.starts[drawers].astype(np.intp)
    counts = run.starts[drawers + 1] - starts
    ends = np.cumsum(counts)
    who = np.repeat(np.arange(len(keys)), counts)
    found = run.entries[np.arange(len(who)) + (starts - ends + counts)[who]]
    same = (found & ~_ROW) == keys[who]
    pairs: Entries = asked[who[same]] | (found[same] & _ROW)
    return pairs
