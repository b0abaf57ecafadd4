from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.bands import BandTable, Digests

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
    table = BandTable(bands)
    for start in range(0, len(given_ones), at_once):
        some = given_ones[start : start + at_once]
        table.add(digests(some), range(start, start + len(some)))
    assert table.candidates(digests(asked)) == [
        [row for row, other in enumerate(given_ones) if shared(one, other, bands)] for one in asked
    ]


@pytest.mark.parametrize("at_once", [997, 20_000])
def test_many_rows_in_many_runs_are_each_found(at_once: int) -> None:
    rows = np.random.default_rng(1).integers(0, 2**32, (20_000, 120), dtype=np.uint32)
    table = BandTable(20)
    for start in range(0, len(rows), at_once):
        table.add(rows[start : start + at_once], range(start, min(len(rows), start + at_once)))
    assert table.candidates(rows[::100]) == [[row] for row in range(0, len(rows), 100)]
    half = rows[:50].copy()
    half[:, 6:] = 7
    assert table.candidates(half) == [[row] for row in range(50)]


def test_a_band_at_another_place_is_another_band() -> None:
    table = BandTable(3)
    table.add(digests([(1, 2, 3, 4, 5, 6)]), [2**32 - 1])
    assert table.candidates(digests([(3, 4, 1, 2, 0, 0), (0, 0, 3, 4, 0, 0)])) == [[], [2**32 - 1]]


def test_nothing_is_found_in_nothing() -> None:
    table = BandTable(2)
    table.add(digests([]), [])
    assert table.candidates(digests([(0,) * 6])) == [[]]
    assert table.candidates(digests([])) == []
