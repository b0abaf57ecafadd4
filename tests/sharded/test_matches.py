from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textsynth.sharded.matches import (
    FEW_SETS,
    FEW_TEXTS,
    MAX_EARLIER,
    MAX_LIKELY_PAIRS,
    distinct_rows,
    likely_pairs,
    similar_pairs,
)
from textsynth.text.normalize import jaccard

SETS = st.lists(st.frozensets(st.sampled_from("abcdefgh"), min_size=1), max_size=40)


@given(SETS, st.sampled_from([0.3, 0.5, 0.7, 1.0]))
def test_the_first_of_similar_sets_is_the_same_by_the_reported_pairs_as_by_all(
    sets: list[frozenset[str]], similarity: float
) -> None:
    reported = {(pair.later, pair.earlier): pair.similarity for pair in similar_pairs(sets, similarity)}
    every = {
        (later, earlier): jaccard(sets[later], sets[earlier])
        for earlier, later in combinations(range(len(sets)), 2)
        if jaccard(sets[later], sets[earlier]) >= similarity
    }
    assert reported.items() <= every.items()
    assert remaining(len(sets), reported) == remaining(len(sets), every)
    cut = {pair.later for pair in similar_pairs(sets, similarity) if pair.is_cut}
    assert {later for later, _ in every.keys() - reported.keys()} <= cut


def remaining(count: int, pairs: dict[tuple[int, int], float]) -> set[int]:
    """Return the sets that remain when each one that is similar to a remaining one before it is left out."""
    left: set[int] = set()
    for later in range(count):
        if not any((later, earlier) in pairs for earlier in left):
            left.add(later)
    return left


def test_of_many_equal_sets_few_pairs_are_reported() -> None:
    pairs = list(similar_pairs([frozenset("abc")] * 200, 0.7))
    assert len(pairs) <= 200 * (MAX_EARLIER + 1)
    assert {pair.earlier for pair in pairs if pair.later == 199} == set(range(MAX_EARLIER + 1))
    assert any(pair.is_cut for pair in pairs)
    assert not any(pair.is_cut for pair in pairs if pair.later < FEW_SETS)


def test_rows_are_sorted_and_each_is_returned_once() -> None:
    first, second = (np.array(values, np.uint64) for values in ([3, 1, 3, 3, 1], [5, 6, 5, 4, 2]))
    assert [column.tolist() for column in distinct_rows(first, second)] == [[1, 1, 3, 3], [2, 6, 4, 5]]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_pairs_of_likely_similar_texts_are_those_of_all_pairs_in_a_group(
    sizes: list[int], max_different: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # Rows near one of three patterns, so that some differ in few bits.
    patterns = rng.integers(0, 2, (3, 128), np.uint8)
    rows = patterns[rng.integers(0, 3, sum(sizes))] ^ (rng.random((sum(sizes), 128)) < 0.1)
    starts = np.cumsum([0, *sizes[:-1]])
    pairs, is_divided = likely_pairs(np.packbits(rows, axis=1).view(np.uint64), starts, np.array(sizes), max_different)
    expected: set[tuple[int, int]] = set()
    for start, size, divided in zip(starts.tolist(), sizes, is_divided.tolist(), strict=True):
        likely = {
            (first, second)
            for first, second in combinations(range(start, start + size), 2)
            if (rows[first] != rows[second]).sum() <= max_different
        }
        assert divided == (size <= FEW_TEXTS or len(likely) <= MAX_LIKELY_PAIRS * size)
        expected |= likely if divided else set()
    assert {tuple(pair) for pair in pairs.tolist()} == expected
    assert len(pairs) == len(expected)


def test_a_large_group_of_texts_that_differ_is_divided_and_one_of_similar_texts_is_not() -> None:
    rng = np.random.default_rng(1)
    different = rng.integers(0, 2**63, (3000, 2), np.uint64)
    similar = np.repeat(different[:1], 3000, axis=0)
    pairs, is_divided = likely_pairs(
        np.concatenate([different, similar]), np.array([0, 3000]), np.array([3000] * 2), 30
    )
    assert is_divided.tolist() == [True, False]
    assert len(pairs) == 0
