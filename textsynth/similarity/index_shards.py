"""Indexes in shards, which give the results of one index to the last bit, whatever the number of shards.

A shard is the same index with a part of the rows. Word sets are divided by row: the shards have equal numbers of them,
and the runs and buckets of their band tables are those of one table, so that the sum of the entries that a query meets
is the same, by which it takes the exact index or not. Vectors are divided by block, as the last bits of a cosine may
depend on the shape of the arrays that are multiplied.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from textsynth.core.index_shards import OpenShards
from textsynth.similarity.lsh_bands import Digests
from textsynth.similarity.minhash import (
    MAX_ENTRIES,
    CrowdedQueries,
    NearDuplicateMatch,
    WordSetIndex,
    WordSetSignature,
    minhash_signatures,
    stack_digests,
)
from textsynth.similarity.vectors import BLOCK_ROWS, SINGLE_ROWS, VectorIndex, Vectors

Score = TypeVar("Score", np.float32, np.float64)


class ShardedWordSetIndex:
    """A `WordSetIndex` in shards: row r is the row r // n of the shard r % n, with n shards."""

    def __init__(self, similarity: float, open_shards: OpenShards, max_entries: int = MAX_ENTRIES) -> None:
        """See `WordSetIndex`."""
        self.similarity = similarity
        self._shards = open_shards("near_duplicate", functools.partial(_make_word_set_shard, similarity))
        self._crowds = CrowdedQueries(max_entries)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, signatures: Sequence[WordSetSignature]) -> None:
        """Add word sets; their rows continue from the last one."""
        texts = _joined(signatures)
        shards = len(self._shards)
        # Each shard gets a call, also without a set: the runs of its band table are merged with those of the others.
        self._shards.add([(texts[(number - self._count) % shards :: shards], len(texts)) for number in range(shards)])
        self._count += len(texts)

    def find(self, signatures: Sequence[WordSetSignature], *, counted: bool = True) -> list[NearDuplicateMatch | None]:
        """Return what `WordSetIndex.find` returns."""
        if not self._count or not signatures:
            return [None] * len(signatures)
        digests = stack_digests(signatures)
        counts = self._shards.ask("count_entries", digests)
        entries = np.sum([entries for entries, _ in counts], axis=0)
        by_chance = sum(by_chance for _, by_chance in counts)
        takes_exact = self._crowds.take_exact(entries, by_chance, self._count, counted=counted)
        shards = len(self._shards)
        similarities, rows = _best_of(
            [
                (similarities, rows * shards + number)
                for number, (similarities, rows) in enumerate(
                    self._shards.ask("find", digests, _joined(signatures), takes_exact)
                )
            ]
        )
        return [
            None if row < 0 else NearDuplicateMatch(row, similarity)
            for row, similarity in zip(rows.tolist(), similarities.tolist(), strict=True)
        ]


class _WordSetShard:
    """A part of the rows, with word sets as texts of words between single spaces."""

    def __init__(self, similarity: float) -> None:
        self._index = WordSetIndex(similarity)

    def add(self, texts: Sequence[str], total: int) -> None:
        """Add word sets, `total` to all shards."""
        self._index.add(minhash_signatures(frozenset(map(sys.intern, text.split(" "))) for text in texts), total)

    def count_entries(self, digests: Digests) -> tuple[NDArray[np.intp], float]:
        """See `WordSetIndex`."""
        return self._index.count_entries(digests)

    def find(
        self, digests: Digests, texts: Sequence[str], takes_exact: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the similarity and the row of the most similar neighbour of each set, (n,) and (n,); row -1: none."""
        matches = self._index.find_with(digests, [frozenset(text.split(" ")) for text in texts], takes_exact)
        best = [(-1.0, -1) if match is None else (match.similarity, match.row) for match in matches]
        similarities, rows = zip(*best, strict=True)
        return np.array(similarities), np.array(rows, np.int64)


def _make_word_set_shard(similarity: float, number: int, count: int) -> _WordSetShard:
    return _WordSetShard(similarity)


def _joined(signatures: Sequence[WordSetSignature]) -> list[str]:
    return [" ".join(words) for words, _ in signatures]


class ShardedVectorIndex:
    """A `VectorIndex` in shards: its block b is the block b // n of the shard b % n, with n shards."""

    def __init__(self, open_shards: OpenShards, single_rows: int = SINGLE_ROWS) -> None:
        """See `VectorIndex`."""
        make = functools.partial(_make_vector_shard, single_rows // BLOCK_ROWS, _blas_threads())
        self._shards = open_shards("semantic_duplicate", make)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, vectors: Vectors) -> None:
        """Add vectors (n, dim); their rows continue from the last one."""
        shards = len(self._shards)
        shard_of = np.arange(self._count, self._count + len(vectors)) // BLOCK_ROWS % shards
        parts = [vectors[shard_of == number] for number in range(shards)]
        self._shards.add([(part,) if len(part) else None for part in parts])
        self._count += len(vectors)

    def nearest(self, vectors: Vectors) -> tuple[Vectors, NDArray[np.int64]]:
        """Return, for each of n vectors, the highest cosine (n,) and its row (n,); ties: the lowest row.

        While the index is empty the cosines are -1 and the rows -1.
        """
        if not self._count:
            return np.full(len(vectors), -1, np.float32), np.full(len(vectors), -1, np.int64)
        shards = len(self._shards)
        return _best_of(
            [
                (cosines, rows + (rows // BLOCK_ROWS * (shards - 1) + number) * BLOCK_ROWS)
                for number, (cosines, rows) in enumerate(self._shards.ask("nearest", vectors))
            ]
        )


def _make_vector_shard(single_blocks: int, blas_threads: int, number: int, count: int) -> VectorIndex:
    """Return an empty shard, of whose blocks as many are in single precision as of its blocks in one index."""
    import threadpoolctl

    threadpoolctl.threadpool_limits(blas_threads, "blas")
    return VectorIndex(single_rows=BLOCK_ROWS * max(0, -((number - single_blocks) // count)))


def _blas_threads() -> int:
    """Return the threads that multiply arrays, upon which the last bits of a cosine may depend."""
    import threadpoolctl  # comes with scikit-learn, which the embedder's packages need

    return max(
        (pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"), default=1
    )


def _best_of(results: Sequence[tuple[NDArray[Score], NDArray[np.int64]]]) -> tuple[NDArray[Score], NDArray[np.int64]]:
    """Return the highest score of each query among the shards, and its row; ties: the lowest row.

    A negative row is none; where there is no other, score and row are -1.
    """
    rows = np.stack([rows for _, rows in results])
    scores: NDArray[Any] = np.stack([scores for scores, _ in results])
    scores[rows < 0] = -np.inf
    best = scores.max(axis=0)
    lowest = np.where(scores == best, rows, np.iinfo(np.int64).max).min(axis=0)
    best[lowest < 0] = -1
    return best, np.maximum(lowest, -1)
