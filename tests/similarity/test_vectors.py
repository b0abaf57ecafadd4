from __future__ import annotations

import numpy as np
import pytest

from textsynth.similarity.vectors import (
    BLOCK_ROWS,
    VectorIndex,
    Vectors,
    k_center,
    nearest,
    nearest_earlier,
    nearest_other,
)


def random_unit_vectors(rows: int, dim: int = 8, seed: int = 1) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("rows", [1, 2, 4095, 4096, 4097, 9000])
def test_the_nearest_vector_is_found_across_blocks(rows: int) -> None:
    among, queries = random_unit_vectors(rows), random_unit_vectors(20, seed=2)
    best, best_rows = nearest(queries, among)
    cosines = np.stack([among @ query for query in queries])
    np.testing.assert_allclose(best, cosines.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(cosines[np.arange(20), best_rows], best, atol=1e-6)


def test_the_lowest_row_wins_a_tie_across_blocks() -> None:
    vector = random_unit_vectors(1)
    among = np.repeat(vector, BLOCK_ROWS + 5, axis=0)
    assert nearest(vector, among)[1].tolist() == [0]
    assert set(nearest_earlier(among)[1][1:].tolist()) == {0}


@pytest.mark.parametrize("rows", [2, 3, 1023, 1024, 1025])
def test_the_nearest_other_vector_is_never_the_vector_itself(rows: int) -> None:
    vectors = random_unit_vectors(rows)
    best, best_rows = nearest_other(vectors)
    assert (best_rows != np.arange(rows)).all()
    for row in range(0, rows, max(1, rows // 50)):
        cosines = vectors @ vectors[row]
        assert cosines[best_rows[row]] == pytest.approx(best[row], abs=1e-6)
        assert best[row] == pytest.approx(np.delete(cosines, row).max(), abs=1e-6)


@pytest.mark.parametrize("rows", [0, 1])
def test_without_another_vector_the_nearest_other_is_minus_one(rows: int) -> None:
    best, best_rows = nearest_other(random_unit_vectors(rows) if rows else np.zeros((0, 0), np.float32))
    assert (best.tolist(), best_rows.tolist()) == ([-1] * rows, [-1] * rows)


@pytest.mark.parametrize("rows", [1, 2, 300, 4097])
def test_nearest_earlier_considers_only_earlier_vectors(rows: int) -> None:
    vectors = random_unit_vectors(rows)
    best, best_rows = nearest_earlier(vectors)
    assert (best[0], best_rows[0]) == (-1, -1)
    for row in range(1, rows, max(1, rows // 50)):
        cosines = vectors[:row] @ vectors[row]
        assert best[row] == pytest.approx(cosines.max(), abs=1e-6)
        assert cosines[best_rows[row]] == pytest.approx(best[row], abs=1e-6)
        assert best_rows[row] < row


def test_empty_inputs_have_no_neighbours() -> None:
    empty = np.zeros((0, 8), np.float32)
    assert [part.tolist() for part in nearest(random_unit_vectors(2), empty)] == [[-1, -1], [-1, -1]]
    assert [part.tolist() for part in nearest(empty, random_unit_vectors(2))] == [[], []]
    assert [part.tolist() for part in nearest_earlier(empty)] == [[], []]
    assert [part.tolist() for part in VectorIndex().nearest(random_unit_vectors(1))] == [[-1], [-1]]
    assert k_center(empty, 3) == []


def test_an_index_that_grows_gives_the_results_of_a_single_array() -> None:
    vectors, queries = random_unit_vectors(3000), random_unit_vectors(10, seed=3)
    index = VectorIndex()
    for start in range(0, 3000, 700):
        index.add(vectors[start : start + 700])
    index.add(vectors[:0])
    assert len(index) == 3000
    for result, expected in zip(index.nearest(queries), nearest(queries, vectors), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_k_center_takes_the_farthest_vector_each_time() -> None:
    angles = np.radians([0, 2, 1, 90, 180])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert k_center(vectors, 3) == [1, 4, 3]
    assert sorted(k_center(vectors, 5)) == sorted(k_center(vectors, 60)) == list(range(5))
    assert k_center(vectors, 0) == []


def test_k_center_is_deterministic_and_more_diverse_than_the_first_rows() -> None:
    vectors = random_unit_vectors(400)
    selected = k_center(vectors, 40)
    assert len(set(selected)) == 40
    assert selected == k_center(vectors, 40)
    assert nearest_earlier(vectors[selected])[0].max() < nearest_earlier(vectors[:40])[0].max()


def test_k_center_selects_duplicates_last() -> None:
    vectors = np.concatenate([np.repeat(random_unit_vectors(1), 5, axis=0), random_unit_vectors(4, seed=9)])
    assert len({row if row > 4 else 0 for row in k_center(vectors, 5)}) == 5


def test_an_index_of_half_precision_is_exact_to_a_two_thousandth_and_holds_half_the_bytes() -> None:
    vectors, queries = random_unit_vectors(3 * BLOCK_ROWS + 50, dim=32), random_unit_vectors(200, dim=32, seed=2)
    single, half = VectorIndex(), VectorIndex(single_rows=BLOCK_ROWS)
    for start in range(0, len(vectors), 3000):
        for index in (single, half):
            index.add(vectors[start : start + 3000])
    assert len(half) == len(single)
    (exact, exact_rows), (rounded, rounded_rows) = single.nearest(queries), half.nearest(queries)
    assert abs(rounded - exact).max() < 0.0005
    assert (rounded_rows == exact_rows).mean() > 0.95
    in_first_block = exact_rows < BLOCK_ROWS
    assert in_first_block.any()
    found_first = in_first_block & (rounded_rows == exact_rows)
    assert (rounded[found_first] == exact[found_first]).all()
    assert half.nbytes == 0.75 * single.nbytes  # two blocks of four
