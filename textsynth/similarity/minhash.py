"""Neighbours of a text among many: near-duplicates, by the words that they share.

The search is incremental, deterministic, and exact in what it reports: a candidate counts only after its true
similarity was computed. Candidates are found by MinHash (rensa): a pair at the limit is found in nine cases of ten, one
0.1 above it practically always; the neighbours of a text of at most five words are always found.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

PERMUTATIONS = 120
SHORT = 5
_SEED = 42
_NO_WORDS = frozenset({""})  # so that two empty texts are alike and nothing else is like them


class NearDuplicateMatch(NamedTuple):
    """A neighbour: its row (the how-manieth that was added) and the similarity, 0 to 1."""

    row: int
    similarity: float


class WordSetSignature(NamedTuple):
    """A word set with its MinHash, so that looking and adding hash it once."""

    words: frozenset[str]
    minhash: memoryview


def minhash_signatures(word_sets: Iterable[frozenset[str]]) -> list[WordSetSignature]:
    """Return the word sets with their MinHashes, in order (7 µs each)."""
    sets = [words or _NO_WORDS for words in word_sets]
    numbers = array("I")
    for digest in RMinHash.digests_from_token_sets(sets, PERMUTATIONS, _SEED):
        numbers.fromlist(digest)
    told = memoryview(numbers)
    places = range(0, len(numbers), PERMUTATIONS)
    return [WordSetSignature(words, told[at : at + PERMUTATIONS]) for words, at in zip(sets, places, strict=True)]


class WordSetIndex:
    """Finds the added word set that shares most words (Jaccard) with a given one, if it shares enough."""

    def __init__(self, similarity: float = 0.7) -> None:
        """Make an empty index; a neighbour is one with a Jaccard of at least `similarity`, in (0, 1]."""
        from textsynth.similarity.minhash import LshBands  # needs numpy, which no request waits for

        self.similarity = similarity
        self._table = LshBands(_bands(similarity))
        self._sets: list[tuple[str, ...]] = []
        self._short_size = SHORT / similarity + 1e-9  # the largest set that can be near one of SHORT words
        self._short: defaultdict[str, list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, signed: Sequence[WordSetSignature]) -> None:
        """Add word sets; their rows go on from the last one."""
        self._table.add(_digests(signed), range(len(self._sets), len(self._sets) + len(signed)))
        for row, (words, _) in enumerate(signed, start=len(self._sets)):
            self._sets.append(tuple(words))
            if len(words) <= self._short_size:
                for word in self._prefix(words):
                    self._short[word].append(row)

    def find(
        self, signed: Sequence[WordSetSignature], *, row_limits: Sequence[int] | None = None
    ) -> list[NearDuplicateMatch | None]:
        """Return each set's most similar neighbour (ties: the lowest row), or None; the index stays as it is.

        With `before`, the nth set sees only rows below `before[n]`.
        """
        found = self._table.find_candidates(_digests(signed))
        ends = row_limits if row_limits is not None else [len(self._sets)] * len(signed)
        return [self._best(one.words, rows, end) for one, rows, end in zip(signed, found, ends, strict=True)]

    def _best(self, words: frozenset[str], rows: Iterable[int], end: int) -> NearDuplicateMatch | None:
        size = len(words)
        if size <= self._short_size:
            rows = {*rows, *(row for word in self._prefix(words) for row in self._short.get(word, ()))}
        fewest, most = self.similarity * size - 1e-9, size / self.similarity + 1e-9
        best: NearDuplicateMatch | None = None
        for row in rows:
            other = self._sets[row]
            if row >= end or not fewest <= len(other) <= most:
                continue
            shared = len(words.intersection(other))
            likeness = shared / (size + len(other) - shared)
            if likeness >= self.similarity and (best is None or (-likeness, row) < (-best.similarity, best.row)):
                best = NearDuplicateMatch(row, likeness)
        return best

    def _prefix(self, words: frozenset[str]) -> list[str]:
        """Return words of which a similar enough set must share one (prefix filter), long ones first as they are rare.

        Sets of n and m words with a Jaccard of t share at least t·n and t·m words, so at least one of the first
        n - t·n + 1 (m - t·m + 1) in any common order.
        """
        kept = len(words) - math.ceil(self.similarity * len(words) - 1e-9) + 1
        return sorted(words, key=lambda word: (-len(word), word))[:kept]


def _digests(signed: Sequence[WordSetSignature]) -> Digests:
    import numpy as np

    together = np.frombuffer(b"".join([one.minhash for one in signed]), np.uint32)
    return together.reshape(len(signed), PERMUTATIONS)


def _bands(similarity: float) -> int:
    """Return the number of bands that finds a pair at the limit in nine cases of ten, with the fewest candidates."""
    for rows in (15, 12, 10, 8, 6, 5, 4, 3, 2):
        bands = PERMUTATIONS // rows
        if 1 - (1 - similarity**rows) ** bands >= 0.9:
            return bands
    return PERMUTATIONS


Digests = NDArray[np.uint32]
Entries = NDArray[np.uint64]
_ROW = np.uint64(2**32 - 1)  # the lower half of an entry
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_A_DRAWER = 4  # entries, in the mean


class LshBands:
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

    def find_candidates(self, digests: Digests) -> list[list[int]]:
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
