"""Indexes in shards: the results of one index, whatever the number of shards and whichever of them is made again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.similarity.local_shards import LocalShards, open_locally
from textsynth.similarity.index_shards import ShardedVectorIndex, ShardedWordSetIndex
from textsynth.similarity.lsh_bands import LshBands
from textsynth.similarity.minhash import WordSetIndex, minhash_signatures, stack_digests
from textsynth.similarity.vectors import BLOCK_ROWS, VectorIndex, Vectors
from textsynth.text.normalize import word_set

WORDS = [f"word{number}" for number in range(40)]
# Texts of a template, which share many bands, and texts that are alike by chance.
LIKE_A_TEMPLATE = st.frozensets(st.sampled_from(WORDS[:3])).map(lambda words: words | set(WORDS[5:14]))
ANY_TEXT = st.frozensets(st.sampled_from(WORDS), max_size=12)
WINDOWS = st.lists(st.lists(LIKE_A_TEMPLATE | ANY_TEXT, max_size=12), max_size=8)


@given(WINDOWS, st.integers(1, 5), st.sampled_from((0.5, 0.7, 1.0)), st.data())
def test_word_sets_in_shards_have_the_matches_of_one_index(
    windows: Sequence[Sequence[frozenset[str]]], count: int, similarity: float, data: st.DataObject
) -> None:
    opened: list[LocalShards] = []
    single = WordSetIndex(similarity, max_entries=30)
    sharded = ShardedWordSetIndex(similarity, open_locally(count, opened), max_entries=30)
    for window in windows:
        signatures = minhash_signatures(window)
        assert sharded.find(signatures) == single.find(signatures)
        single.add(signatures)
        sharded.add(signatures)
        assert len(sharded) == len(single)
        if data.draw(st.booleans()):
            opened[0].make_again(data.draw(st.integers(0, count - 1)))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_crowded_queries_take_the_exact_index_as_in_one_index(count: int) -> None:
    generator = np.random.default_rng(0)
    texts = [
        frozenset([*WORDS[:12], *(f"rare{word}" for word in generator.choice(300, 6, replace=False))])
        for _ in range(1_200)
    ]
    single = WordSetIndex(max_entries=100)
    sharded = ShardedWordSetIndex(0.7, open_locally(count), max_entries=100)
    banded = WordSetIndex(max_entries=10**9)  # takes the exact index for no query
    differ = 0
    for start in range(0, len(texts), 100):
        signatures = minhash_signatures(texts[start : start + 100])
        expected = single.find(signatures)
        differ += expected != banded.find(signatures)
        assert sharded.find(signatures) == expected
        for index in (single, sharded, banded):
            index.add(signatures)
    assert single.has_exact_index
    assert differ  # so the decision which queries take the exact index has an effect


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 4), st.sampled_from((40, 10**6)))
def test_the_entries_of_shards_are_those_of_one_table(sizes: Sequence[int], count: int, min_packed: int) -> None:
    texts = [word_set(f"{' '.join(WORDS[row % 7 : row % 7 + 6])} {row // 3}") for row in range(sum(sizes))]
    digests = stack_digests(minhash_signatures([*texts, word_set("another one")]))
    single, shards = LshBands(20), [LshBands(20, min_packed) for _ in range(count)]
    row = 0
    for size in sizes:
        rows = np.arange(row, row + size)
        single.add(digests[rows], rows.tolist())
        for number, shard in enumerate(shards):
            own = rows[rows % count == number]
            shard.add(digests[own], (own // count).tolist(), size)
        row += size
    assert sum(shard.chance_entries for shard in shards) == single.chance_entries
    counts = [shard.count_entries(digests) for shard in shards]
    assert np.sum(counts, axis=0).tolist() == single.count_entries(digests).tolist()
    candidates = zip(*(shard.find_candidates(digests) for shard in shards), strict=True)
    merged = [
        sorted(row * count + number for number, rows in enumerate(of_shards) for row in rows)
        for of_shards in candidates
    ]
    assert merged == single.find_candidates(digests)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("single_rows", [0, BLOCK_ROWS, 3 * BLOCK_ROWS])
def test_vectors_in_shards_have_the_cosines_of_one_index(count: int, single_rows: int) -> None:
    generator = np.random.default_rng(single_rows + count)
    opened: list[LocalShards] = []
    single = VectorIndex(single_rows)
    sharded = ShardedVectorIndex(open_locally(count, opened), single_rows)
    for size in (1, 3, 500, 4_000, 9_000, 7):
        vectors = unit_vectors(generator, size)
        vectors[: size // 2] = vectors[-(size // 2) :] if size > 1 else vectors[:0]  # ties
        queries = np.concatenate([unit_vectors(generator, 50), vectors[:10]])
        for one in (queries, queries[:1]):
            expected = single.nearest(one)
            cosines, rows = sharded.nearest(one)
            assert cosines.tobytes() == expected[0].tobytes()
            assert rows.tolist() == expected[1].tolist()
        single.add(vectors)
        sharded.add(vectors)
        opened[0].make_again(size % count)
    assert len(sharded) == len(single)
    assert sum(shard.nbytes for shard in opened[0].shards) == single.nbytes


def unit_vectors(generator: np.random.Generator, count: int) -> Vectors:
    vectors = generator.standard_normal((count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
