from __future__ import annotations

import numpy as np
import pytest

from textsynth.similarity import vectors
from textsynth.similarity.vectors import VectorIndex, Vectors, k_center, nearest, nearest_earlier, nearest_other


def unit(rows: int, dim: int = 8, seed: int = 1) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.mark.parametrize("rows", [1, 2, 4095, 4096, 4097, 9000])
def test_the_nearest_is_found_across_blocks(rows: int) -> None:
    among, asked = unit(rows), unit(20, seed=2)
    best, at = nearest(asked, among)
    every = np.stack([among @ one for one in asked])
    np.testing.assert_allclose(best, every.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(every[np.arange(20), at], best, atol=1e-6)


def test_of_equally_near_ones_the_first_is_told_also_in_another_block() -> None:
    one = unit(1)
    among = np.repeat(one, vectors.BLOCK + 5, axis=0)
    assert nearest(one, among)[1].tolist() == [0]
    assert set(nearest_earlier(among)[1][1:].tolist()) == {0}


@pytest.mark.parametrize("rows", [2, 3, 1023, 1024, 1025])
def test_the_nearest_other_is_never_the_vector_itself(rows: int) -> None:
    some = unit(rows)
    best, at = nearest_other(some)
    assert (at != np.arange(rows)).all()
    for row in range(0, rows, max(1, rows // 50)):
        cosines = some @ some[row]
        assert cosines[at[row]] == pytest.approx(best[row], abs=1e-6)
        assert best[row] == pytest.approx(np.delete(cosines, row).max(), abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1])
def test_where_there_is_no_other_nothing_is_near(rows: int) -> None:
    best, at = nearest_other(unit(rows) if rows else np.zeros((0, 0), np.float32))
    assert (best.tolist(), at.tolist()) == ([-1] * rows, [-1] * rows)


@pytest.mark.parametrize("rows", [1, 2, 300, 4097])
def test_only_earlier_vectors_are_seen(rows: int) -> None:
    some = unit(rows)
    best, at = nearest_earlier(some)
    assert (best[0], at[0]) == (-1, -1)
    for row in range(1, rows, max(1, rows // 50)):
        cosines = some[:row] @ some[row]
        assert best[row] == pytest.approx(cosines.max(), abs=1e-6)
        assert cosines[at[row]] == pytest.approx(best[row], abs=1e-6)
        assert at[row] < row


def test_nothing_is_near_nothing() -> None:
    none = np.zeros((0, 8), np.float32)
    assert [part.tolist() for part in nearest(unit(2), none)] == [[-1, -1], [-1, -1]]
    assert [part.tolist() for part in nearest(none, unit(2))] == [[], []]
    assert [part.tolist() for part in nearest_earlier(none)] == [[], []]
    assert [part.tolist() for part in VectorIndex().nearest(unit(1))] == [[-1], [-1]]
    assert k_center(none, 3) == []


def test_an_index_grows_and_says_what_one_array_would() -> None:
    some, asked = unit(3000), unit(10, seed=3)
    index = VectorIndex()
    for start in range(0, 3000, 700):
        index.add(some[start : start + 700])
    index.add(some[:0])
    assert len(index) == 3000
    for told, whole in zip(index.nearest(asked), nearest(asked, some), strict=True):
        np.testing.assert_array_equal(told, whole)


def test_k_center_takes_the_farthest_each_time() -> None:
    angles = np.radians([0, 2, 1, 90, 180])
    flat = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert k_center(flat, 3) == [1, 4, 3]
    assert sorted(k_center(flat, 5)) == sorted(k_center(flat, 60)) == list(range(5))
    assert k_center(flat, 0) == []


def test_k_center_is_more_diverse_than_the_first_ones_and_repeats() -> None:
    some = unit(400)
    picked = k_center(some, 40)
    assert len(set(picked)) == 40
    assert picked == k_center(some, 40)
    assert nearest_earlier(some[picked])[0].max() < nearest_earlier(some[:40])[0].max()


def test_copies_are_picked_last() -> None:
    some = np.concatenate([np.repeat(unit(1), 5, axis=0), unit(4, seed=9)])
    assert len({row if row > 4 else 0 for row in k_center(some, 5)}) == 5
