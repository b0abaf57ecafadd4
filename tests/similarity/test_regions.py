"""Regions around central vectors, and the usual similarity of seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.similarity.regions import find_regions, usual_similarity
from textsynth.similarity.vectors import Vectors


def unit(angles: list[float]) -> Vectors:
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)


def test_the_largest_region_comes_first_and_single_rows_are_in_none() -> None:
    vectors = unit([0.0, 0.05, 3.0, 1.5, 1.52, 1.48, 0.02])
    first, second = find_regions(vectors, 0.99, min_rows=2, max_regions=5)
    assert (first.center, first.rows.tolist()) == (0, [0, 1, 6])
    assert (second.center, second.rows.tolist()) == (3, [3, 4, 5])
    assert len(find_regions(vectors, 0.99, min_rows=2, max_regions=1)) == 1
    assert find_regions(vectors, 0.99, min_rows=4, max_regions=5) == []
    assert find_regions(vectors[:0], 0.99, min_rows=2, max_regions=5) == []


@settings(max_examples=50)
@given(st.lists(st.floats(0, 6), min_size=1, max_size=60), st.floats(0.5, 0.999), st.integers(1, 4))
def test_regions_share_no_row_are_near_their_center_and_large_enough(
    angles: list[float], similarity: float, min_rows: int
) -> None:
    vectors = unit(angles)
    regions = find_regions(vectors, similarity, min_rows=min_rows, max_regions=100)
    rows = [int(row) for region in regions for row in region.rows]
    assert len(rows) == len(set(rows))
    sizes = [len(region.rows) for region in regions]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size >= min_rows for size in sizes)
    for region in regions:
        assert region.center in region.rows
        assert np.all(vectors[region.rows] @ vectors[region.center] >= similarity - 1e-4)
    # No region is left: the rows in none have too few neighbours among each other.
    rest = np.setdiff1d(np.arange(len(vectors)), rows)
    near = np.round(vectors[rest] @ vectors[rest].T, 5) >= similarity
    assert not len(rest) or near.sum(axis=1).max() < max(min_rows, 1)


@pytest.mark.parametrize(("rows", "block"), [(30, 7), (50, 16)])
def test_blocks_change_nothing(rows: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(3).normal(size=(rows, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = find_regions(vectors, 0.8, min_rows=2, max_regions=9)
    monkeypatch.setattr("textsynth.similarity.regions.ROWS_AT_A_TIME", block)
    result = find_regions(vectors, 0.8, min_rows=2, max_regions=9)
    assert [(region.center, region.rows.tolist()) for region in result] == [
        (region.center, region.rows.tolist()) for region in expected
    ]


def test_the_usual_similarity_is_what_three_of_four_have_to_another_one() -> None:
    vectors = unit([0.0, 0.1, 1.0, 1.1, 2.0, 2.1, 3.0, 3.1, 5.0])
    assert usual_similarity(vectors) == pytest.approx(np.cos(0.1), abs=1e-4)
    assert usual_similarity(vectors[:1]) == 0.0
