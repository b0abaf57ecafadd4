"""Near-duplicate search among word sets: MinHash signatures, an LSH band table, and an index that verifies candidates.

The index is incremental and deterministic. It reports a candidate only after computing its true Jaccard similarity, so
there are no false positives. Candidates come from MinHash signatures (rensa): a pair at the similarity limit is found
in nine cases of ten, a pair 0.1 above it practically always. The neighbours of a text of at most five words are always
found, and those of texts that share bands with many others.
"""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import accumulate, chain, count, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from textsynth.similarity.lsh_bands import Digests, LshBands
from textsynth.similarity.prefix_index import PrefixIndex

PERMUTATIONS = 120
SHORT_TEXT_WORDS = 5
MAX_ENTRIES = 400
"""From this number of entries of the band table on, a query takes the exact index: few of them are neighbours.

In 100,000 texts of 8 to 40 words, 15 % of them duplicates, no query has more than 250. In a table of millions of texts
more than half of this number are in a query's buckets by chance, and come on top.
"""
ENTRIES_PER_SET = 20
"""Once such queries have met this number of entries a set, all sets are indexed exactly.

To index a set takes as long as to compare 20 entries (17 and 0.75 µs): so at most twice the time of the better choice.
"""

MAX_UNPACKED_SETS = 50_000
"""The last sets are held as words, which is faster; of earlier ones the numbers of their words, in half the memory."""

MIN_COUNTED = 100
"""From this number of packed candidates on, the words that they share with a query are counted together."""
COUNTED_ROWS = 4096
"""This many rows are counted at once, so that boilerplate rows of a large source take little memory."""

MAX_UNPACKED_CROWDED = 500
"""The last sets that are held as words where queries have many candidates."""

_SEED = 42
_NO_WORDS = frozenset({""})  # stands for an empty text, so that two empty texts are alike and nothing else is like them
_MIN_RECALL = 0.9  # of pairs at the similarity limit
_TOLERANCE = 1e-9  # of a product of a similarity and a size, against rounding


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


class CrowdedQueries:
    """Decides which queries take the exact index: those that meet many entries of the band table, once many have."""

    def __init__(self, max_entries: int = MAX_ENTRIES) -> None:
        """`max_entries` is the number of entries from which on a query is crowded."""
        self._max_entries = max_entries
        self._entries = 0
        self._has_exact_index = False

    def take_exact(
        self, entries: NDArray[np.intp], chance_entries: float, set_count: int, *, counted: bool = True
    ) -> NDArray[np.bool_]:
        """Return which of n queries take the exact index, (n,).

        `entries`, (n,), are those of the band table that each meets, `chance_entries` of them by chance on average.
        Queries that are not `counted` have no effect on what later ones take.
        """
        is_crowded = entries > max(self._max_entries, self._max_entries / 2 + chance_entries)
        if counted:
            self._entries += int(entries[is_crowded].sum())
            self._has_exact_index |= self._entries > ENTRIES_PER_SET * set_count
        return is_crowded & self._has_exact_index


