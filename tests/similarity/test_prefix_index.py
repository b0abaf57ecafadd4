from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth import count_calls
from textsynth.similarity.minhash import NearDuplicateMatch, WordSetIndex, minhash_signatures
from textsynth.similarity.prefix_index import FEW_ROWS, PrefixIndex, shared_keys
from textsynth.text.normalize import jaccard, word_set

COMMON, RARE = [f"c{number}" for number in range(12)], [f"r{number}" for number in range(60)]
WORD_SETS = st.lists(
    st.tuples(st.sets(st.sampled_from(COMMON)), st.sets(st.sampled_from(RARE), min_size=1, max_size=5)).map(
        lambda parts: frozenset(parts[0] | parts[1])
    ),
    min_size=1,
    max_size=40,
)


def similar_rows(sets: list[frozenset[str]], query: frozenset[str], similarity: float) -> set[int]:
    return {row for row, words in enumerate(sets) if jaccard(query, words) >= similarity}


@given(WORD_SETS, st.sampled_from([0.3, 0.5, 0.7, 0.8, 1.0]), st.data())
def test_every_similar_set_is_a_candidate(sets: list[frozenset[str]], similarity: float, data: st.DataObject) -> None:
    index = PrefixIndex(similarity)
    reordered_at = data.draw(st.integers(0, len(sets) - 1))
    for row, words in enumerate(sets):
        index.add(row, words)
        if row == reordered_at:
            index.reorder(list(enumerate(sets[: row + 1])))
    for query in sets:
        candidates = index.find_candidates(query)
        assert candidates == sorted(set(candidates))
        assert similar_rows(sets, query, similarity) <= {*candidates}


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.9])
def test_every_similar_set_is_a_candidate_where_many_are_looked_up(similarity: float) -> None:
    rng = random.Random(5)
    sets = [frozenset(rng.sample(COMMON, 10) + rng.sample(RARE, rng.randint(1, 4))) for _ in range(50 * FEW_ROWS)]
    index = PrefixIndex(similarity)
    for row, words in enumerate(sets):
        index.add(row, words)
    for query in sets[::40]:
        assert similar_rows(sets, query, similarity) <= {*index.find_candidates(query)}


def templates(count: int) -> list[frozenset[str]]:
    """Return the words of texts of one template of eight words, each with two words of its own."""
    return [word_set(f"please send my new card to slot{number} side{number} by post") for number in range(count)]


def test_texts_of_one_template_are_compared_with_few_others() -> None:
    def search(count: int) -> int:
        index = WordSetIndex()
        signatures = minhash_signatures(templates(count))
        index.add(signatures)
        index.find(signatures)  # so many share a band that all are indexed exactly
        return count_calls(lambda: index.find(signatures[:50]))

    assert search(4_000) < 1.5 * search(1_000)


def test_the_verdicts_on_texts_of_one_template_are_those_of_all_pairs() -> None:
    rng = random.Random(3)
    words = [f"w{number}" for number in range(80)]
    sets = [
        word_set(f"please send my new card to {rng.choice(words)} {rng.choice(words)} by post") for _ in range(1_500)
    ]
    index = WordSetIndex()
    index.add(minhash_signatures(sets))
    index.find(minhash_signatures(sets))
    for query, match in zip(sets[::30], index.find(minhash_signatures(sets[::30])), strict=True):
        best = max(range(len(sets)), key=lambda row: (jaccard(query, sets[row]), -row))
        assert match == NearDuplicateMatch(best, jaccard(query, sets[best]))


@given(
    st.lists(st.frozensets(st.sampled_from("abcdefghij"), min_size=1, max_size=8), min_size=2, max_size=12),
    st.sampled_from([0.2, 0.34, 0.5, 0.7, 0.9, 1.0]),
)
def test_similar_sets_have_a_key_in_common(sets: list[frozenset[str]], similarity: float) -> None:
    for first, second in itertools.combinations(sets, 2):
        if jaccard(first, second) >= similarity:
            assert set(shared_keys(first, similarity)) & set(shared_keys(second, similarity))
