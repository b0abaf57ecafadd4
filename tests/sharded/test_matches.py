from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from textsynth.sharded.matches import FEW_SETS, MAX_EARLIER, distinct_rows, similar_pairs
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