class WordSetIndex:
    """Finds, among the added word sets, the one with the highest Jaccard similarity to a query set.

    Short sets are in an exact index (`PrefixIndex`). All sets are from the moment on at which many share bands, as
    those of a template do; then queries with many candidates in the band table take the exact index instead.
    """

    def __init__(
        self, similarity: float = 0.7, max_unpacked: int = MAX_UNPACKED_SETS, max_entries: int = MAX_ENTRIES
    ) -> None:
        """Create an empty index; a neighbour has a Jaccard similarity of at least `similarity`, in (0, 1].

        Of the sets before the last `max_unpacked` ones only the numbers of their words are in memory. `max_entries` is
        the number of entries of the band table from which on a query takes the exact index.
        """
        self.similarity = similarity
        self._crowds = CrowdedQueries(max_entries)
        self._bands = LshBands(band_count(similarity))
        self._sets = _WordSets(max_unpacked)
        self._exact = PrefixIndex(similarity)
        # The size of the largest set in the exact index: a neighbour of a set of SHORT_TEXT_WORDS words.
        self._max_exact_size = self._max_short = max_exact_size(similarity)

    def __len__(self) -> int:
        return len(self._sets)

    @property
    def has_exact_index(self) -> bool:
        """Whether all sets are in the exact index, as many of them share bands."""
        return self._max_exact_size == math.inf

    def add(self, signatures: Sequence[WordSetSignature], total: int | None = None) -> None:
        """Add word sets; their rows continue from the last one. `total` is for a shard: see `LshBands.add`."""
        self._bands.add(stack_digests(signatures), range(len(self._sets), len(self._sets) + len(signatures)), total)
        for row, (words, _) in enumerate(signatures, start=len(self._sets)):
            if len(words) <= self._max_exact_size:
                self._exact.add(row, words)
        self._sets.extend([tuple(words) for words, _ in signatures])

    def find(
        self,
        signatures: Sequence[WordSetSignature],
        *,
        row_limits: Sequence[int] | None = None,
        counted: bool = True,
    ) -> list[NearDuplicateMatch | None]:
        """Return the most similar neighbour of each set (ties: the lowest row), or None.

        With `row_limits`, the nth set is compared only with rows below `row_limits[n]`. Queries that are not `counted`
        have no effect on whether later ones take the exact index, which finds the pairs that the band table misses.
        """
        digests = stack_digests(signatures)
        takes_exact = self._crowds.take_exact(*self.count_entries(digests), len(self._sets), counted=counted)
        return self.find_with(digests, [signature.words for signature in signatures], takes_exact, row_limits)

    def count_entries(self, digests: Digests) -> tuple[NDArray[np.intp], float]:
        """Return how many entries of the band table each of n signatures meets, (n,), and how many by chance."""
        return self._bands.count_entries(digests), self._bands.chance_entries

    def find_with(
        self,
        digests: Digests,
        word_sets: Sequence[frozenset[str]],
        takes_exact: NDArray[np.bool_],
        row_limits: Sequence[int] | None = None,
    ) -> list[NearDuplicateMatch | None]:
        """Return what `find` does for n sets; `takes_exact`, (n,), says which of them take the exact index."""
        if takes_exact.any():
            self._index_all()
        banded = np.flatnonzero(~takes_exact)
        candidates: list[Collection[int]] = [()] * len(word_sets)
        for index, rows in zip(banded.tolist(), self._bands.find_candidates(digests[banded]), strict=True):
            candidates[index] = rows
        limits = row_limits if row_limits is not None else [len(self._sets)] * len(word_sets)
        matches: list[NearDuplicateMatch | None] = [None] * len(word_sets)
        queries = zip(word_sets, candidates, limits, takes_exact.tolist(), strict=True)
        for index, (words, near_rows, limit, exact) in enumerate(queries):
            in_exact_index = exact or len(words) <= self._max_short
            if near_rows or in_exact_index:
                matches[index] = self._best_match(words, near_rows, limit, in_exact_index=in_exact_index)
        if self._exact.needs_reorder:
            self._reorder()
        return matches

    def _index_all(self) -> None:
        if self._max_exact_size < math.inf:
            self._max_exact_size = math.inf
            self._sets.pack_soon()
            self._reorder()

    def _reorder(self) -> None:
        self._exact.reorder([(row, words) for row, words in self._sets if len(words) <= self._max_exact_size])

    def _best_match(
        self, words: frozenset[str], rows: Collection[int], row_limit: int, *, in_exact_index: bool
    ) -> NearDuplicateMatch | None:
        size = len(words)
        if in_exact_index:
            rows = self._exact.find_candidates(words) if not rows else {*rows, *self._exact.find_candidates(words)}
        min_size, max_size = self._neighbour_sizes(size)
        best: NearDuplicateMatch | None = None
        numbers: frozenset[int] | None = None
        sets = self._sets
        if self.has_exact_index and len(rows) >= MIN_COUNTED:
            ordered = np.sort(np.fromiter(rows, np.int64, len(rows)), kind="stable")  # fast where they are in order
            packed, rows = np.split(ordered[ordered < row_limit], [np.searchsorted(ordered, sets.packed)])
            best, rows = self._best_packed(words, packed), rows.tolist()
        for row in rows:
            recent = row - sets.packed
            other = sets.recent[recent] if recent >= 0 else sets.numbers_of_row(row)
            if row >= row_limit or not min_size <= len(other) <= max_size:
                continue
            if recent >= 0:
                shared = len(words.intersection(other))
            else:
                if numbers is None:
                    numbers = sets.numbers_of(words)
                shared = len(numbers.intersection(other))
            similarity = shared / (size + len(other) - shared)
            if similarity >= self.similarity and (best is None or (-similarity, row) < (-best.similarity, best.row)):
                best = NearDuplicateMatch(row, similarity)
        return best

    def _neighbour_sizes(self, size: int) -> tuple[float, float]:
        """Return the limits of the sizes of neighbours of a set, inclusive."""
        return self.similarity * size - _TOLERANCE, size / self.similarity + _TOLERANCE

    def _best_packed(self, words: frozenset[str], rows: NDArray[np.int64]) -> NearDuplicateMatch | None:
        """Return what `_best_match` does for packed rows in ascending order, counting the words of many at once."""
        best: NearDuplicateMatch | None = None
        min_size, max_size = self._neighbour_sizes(len(words))
        for start in range(0, len(rows), COUNTED_ROWS):
            some = rows[start : start + COUNTED_ROWS]
            sizes, shared = self._sets.count_shared(words, some)
            similarities = np.where(
                (sizes >= min_size) & (sizes <= max_size), shared / (len(words) + sizes - shared), 0
            )
            first = int(similarities.argmax())
            similarity = float(similarities[first])
            if similarity >= self.similarity and (best is None or similarity > best.similarity):
                best = NearDuplicateMatch(int(some[first]), similarity)
        return best


