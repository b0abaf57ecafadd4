from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.similarity.minhash import Digests, LshBands, NearDuplicateMatch, WordSetIndex, minhash_signatures
from textsynth.text.normalize import jaccard, word_set

CORPUS = Path(__file__).parents[3] / "shared" / "bench" / "corpus.py"
WORDS = st.sampled_from([f"w{number}" for number in range(9)])


def index_of(sets: Sequence[frozenset[str]], similarity: float = 0.7) -> WordSetIndex:
    index = WordSetIndex(similarity)
    index.add(minhash_signatures(sets))
    return index


def best(query: frozenset[str], among: Sequence[frozenset[str]], similarity: float) -> NearDuplicateMatch | None:
    """Look at every pair: what the index must say."""
    near = [NearDuplicateMatch(row, jaccard(query, other)) for row, other in enumerate(among)]
    near = [one for one in near if one.similarity >= similarity]
    return max(near, key=lambda one: (one.similarity, -one.row), default=None)


@settings(deadline=None)
@given(
    st.lists(st.frozensets(WORDS, max_size=9), max_size=30),
    st.frozensets(WORDS, max_size=5),
    st.sampled_from([0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0]),
)
def test_the_neighbours_of_a_short_text_are_always_found(
    among: list[frozenset[str]], query: frozenset[str], similarity: float
) -> None:
    assert index_of(among, similarity).find(minhash_signatures([query])) == [best(query, among, similarity)]


@settings(deadline=None)
@given(st.lists(st.frozensets(WORDS, min_size=1), max_size=20), st.lists(st.frozensets(WORDS, min_size=1), max_size=5))
def test_what_is_found_is_as_near_as_it_says(among: list[frozenset[str]], queries: list[frozenset[str]]) -> None:
    for query, near in zip(queries, index_of(among).find(minhash_signatures(queries)), strict=True):
        assert near is None or near.similarity == jaccard(query, among[near.row]) >= 0.7


def test_looking_changes_nothing_and_adding_goes_on() -> None:
    one, other = (word_set(f"where is the {kind} card that I ordered a week ago") for kind in ("new", "old"))
    index = index_of([one])
    assert (
        index.find(minhash_signatures([other]))
        == index.find(minhash_signatures([other]))
        == [NearDuplicateMatch(0, 10 / 12)]
    )
    index.add(minhash_signatures([other]))
    assert len(index) == 2
    assert index.find(minhash_signatures([other, word_set("nothing like it")])) == [NearDuplicateMatch(1, 1.0), None]


def test_of_equally_near_ones_the_first_is_told() -> None:
    sets = [word_set("my card is lost"), word_set("lost is my card"), word_set("my card is lost")]
    assert index_of(sets).find(minhash_signatures(sets)) == [NearDuplicateMatch(0, 1.0)] * 3


def test_with_before_only_earlier_rows_are_seen() -> None:
    sets = [word_set("my card is lost")] * 3
    assert index_of(sets).find(minhash_signatures(sets), row_limits=range(3)) == [
        None,
        NearDuplicateMatch(0, 1.0),
        NearDuplicateMatch(0, 1.0),
    ]


def test_empty_texts_are_like_each_other_only() -> None:
    index = index_of([word_set("a b c"), word_set(""), word_set("")])
    assert index.find(minhash_signatures([word_set("")])) == [NearDuplicateMatch(1, 1.0)]
    assert index_of([word_set("a")]).find(minhash_signatures([word_set("")])) == [None]
    assert WordSetIndex().find([]) == []
    assert WordSetIndex().find(minhash_signatures([word_set("a")])) == [None]


@pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus of shared/bench is not on this machine")
def test_planted_duplicates_are_found_and_little_else() -> None:
    spec = importlib.util.spec_from_file_location("corpus", CORPUS)
    assert spec is not None
    assert spec.loader is not None
    corpus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(corpus)
    texts, group, _ = corpus.make_texts(20_000)
    index = WordSetIndex(0.7)
    keep: list[bool] = []
    for start in range(0, len(texts), 1000):
        signed = minhash_signatures(word_set(text) for text in texts[start : start + 1000])
        settled = index.find(signed)
        inside = index_of([one.words for one in signed]).find(signed, row_limits=range(len(signed)))
        new = [near is None and twin is None for near, twin in zip(settled, inside, strict=True)]
        index.add([one for one, is_new in zip(signed, new, strict=True) if is_new])
        keep += new
    found = corpus.score(group, keep)
    assert found["recall"] >= 0.96
    assert found["precision"] >= 0.97


PARTS = st.lists(st.tuples(*[st.integers(0, 2)] * 6), max_size=40)


def digests(parts: list[tuple[int, ...]]) -> Digests:
    return np.asarray(parts, np.uint32).reshape(len(parts), 6)


def shared(one: tuple[int, ...], other: tuple[int, ...], bands: int) -> bool:
    """Look at every band."""
    size = 6 // bands
    return any(one[at : at + size] == other[at : at + size] for at in range(0, 6, size))


@settings(deadline=None)
@given(PARTS, PARTS, st.sampled_from([1, 2, 3, 6]), st.integers(1, 9))
def test_the_rows_that_share_a_band_are_found_in_their_order(
    given_ones: list[tuple[int, ...]], asked: list[tuple[int, ...]], bands: int, at_once: int
) -> None:
    table = LshBands(bands)
    for start in range(0, len(given_ones), at_once):
        some = given_ones[start : start + at_once]
        table.add(digests(some), range(start, start + len(some)))
    assert table.find_candidates(digests(asked)) == [
        [row for row, other in enumerate(given_ones) if shared(one, other, bands)] for one in asked
    ]


@pytest.mark.parametrize("at_once", [997, 20_000])
def test_many_rows_in_many_runs_are_each_found(at_once: int) -> None:
    rows = np.random.default_rng(1).integers(0, 2**32, (20_000, 120), dtype=np.uint32)
    table = LshBands(20)
    for start in range(0, len(rows), at_once):
        table.add(rows[start : start + at_once], range(start, min(len(rows), start + at_once)))
    assert table.find_candidates(rows[::100]) == [[row] for row in range(0, len(rows), 100)]
    half = rows[:50].copy()
    half[:, 6:] = 7
    assert table.find_candidates(half) == [[row] for row in range(50)]


def test_a_band_at_another_place_is_another_band() -> None:
    table = LshBands(3)
    table.add(digests([(1, 2, 3, 4, 5, 6)]), [2**32 - 1])
    assert table.find_candidates(digests([(3, 4, 1, 2, 0, 0), (0, 0, 3, 4, 0, 0)])) == [[], [2**32 - 1]]


def test_nothing_is_found_in_nothing() -> None:
    table = LshBands(2)
    table.add(digests([]), [])
    assert table.find_candidates(digests([(0,) * 6])) == [[]]
    assert table.find_candidates(digests([])) == []
