from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import count_calls
from textsynth.similarity.lsh_bands import Digests, LshBands
from textsynth.similarity.minhash import NearDuplicateMatch, WordSetIndex, minhash_signatures
from textsynth.text.normalize import jaccard, word_set

CORPUS = Path(__file__).parents[3] / "shared" / "bench" / "corpus.py"
WORDS = st.sampled_from([f"w{number}" for number in range(9)])


def make_index(sets: Sequence[frozenset[str]], similarity: float = 0.7) -> WordSetIndex:
    index = WordSetIndex(similarity)
    index.add(minhash_signatures(sets))
    return index


def best_by_brute_force(
    query: frozenset[str], sets: Sequence[frozenset[str]], similarity: float
) -> NearDuplicateMatch | None:
    matches = [NearDuplicateMatch(row, jaccard(query, other)) for row, other in enumerate(sets)]
    matches = [match for match in matches if match.similarity >= similarity]
    return max(matches, key=lambda match: (match.similarity, -match.row), default=None)


@settings(deadline=None)
@given(
    st.lists(st.frozensets(WORDS, max_size=9), max_size=30),
    st.frozensets(WORDS, max_size=5),
    st.sampled_from([0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0]),
)
def test_the_neighbours_of_a_short_text_are_always_found(
    sets: list[frozenset[str]], query: frozenset[str], similarity: float
) -> None:
    expected = best_by_brute_force(query, sets, similarity)
    assert make_index(sets, similarity).find(minhash_signatures([query])) == [expected]


@settings(deadline=None)
@given(st.lists(st.frozensets(WORDS, min_size=1), max_size=20), st.lists(st.frozensets(WORDS, min_size=1), max_size=5))
def test_a_reported_similarity_is_the_true_one(sets: list[frozenset[str]], queries: list[frozenset[str]]) -> None:
    for query, match in zip(queries, make_index(sets).find(minhash_signatures(queries)), strict=True):
        assert match is None or match.similarity == jaccard(query, sets[match.row]) >= 0.7


def test_find_does_not_change_the_index_and_add_continues_it() -> None:
    first, second = (word_set(f"where is the {kind} card that I ordered a week ago") for kind in ("new", "old"))
    index = make_index([first])
    for _ in range(2):
        assert index.find(minhash_signatures([second])) == [NearDuplicateMatch(0, 10 / 12)]
    index.add(minhash_signatures([second]))
    assert len(index) == 2
    assert index.find(minhash_signatures([second, word_set("nothing like it")])) == [NearDuplicateMatch(1, 1.0), None]


def test_the_lowest_row_wins_a_tie() -> None:
    sets = [word_set("my card is lost"), word_set("lost is my card"), word_set("my card is lost")]
    assert make_index(sets).find(minhash_signatures(sets)) == [NearDuplicateMatch(0, 1.0)] * 3


def test_row_limits_restrict_the_search_to_lower_rows() -> None:
    sets = [word_set("my card is lost")] * 3
    first = NearDuplicateMatch(0, 1.0)
    assert make_index(sets).find(minhash_signatures(sets), row_limits=range(3)) == [None, first, first]


def test_empty_texts_are_similar_to_each_other_only() -> None:
    index = make_index([word_set("a b c"), word_set(""), word_set("")])
    assert index.find(minhash_signatures([word_set("")])) == [NearDuplicateMatch(1, 1.0)]
    assert make_index([word_set("a")]).find(minhash_signatures([word_set("")])) == [None]
    assert WordSetIndex().find([]) == []
    assert WordSetIndex().find(minhash_signatures([word_set("a")])) == [None]


@pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus of shared/bench is not on this machine")
def test_planted_duplicates_are_found_with_few_false_positives() -> None:
    spec = importlib.util.spec_from_file_location("corpus", CORPUS)
    assert spec is not None
    assert spec.loader is not None
    corpus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(corpus)
    texts, group, _ = corpus.make_texts(20_000)
    index = WordSetIndex(0.7)
    keep: list[bool] = []
    for start in range(0, len(texts), 1000):
        signatures = minhash_signatures(word_set(text) for text in texts[start : start + 1000])
        matches = index.find(signatures)
        batch = make_index([signature.words for signature in signatures])
        batch_matches = batch.find(signatures, row_limits=range(len(signatures)))
        is_new = [match is None and other is None for match, other in zip(matches, batch_matches, strict=True)]
        index.add([signature for signature, new in zip(signatures, is_new, strict=True) if new])
        keep += is_new
    score = corpus.score(group, keep)
    assert score["recall"] >= 0.96
    assert score["precision"] >= 0.97


DIGEST_ROWS = st.lists(st.tuples(*[st.integers(0, 2)] * 6), max_size=40)


def digests(rows: list[tuple[int, ...]]) -> Digests:
    return np.asarray(rows, np.uint32).reshape(len(rows), 6)


def share_a_band(first: tuple[int, ...], second: tuple[int, ...], bands: int) -> bool:
    size = 6 // bands
    return any(first[start : start + size] == second[start : start + size] for start in range(0, 6, size))


@settings(deadline=None)
@given(DIGEST_ROWS, DIGEST_ROWS, st.sampled_from([1, 2, 3, 6]), st.integers(1, 9))
def test_the_rows_that_share_a_band_are_found_in_ascending_order(
    rows: list[tuple[int, ...]], queries: list[tuple[int, ...]], bands: int, batch_size: int
) -> None:
    table = LshBands(bands)
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        table.add(digests(batch), range(start, start + len(batch)))
    assert table.find_candidates(digests(queries)) == [
        [row for row, other in enumerate(rows) if share_a_band(query, other, bands)] for query in queries
    ]


@pytest.mark.parametrize("batch_size", [997, 20_000])
def test_every_row_is_found_across_many_sorted_runs(batch_size: int) -> None:
    rows = np.random.default_rng(1).integers(0, 2**32, (20_000, 120), dtype=np.uint32)
    table = LshBands(20)
    for start in range(0, len(rows), batch_size):
        table.add(rows[start : start + batch_size], range(start, min(len(rows), start + batch_size)))
    assert table.find_candidates(rows[::100]) == [[row] for row in range(0, len(rows), 100)]
    first_band_only = rows[:50].copy()
    first_band_only[:, 6:] = 7
    assert table.find_candidates(first_band_only) == [[row] for row in range(50)]


def test_equal_bands_at_different_positions_do_not_match() -> None:
    table = LshBands(3)
    table.add(digests([(1, 2, 3, 4, 5, 6)]), [2**32 - 1])
    assert table.find_candidates(digests([(3, 4, 1, 2, 0, 0), (0, 0, 3, 4, 0, 0)])) == [[], [2**32 - 1]]


def test_an_empty_table_has_no_candidates() -> None:
    table = LshBands(2)
    table.add(digests([]), [])
    assert table.find_candidates(digests([(0,) * 6])) == [[]]
    assert table.find_candidates(digests([])) == []


@settings(deadline=None, max_examples=20)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([8, 20, 40]),
    st.lists(st.integers(1, 700), min_size=1, max_size=8),
    st.integers(0, 1000),
    st.integers(200, 20_000),
)
def test_packed_runs_find_the_same_rows(seed: int, bands: int, sizes: list[int], first: int, min_packed: int) -> None:
    rng = np.random.default_rng(seed)
    plain, packed = LshBands(bands), LshBands(bands, min_packed)
    for size in sizes:
        rows = rng.integers(0, 4, (size, 120), dtype=np.uint32)
        for table in (plain, packed):
            table.add(rows, range(first, first + size))
        first += size
    queries = np.concatenate([rows[::7], rng.integers(0, 4, (50, 120), dtype=np.uint32)])
    assert packed.find_candidates(queries) == plain.find_candidates(queries)
    assert (packed.count_entries(queries) == plain.count_entries(queries)).all()