class _WordSets:
    """Word sets by row. The last ones are in `recent`; the first `packed` ones as the numbers of their words."""

    def __init__(self, max_unpacked: int) -> None:
        self.recent: list[tuple[str, ...]] = []
        self.packed = 0
        self._max_unpacked = max_unpacked
        self._number_of: dict[str, int] = defaultdict(count().__next__)
        self._numbers = array("I")
        self._ends = array("Q", [0])

    def __len__(self) -> int:
        return self.packed + len(self.recent)

    def __iter__(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield the rows with their words."""
        words = list(self._number_of)
        for row in range(self.packed):
            yield row, tuple([words[number] for number in self.numbers_of_row(row)])
        yield from enumerate(self.recent, self.packed)

    def extend(self, sets: Sequence[tuple[str, ...]]) -> None:
        """Add sets; their rows continue from the last one."""
        self.recent += sets
        if len(self.recent) >= 2 * self._max_unpacked:
            self._pack(len(self.recent) - self._max_unpacked)

    def numbers_of_row(self, row: int) -> array[int]:
        """Return the numbers of the words of a packed set."""
        return self._numbers[self._ends[row] : self._ends[row + 1]]

    def numbers_of(self, words: Iterable[str]) -> frozenset[int]:
        """Return the numbers of those of the words that packed sets have."""
        number_of = self._number_of
        return frozenset([number_of[word] for word in words if word in number_of])

    def pack_soon(self) -> None:
        """Pack all sets unless they are few, and from now on each soon after it was added, for `count_shared`."""
        self._max_unpacked = min(self._max_unpacked, MAX_UNPACKED_CROWDED)
        if len(self.recent) >= 2 * self._max_unpacked:
            self._pack(len(self.recent))

    def count_shared(
        self, words: Iterable[str], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the sizes of packed sets, at least one, and how many of the words each has; both (rows,)."""
        ends = np.frombuffer(self._ends, np.uint64)
        starts = ends[rows].astype(np.int64)
        sizes = ends[rows + 1].astype(np.int64) - starts
        firsts = np.cumsum(sizes) - sizes  # of each set among the words of all of them
        positions = np.arange(int(sizes.sum())) + np.repeat(starts - firsts, sizes)
        is_shared = np.zeros(len(self._number_of), np.int64)
        is_shared[list(self.numbers_of(words))] = 1
        return sizes, np.add.reduceat(is_shared[np.frombuffer(self._numbers, np.uint32)[positions]], firsts)

    def _pack(self, size: int) -> None:
        packed = self.recent[:size]
        self._ends.extend(islice(accumulate(map(len, packed), initial=len(self._numbers)), 1, None))
        self._numbers.extend(map(self._number_of.__getitem__, chain.from_iterable(packed)))
        del self.recent[:size]
        self.packed += size


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
