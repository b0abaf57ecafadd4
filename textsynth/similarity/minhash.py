"""Near-duplicate search among word sets: MinHash signatures, an LSH band table, and an index that verifies candidates.

The index is incremental and deterministic. It reports a candidate only after computing its true Jaccard similarity, so
there are no false positives. Candidates come from MinHash signatures (rensa): a pair at the similarity limit is found
in nine cases of ten, a pair 0.1 above it practically always. The neighbours of a text of at most five words are always
found, and those of texts that share bands with many others.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from textsynth.similarity.prefix_index import PrefixIndex

PERMUTATIONS = 120
SHORT_TEXT_WORDS = 5
MAX_ENTRIES = 400
"""From this number of entries of the band table on, a query takes the exact index: few of them are neighbours.

In 100,000 texts of 8 to 40 words, 15 % of them duplicates, no query has more than 250.
"""
ENTRIES_PER_SET = 2  # once such queries have met this number of entries a set, all sets are indexed exactly

Digests = NDArray[np.uint32]
"""MinHash signatures, one a row: (n, permutations)."""

_SEED = 42
_NO_WORDS = frozenset({""})  # stands for an empty text, so that two empty texts are alike and nothing else is like them
_MIN_RECALL = 0.9  # of pairs at the similarity limit
_TOLERANCE = 1e-9  # of a product of a similarity and a size, against rounding

# An entry of the band table: the hash of a band in the upper 32 bits, the row in the lower 32.
_Entries = NDArray[np.uint64]
_ROW_MASK = np.uint64(2**32 - 1)
_GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_ENTRIES_PER_BUCKET = 4  # on average


class NearDuplicateMatch(NamedTuple):
    """A neighbour: its row (the index in insertion order) and the Jaccard similarity, 0 to 1."""

    row: int
    similarity: float


class WordSetSignature(NamedTuple):
    """A word set with its MinHash signature, so that a search and a later `add` hash the set only once."""

    words: frozenset[str]
    minhash: memoryview


def minhash_signatures(word_sets: Iterable[frozenset[str]]) -> list[WordSetSignature]:
    """Return the word sets with their MinHash signatures, in order (7 µs each)."""
    sets = [words or _NO_WORDS for words in word_sets]
    numbers = array("I")
    for digest in RMinHash.digests_from_token_sets(sets, PERMUTATIONS, _SEED):
        numbers.fromlist(digest)
    view = memoryview(numbers)
    starts = range(0, len(numbers), PERMUTATIONS)
    return [
        WordSetSignature(words, view[start : start + PERMUTATIONS]) for words, start in zip(sets, starts, strict=True)
    ]


class WordSetIndex:
    """Finds, among the added word sets, the one with the highest Jaccard similarity to a query set.

    Short sets are in an exact index (`PrefixIndex`). All sets are from the moment on at which many share bands, as
    those of a template do; then queries with many candidates in the band table take the exact index instead.
    """

    def __init__(self, similarity: float = 0.7) -> None:
        """Create an empty index; a neighbour has a Jaccard similarity of at least `similarity`, in (0, 1]."""
        self.similarity = similarity
        self._bands = LshBands(band_count(similarity))
        self._sets: list[tuple[str, ...]] = []
        self._exact = PrefixIndex(similarity)
        self._crowded_entries = 0
        # The size of the largest set in the exact index: a neighbour of a set of SHORT_TEXT_WORDS words.
        self._max_exact_size = max_exact_size(similarity)

    def __len__(self) -> int:
        return len(self._sets)

    def add(self, signatures: Sequence[WordSetSignature]) -> None:
        """Add word sets; their rows continue from the last one."""
        self._bands.add(stack_digests(signatures), range(len(self._sets), len(self._sets) + len(signatures)))
        for row, (words, _) in enumerate(signatures, start=len(self._sets)):
            self._sets.append(tuple(words))
            if len(words) <= self._max_exact_size:
                self._exact.add(row, words)

    def find(
        self, signatures: Sequence[WordSetSignature], *, row_limits: Sequence[int] | None = None
    ) -> list[NearDuplicateMatch | None]:
        """Return the most similar neighbour of each set (ties: the lowest row), or None; does not change the result.

        With `row_limits`, the nth set is compared only with rows below `row_limits[n]`.
        """
        digests = stack_digests(signatures)
        entries = self._bands.count_entries(digests)
        is_crowded = entries > MAX_ENTRIES
        self._crowded_entries += int(entries[is_crowded].sum())
        if self._crowded_entries > ENTRIES_PER_SET * len(self._sets):
            self._index_all()
        banded = np.flatnonzero(~is_crowded) if self._max_exact_size == math.inf else np.arange(len(signatures))
        candidates: list[Iterable[int]] = [()] * len(signatures)
        for index, rows in zip(banded.tolist(), self._bands.find_candidates(digests[banded]), strict=True):
            candidates[index] = rows
        limits = row_limits if row_limits is not None else [len(self._sets)] * len(signatures)
        matches = [
            self._best_match(signature.words, rows, limit)
            for signature, rows, limit in zip(signatures, candidates, limits, strict=True)
        ]
        if self._exact.needs_reorder:
            self._reorder()
        return matches

    def _index_all(self) -> None:
        if self._max_exact_size < math.inf:
            self._max_exact_size = math.inf
            self._reorder()

    def _reorder(self) -> None:
        sets = enumerate(self._sets)
        self._exact.reorder([(row, words) for row, words in sets if len(words) <= self._max_exact_size])

    def _best_match(self, words: frozenset[str], rows: Iterable[int], row_limit: int) -> NearDuplicateMatch | None:
        size = len(words)
        if size <= self._max_exact_size:
            rows = self._exact.find_candidates(words) if not rows else {*rows, *self._exact.find_candidates(words)}
        min_size, max_size = self.similarity * size - _TOLERANCE, size / self.similarity + _TOLERANCE
        best: NearDuplicateMatch | None = None
        for row in rows:
            other = self._sets[row]
            if row >= row_limit or not min_size <= len(other) <= max_size:
                continue
            shared = len(words.intersection(other))
            similarity = shared / (size + len(other) - shared)
            if similarity >= self.similarity and (best is None or (-similarity, row) < (-best.similarity, best.row)):
                best = NearDuplicateMatch(row, similarity)
        return best


class LshBands:
    """A table that finds the rows that share a band with a MinHash signature. Rows are numbers below 2^32.

    The entries are held in sorted runs that are merged as they grow (as in a log-structured merge tree).
    """

    def __init__(self, bands: int) -> None:
        """Create an empty table; `bands` divides the length of the signatures."""
        self._bands = bands
        self._runs: list[_SortedRun] = []

    def add(self, digests: Digests, rows: Sequence[int]) -> None:
        """Add signatures (n, permutations) under their rows."""
        if not len(rows):
            return
        entries = (self._hash_bands(digests) | np.asarray(rows, np.uint64)[:, None]).ravel()
        entries.sort()
        while self._runs and len(self._runs[-1].entries) <= 4 * len(entries):
            entries = np.concatenate([self._runs.pop().entries, entries])
            entries.sort(kind="stable")  # merges the two sorted halves
        self._runs.append(_make_run(entries))

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
        pairs = np.concatenate([np.zeros(0, np.uint64), *(_matching_pairs(run, keys, queries) for run in self._runs)])
        pairs.sort()
        is_new = np.ones(len(pairs), bool)
        np.not_equal(pairs[1:], pairs[:-1], out=is_new[1:])
        pairs = pairs[is_new]
        ends = np.searchsorted(pairs, np.arange(1, len(digests) + 1, dtype=np.uint64) << np.uint64(32)).tolist()
        rows = (pairs & _ROW_MASK).tolist()
        return [rows[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def _hash_bands(self, digests: Digests) -> _Entries:
        """Return the hash of each band in the upper 32 bits, (n, bands)."""
        return hash_bands(digests, self._bands) & ~_ROW_MASK


class _SortedRun(NamedTuple):
    """Sorted entries in buckets by their leading bits: bucket b is `entries[starts[b] : starts[b + 1]]`."""

    entries: _Entries
    starts: NDArray[np.uint32]
    shift: np.uint64


def _make_run(entries: _Entries) -> _SortedRun:
    bits = max(1, (len(entries) // _ENTRIES_PER_BUCKET).bit_length())
    shift = np.uint64(64 - bits)
    starts = np.searchsorted(entries, np.arange(2**bits, dtype=np.uint64) << shift).astype(np.uint32)
    return _SortedRun(entries, np.append(starts, np.uint32(len(entries))), shift)


def _matching_pairs(run: _SortedRun, keys: _Entries, queries: _Entries) -> _Entries:
    """Return, for every entry of the run whose band hash is one of `keys`, the query (upper 32 bits) and the row."""
    buckets = (keys >> run.shift).astype(np.intp)
    starts = run.starts[buckets].astype(np.intp)
    counts = run.starts[buckets + 1] - starts
    ends = np.cumsum(counts)
    key_of_entry = np.repeat(np.arange(len(keys)), counts)
    entries = run.entries[np.arange(len(key_of_entry)) + (starts - ends + counts)[key_of_entry]]
    same = (entries & ~_ROW_MASK) == keys[key_of_entry]
    pairs: _Entries = queries[key_of_entry[same]] | (entries[same] & _ROW_MASK)
    return pairs


def signature_bits(digests: Digests) -> NDArray[np.uint64]:
    """Return the lowest bit of each of the values of n signatures, (n, 2): equal in (1 + similarity) / 2 of them.

    See Li and König 2010, "b-Bit Minwise Hashing". The bits after the last value are 0.
    """
    packed = np.packbits((digests & 1).astype(np.uint8), axis=1)
    padded = np.zeros((len(digests), 16), np.uint8)
    padded[:, : packed.shape[1]] = packed
    bits: NDArray[np.uint64] = padded.view(np.uint64)
    return bits


def max_different_bits(similarity: float) -> float:
    """Return how many `signature_bits` of two sets differ at most, but for one pair in millions at the limit."""
    share = (1 - similarity) / 2
    return PERMUTATIONS * share + 5 * math.sqrt(PERMUTATIONS * share * (1 - share))


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


def stack_digests(signatures: Sequence[WordSetSignature]) -> Digests:
    """Return the MinHash signatures of word sets as one array, a row each."""
    digests = np.frombuffer(b"".join([signature.minhash for signature in signatures]), np.uint32)
    return digests.reshape(len(signatures), PERMUTATIONS)


def max_exact_size(similarity: float) -> float:
    """Return the number of words up to which all neighbours of this size are reported."""
    return SHORT_TEXT_WORDS / similarity + _TOLERANCE


def band_count(similarity: float) -> int:
    """Return the number of bands that finds a pair at the limit in nine cases of ten, with the fewest candidates."""
    for band_size in (15, 12, 10, 8, 6, 5, 4, 3, 2):
        bands = PERMUTATIONS // band_size
        if 1 - (1 - similarity**band_size) ** bands >= _MIN_RECALL:
            return bands
    return PERMUTATIONS
