"""An inverted index of word sets that finds every pair above a Jaccard similarity, also where most words are common.

Its candidates share one of their rarest words, or two of slightly more (prefix filter with a variable prefix: Chaudhuri
et al. 2006; Wang, Li and Feng 2012, "Can we beat the prefix filtering?"). How many words count depends on the sizes of
both sets (length filter: Xiao et al. 2008), so that a word of a template that many texts have is rarely looked up.
"""

from __future__ import annotations

import functools
import itertools
import math
from array import array
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

MAX_SHARED = 2
"""Candidates share at least one, or at least two of the words looked up, whichever takes less time."""
FEW_ROWS = 16  # fewer rows are cheaper to compare than to select from
SELECTED_COST = 4  # comparing two sets takes longer than counting a row: a prefix that is a word longer may pay
LOOKUPS_PER_REORDER = 8  # rows looked up for each row of the index before words are counted again
_TOLERANCE = 1e-9  # of a product of a similarity and a size, against rounding


class PrefixIndex:
    """Finds the added word sets that may have a Jaccard similarity of at least `similarity`, in (0, 1], to a query.

    Nothing is missed. Words are in the order of their frequency when they were last counted, new and then long ones
    first; they are counted again where look-ups become long.
    """

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._frequency: Counter[str] = Counter()
        # By the position of a word among the words of a set, the rarest first: the rows of the sets by this word.
        self._rows: list[dict[str, array[int]]] = []
        self._sizes = array("I")
        self._ordered_sets = 0
        self._indexed_sets = 0
        self._looked_up = 0

    def add(self, row: int, words: Collection[str]) -> None:
        """Add a set under a row, which is higher than every row before it."""
        if len(self._sizes) <= row:
            self._sizes.extend([0] * (row + 1 - len(self._sizes)))
        size = len(words)
        self._sizes[row] = size
        self._indexed_sets += 1
        count = _indexed_words(size, self._similarity)
        while len(self._rows) < count:
            self._rows.append({})
        for position, word in enumerate(self._in_order(words)[:count]):
            rows = self._rows[position].get(word)
            if rows is None:
                self._rows[position][word] = array("I", [row])
            else:
                rows.append(row)

    @property
    def needs_reorder(self) -> bool:
        """Whether look-ups became long and the words were last counted when the index was at most half as long."""
        is_costly = self._looked_up > LOOKUPS_PER_REORDER * self._indexed_sets
        return is_costly and self._indexed_sets >= 2 * self._ordered_sets

    def reorder(self, sets: Sequence[tuple[int, Collection[str]]]) -> None:
        """Count the words again and index all sets, with their rows in ascending order, by the new order."""
        self._frequency = Counter(word for _, words in sets for word in words)
        self._rows.clear()
        self._sizes = array("I")
        self._indexed_sets = self._looked_up = 0
        for row, words in sets:
            self.add(row, words)
        self._ordered_sets = self._indexed_sets

    def find_candidates(self, words: Collection[str]) -> list[int]:
        """Return the rows of the sets that may be similar enough, in ascending order."""
        ordered = self._in_order(words)
        min_size, max_size, last_positions = _limits(len(words), self._similarity)
        shared, postings = 1, self._postings(ordered, last_positions[0])
        length = sum(map(len, postings))
        if length > FEW_ROWS and len(last_positions) > 1:
            longer = self._postings(ordered, last_positions[1])
            if (longer_length := sum(map(len, longer))) <= SELECTED_COST * length:
                shared, postings, length = 2, longer, longer_length
        self._looked_up += length
        if length <= FEW_ROWS:
            return sorted({row for rows in postings for row in rows})
        rows = np.concatenate([np.frombuffer(posting, np.uint32) for posting in postings])
        sizes = np.frombuffer(self._sizes, np.uint32)[rows]
        rows = rows[(sizes >= min_size) & (sizes <= max_size)]
        rows.sort(kind="stable")
        is_candidate = np.zeros(len(rows), bool)
        if shared == 1:
            is_candidate[:1] = True
            np.not_equal(rows[1:], rows[:-1], out=is_candidate[1:])
        else:
            np.equal(rows[1:], rows[:-1], out=is_candidate[1:])
            is_candidate[2:] &= rows[2:] != rows[:-2]
        candidates: list[int] = rows[is_candidate].tolist()
        return candidates

    def _in_order(self, words: Collection[str]) -> list[str]:
        frequency = self._frequency
        return sorted(words, key=lambda word: (frequency.get(word, 0), -len(word), word))

    def _postings(self, ordered: Sequence[str], last_positions: Sequence[int]) -> list[array[int]]:
        """Return the rows of each of the first words, one list for each position that the word may have in a set."""
        return [
            rows
            for word, last_position in zip(ordered, last_positions, strict=False)
            for by_word in self._rows[: last_position + 1]
            if (rows := by_word.get(word)) is not None
        ]


def _min_shared(first: int, second: int, similarity: float) -> int:
    """Return how many words sets of these sizes share at least if their Jaccard similarity is at least `similarity`."""
    return math.ceil(similarity / (1 + similarity) * (first + second) - _TOLERANCE)


def _size_limits(size: int, similarity: float) -> tuple[int, int]:
    return math.ceil(similarity * size - _TOLERANCE), math.floor(size / similarity + _TOLERANCE)


@functools.lru_cache(maxsize=4096)
def _indexed_words(size: int, similarity: float) -> int:
    """Return how many of the words of a set some query may look up; most for the smallest of similar sets."""
    smallest, _ = _size_limits(size, similarity)
    return min(size, size - _min_shared(smallest, size, similarity) + MAX_SHARED)


@functools.lru_cache(maxsize=4096)
def _limits(size: int, similarity: float) -> tuple[int, int, list[list[int]]]:
    """Return the sizes of the smallest and the largest similar set, and where to look words up.

    Two sets of n and m words that share s words share k of the first n - s + k and m - s + k words in a common order.
    For k = 1, and where every pair shares two words for k = 2, there is a list: for each of the first words of the
    query the last position that it may have in the other set.
    """
    min_size, max_size = _size_limits(size, similarity)
    last_positions: list[list[int]] = []
    for shared in range(1, MAX_SHARED + 1):
        if _min_shared(size, min_size, similarity) < shared:
            break
        last_of: list[int] = []
        for other in range(min_size, max_size + 1):
            unshared = shared - _min_shared(size, other, similarity)
            count = min(size, size + unshared)
            last_of.extend([-1] * (count - len(last_of)))
            last_of[:count] = [max(last, min(other, other + unshared) - 1) for last in last_of[:count]]
        last_positions.append(last_of)
    return min_size, max_size, last_positions


def shared_keys(words: Collection[str], similarity: float) -> list[str]:
    """Return keys of a set, of which any other set with a Jaccard similarity of at least `similarity` has one, too.

    A key is a pair of the set's longest words, or one of them where similar sets may share a single word. For
    sets of few words: the number of keys grows with the square of their number.
    """
    size = len(words)
    ordered = sorted(words, key=lambda word: (-len(word), word))
    smallest, _ = _size_limits(size, similarity)
    least = _min_shared(smallest, size, similarity)
    keys = [" ".join(pair) for pair in itertools.combinations(ordered[: size - least + MAX_SHARED], MAX_SHARED)]
    return keys if least >= MAX_SHARED else [*keys, *ordered[: size - least + 1]]
