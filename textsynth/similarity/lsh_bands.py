"""A table of the bands of MinHash signatures (locality-sensitive hashing), which finds the rows that share a band.

A text has 20 bands with the default similarity: 160 bytes of entries. In long runs the leading bits of an entry are
not stored, as its position in the run says them, and rows are counted from the first one of the run: 80 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Digests = NDArray[np.uint32]
"""MinHash signatures, one a row: (n, permutations)."""

# An entry of the band table: the hash of a band in the upper 32 bits, the row in the lower 32.
_Entries = NDArray[np.uint64]
_ROW_MASK = np.uint64(2**32 - 1)
_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_ENTRIES_PER_BUCKET = 4  # on average
MIN_PACKED_ENTRIES = 1_000_000
PARTS = 64  # of a long run: it is merged a part at a time, so that few entries are unpacked at once
_PART_BITS = PARTS.bit_length() - 1


class LshBands:
    """A table that finds the rows that share a band with a MinHash signature. Rows are numbers below 2^32.

    The entries are held in sorted runs that are merged as they grow (as in a log-structured merge tree). Runs of
    at least `min_packed` entries are packed.
    """

    def __init__(self, bands: int, min_packed: int = MIN_PACKED_ENTRIES) -> None:
        """Create an empty table; `bands` divides the length of the signatures."""
        self._bands = bands
        self._min_packed = min_packed
        self._runs: list[_SortedRun] = []

    @property
    def nbytes(self) -> int:
        """The bytes that the table takes."""
        return sum(run.entries.nbytes + run.starts.nbytes for run in self._runs)

    @property
    def chance_entries(self) -> float:
        """How many of the entries that `count_entries` returns have another band in the same bucket, on average."""
        return self._bands * sum(len(run.entries) / (len(run.starts) - 1) for run in self._runs)

    def add(self, digests: Digests, rows: Sequence[int], total: int | None = None) -> None:
        """Add signatures (n, permutations) under their rows.

        Where the table is one shard of several, `total` is how many signatures are added to all of them. Each shard
        then has the runs and the buckets of a table with all rows, so that the sums of `count_entries` and of
        `chance_entries` over the shards are those of that table.
        """
        count = self._bands * (len(rows) if total is None else total)
        if not count:
            return
        entries = (self._hash_bands(digests) | np.asarray(rows, np.uint64)[:, None]).ravel()
        entries.sort()
        merged = [_make_run(entries, count)]
        while self._runs and self._runs[-1].total <= 4 * sum(run.total for run in merged):
            merged.append(self._runs.pop())
        self._runs.append(merged[0] if len(merged) == 1 else self._merge(merged))

    def count_entries(self, digests: Digests) -> NDArray[np.intp]:
        """Return about how many entries of the table share a band with each signature; never less than there are."""
        keys = self._hash_bands(digests)
        counts = np.zeros(len(digests), np.intp)
        for run in self._runs:
            buckets = (keys >> run.shift).astype(np.intp)
            counts += (run.starts[buckets + 1] - run.starts[buckets]).sum(axis=1, dtype=np.intp)
        return counts

    def find_candidates(self, digests: Digests) -> list[list[int]]:
        """Return, for each of n signatures (n, permutations), the rows that share a band with it, in ascending order.

        A row without a common band is returned by a hash collision once in 4 billion comparisons of bands.
        """
        keys = self._hash_bands(digests).ravel()
        queries = np.repeat(np.arange(len(digests), dtype=np.uint64) << np.uint64(32), self._bands)
        pairs = np.concatenate([np.zeros(0, np.uint64), *(run.matching_pairs(keys, queries) for run in self._runs)])
        pairs.sort()
        is_new = np.ones(len(pairs), bool)
        np.not_equal(pairs[1:], pairs[:-1], out=is_new[1:])
        pairs = pairs[is_new]
        ends = np.searchsorted(pairs, np.arange(1, len(digests) + 1, dtype=np.uint64) << np.uint64(32)).tolist()
        rows = (pairs & _ROW_MASK).tolist()
        return [rows[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _merge(self, runs: Sequence[_SortedRun]) -> _SortedRun:
        """Return one run with the entries of all of them, packed where it is long enough."""
        count, total = sum(len(run.entries) for run in runs), sum(run.total for run in runs)
        if count < self._min_packed or (packed := _merge_packed(runs, count, total)) is None:
            entries = np.concatenate([run.unpacked(0, 1) for run in reversed(runs)])
            entries.sort(kind="stable")  # merges the sorted parts
            return _make_run(entries, total)
        return packed

    def _hash_bands(self, digests: Digests) -> _Entries:
        """Return the hash of each band in the upper 32 bits, (n, bands)."""
        return hash_bands(digests, self._bands) & ~_ROW_MASK


def hash_bands(digests: Digests, count: int) -> NDArray[np.uint64]:
    """Return a hash of each of the `count` bands of n signatures, (n, count); equal bands at other positions differ."""
    rows, permutations = digests.shape
    bands = digests.reshape(rows, count, permutations // count).astype(np.uint64)
    seeds = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN_GAMMA
    hashes = np.broadcast_to(seeds, (rows, count)).copy()
    for position in range(bands.shape[2]):  # multiply and shift, as splitmix64 does (Steele, Lea and Flood 2014)
        hashes ^= bands[:, :, position]
        hashes *= _GOLDEN_GAMMA
        hashes ^= hashes >> np.uint64(32)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    return hashes


class _SortedRun(NamedTuple):
    """Sorted entries in buckets by their leading bits: bucket b is `entries[starts[b] : starts[b + 1]]`.

    `total` is the number of entries, where there are shards that of all of them: it decides how many buckets there are.
    Where the run is packed (`row_bits` is not 32), an entry is a number of 32 bits: those of the hash that the bucket
    does not say, then `row_bits` of the row, counted from `first_row`; all rows are below `end_row`. `hash_mask` has
    the bits of a band's hash that an entry holds.
    """

    entries: NDArray[np.uint64] | NDArray[np.uint32]
    starts: NDArray[np.uint32]
    shift: np.uint64
    total: int
    row_bits: int = 32
    first_row: int = 0
    end_row: int = 0
    hash_mask: np.uint64 = _ROW_MASK

    def matching_pairs(self, keys: _Entries, queries: _Entries) -> _Entries:
        """Return, for every entry whose band hash is one of `keys`, the query (upper 32 bits) and the row."""
        buckets = (keys >> self.shift).astype(np.intp)
        starts = self.starts[buckets].astype(np.intp)
        counts = self.starts[buckets + 1] - starts
        ends = np.cumsum(counts)
        key_of_entry = np.repeat(np.arange(len(keys)), counts)
        entries = self.entries[np.arange(len(key_of_entry)) + (starts - ends + counts)[key_of_entry]]
        if self.row_bits == 32:
            same = (entries & ~_ROW_MASK) == keys[key_of_entry]
            own_pairs: _Entries = queries[key_of_entry[same]] | (entries[same] & _ROW_MASK)
            return own_pairs
        hashes = ((keys >> np.uint64(32)) & self.hash_mask).astype(np.uint32)
        same = entries >> np.uint32(self.row_bits) == hashes[key_of_entry]
        rows = (entries[same] & np.uint32(2**self.row_bits - 1)).astype(np.uint64) + np.uint64(self.first_row)
        pairs: _Entries = queries[key_of_entry[same]] | rows
        return pairs

    def unpacked(self, part: int, parts: int) -> _Entries:
        """Return the entries of one of `parts` equal parts of the values of hashes, with all bits; `parts` is 2^n."""
        if self.row_bits == 32:
            bounds = np.array([step * (2**64 // parts) for step in range(part, part + 2) if step < parts], np.uint64)
            start, end = (*np.searchsorted(self.entries, bounds).tolist(), len(self.entries))[:2]
            return self.entries[start:end].astype(np.uint64, copy=False)
        buckets_per_part = (len(self.starts) - 1) // parts
        first = part * buckets_per_part
        starts = self.starts[first : first + buckets_per_part + 1]
        entries = self.entries[starts[0] : starts[-1]].astype(np.uint64)
        buckets = np.repeat(np.arange(first, first + buckets_per_part, dtype=np.uint64), np.diff(starts))
        rows = (entries & np.uint64(2**self.row_bits - 1)) + np.uint64(self.first_row)
        unpacked: _Entries = buckets << self.shift | entries >> np.uint64(self.row_bits) << np.uint64(32) | rows
        return unpacked

    def row_range(self) -> tuple[int, int]:
        """Return the first row, and the last one plus one."""
        if self.row_bits == 32:
            rows = self.entries & _ROW_MASK
            return int(rows.min()), int(rows.max()) + 1
        return self.first_row, self.end_row


def _bucket_bits(count: int) -> int:
    return max(1, (count // _ENTRIES_PER_BUCKET).bit_length())


def _make_run(entries: _Entries, total: int) -> _SortedRun:
    bits = _bucket_bits(total)
    shift = np.uint64(64 - bits)
    starts = np.searchsorted(entries, np.arange(2**bits, dtype=np.uint64) << shift).astype(np.uint32)
    return _SortedRun(entries, np.append(starts, np.uint32(len(entries))), shift, total)


def _merge_packed(runs: Sequence[_SortedRun], count: int, total: int) -> _SortedRun | None:
    """Return one packed run with the entries of all, which are `count`; None where an entry would have over 32 bits."""
    bits = _bucket_bits(total)
    ranges = [run.row_range() for run in runs if len(run.entries)]
    first_row, end_row = min(first for first, _ in ranges), max(end for _, end in ranges)
    row_bits = (end_row - 1 - first_row).bit_length()
    if row_bits > bits or bits < _PART_BITS or row_bits >= 32:
        return None
    hash_mask = np.uint64(2 ** (32 - bits) - 1)
    shift = np.uint64(64 - bits)
    packed = np.empty(count, np.uint32)
    starts = np.zeros(2**bits + 1, np.uint32)
    buckets_per_part = 2**bits // PARTS
    done = 0
    for part, entries in enumerate(_merged_parts(runs)):
        first = part * buckets_per_part
        buckets = (entries >> shift).astype(np.intp) - first
        sizes = np.bincount(buckets, minlength=buckets_per_part)
        starts[first + 1 : first + 1 + buckets_per_part] = done + np.cumsum(sizes)
        hashes = (entries >> np.uint64(32)) & hash_mask
        packed[done : done + len(entries)] = hashes << np.uint64(row_bits) | (entries & _ROW_MASK) - np.uint64(
            first_row
        )
        done += len(entries)
    return _SortedRun(packed, starts, shift, total, row_bits, first_row, end_row, hash_mask)


def _merged_parts(runs: Sequence[_SortedRun]) -> Iterator[_Entries]:
    for part in range(PARTS):
        entries = np.concatenate([run.unpacked(part, PARTS) for run in reversed(runs)])
        entries.sort(kind="stable")
        yield entries