def test_packed_runs_take_half_the_memory() -> None:
    rows = np.random.default_rng(1).integers(0, 2**32, (20_000, 120), dtype=np.uint32)
    sizes = []
    for min_packed in (10**9, 10_000):
        table = LshBands(20, min_packed)
        for start in range(0, len(rows), 1000):
            table.add(rows[start : start + 1000], range(start, start + 1000))
        sizes.append(table.nbytes)
    assert sizes[1] < 0.65 * sizes[0] < 0.65 * 200 * len(rows)


WORDS = st.frozensets(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=14)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=30), st.lists(WORDS, max_size=8), st.integers(1, 9), st.sampled_from([0.3, 0.7, 1.0]))
def test_sets_whose_words_are_numbers_have_the_same_neighbours(
    sets: list[frozenset[str]], queries: list[frozenset[str]], max_unpacked: int, similarity: float
) -> None:
    plain, packed = WordSetIndex(similarity), WordSetIndex(similarity, max_unpacked)
    for start in range(0, len(sets), 4):
        for index in (plain, packed):
            index.add(minhash_signatures(sets[start : start + 4]))
        signatures = minhash_signatures([*queries, *sets])
        assert packed.find(signatures) == plain.find(signatures)


def test_entries_that_share_a_bucket_by_chance_do_not_make_a_query_crowded() -> None:
    rng = np.random.default_rng(1)
    sets = [frozenset(f"w{number}" for number in rng.integers(0, 50_000, 20)) for _ in range(3000)]
    templates = [frozenset([*"abcdefghijklmnopqr", f"x{number}", f"y{number}"]) for number in range(3000)]
    for texts, is_crowded in ((sets, False), (templates, True)):
        index = WordSetIndex(max_entries=40)  # of 20 bands, each in a bucket with two to four entries in every run
        for start in range(0, len(texts), 500):
            signatures = minhash_signatures(texts[start : start + 500])
            index.find(signatures)
            index.add(signatures)
        assert index.has_exact_index == is_crowded


def test_queries_that_are_not_counted_let_later_ones_take_the_same_index() -> None:
    templates = minhash_signatures(
        frozenset([*"abcdefghijklmnopqr", f"x{number}", f"y{number}"]) for number in range(3000)
    )
    index = WordSetIndex(max_entries=40)
    for start in range(0, len(templates), 500):
        expected = index.find(templates[:100], counted=False)
        for _ in range(5):
            assert index.find(templates[:100], counted=False) == expected
        index.add(templates[start : start + 500])
    assert not index.has_exact_index
    index.find(templates)
    assert index.has_exact_index


@pytest.mark.parametrize("similarity", [0.5, 0.7, 0.9])
def test_among_thousands_of_alike_sets_the_best_is_found_without_comparing_each(similarity: float) -> None:
    rng = np.random.default_rng(2)
    boilerplate = [f"w{number}" for number in range(16)]

    def alike(count: int) -> list[frozenset[str]]:
        return [
            frozenset([*rng.choice(boilerplate, rng.integers(11, 17), replace=False).tolist(), f"x{number % 400}"])
            for number in range(count)
        ]

    sets, queries = alike(3000), alike(40)
    index = WordSetIndex(similarity, max_entries=40)
    for start in range(0, len(sets), 1000):
        index.find(minhash_signatures(queries))
        index.add(minhash_signatures(sets[start : start + 1000]))
    index.find(minhash_signatures(sets[:500]))
    assert index.has_exact_index
    limits = rng.integers(1, len(sets), len(queries)).tolist()
    signatures = minhash_signatures(queries)
    found = index.find(signatures, row_limits=limits)
    best = [best_by_brute_force(query, sets[:limit], similarity) for query, limit in zip(queries, limits, strict=True)]
    assert found == best
    assert all(type(match.row) is int for match in found if match is not None)
    assert count_calls(lambda: index.find(signatures)) < len(queries) * len(sets)
