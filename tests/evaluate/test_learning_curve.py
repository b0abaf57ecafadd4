from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.evaluate.learning_curve import FARTHEST, SHARES, CurvePoint, equivalent_rows, nested_subsets, slope

TARGETS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def points(*told: tuple[int, float]) -> list[CurvePoint]:
    return [CurvePoint(rows, score, 0.0) for rows, score in told]


@settings(deadline=None)
@given(TARGETS, st.integers(0, 99), st.integers(1, 3))
def test_parts_grow_hold_every_label_and_are_drawn_again_alike(targets: np.ndarray, seed: int, draws: int) -> None:
    seeds = np.arange(len(targets))[::-1]
    parts = nested_subsets(seeds, targets, seed=seed, draws=draws)
    sizes = [len(share[0]) for share in parts]
    assert sizes == sorted(set(sizes))
    assert all(size < len(seeds) for size in sizes)
    for share in parts:
        assert len(share) == draws
        for part in share:
            assert len(set(part.tolist())) == len(part) == len(share[0])
            assert set(part.tolist()) <= set(seeds.tolist())
            assert set(targets[part].tolist()) == set(targets.tolist())
            assert np.bincount(targets[part]).tolist() == np.bincount(targets[share[0]]).tolist()
    again = nested_subsets(seeds, targets, seed=seed, draws=draws)
    assert [[part.tolist() for part in share] for share in again] == [[p.tolist() for p in share] for share in parts]


def test_parts_are_the_shares_of_every_label() -> None:
    targets = np.repeat([0, 1], [10, 20])
    parts = nested_subsets(np.arange(30), targets, seed=1, draws=2)
    assert [np.bincount(targets[share[0]]).tolist() for share in parts] == [
        [round(share * 10), round(share * 20)] for share in SHARES
    ]
    assert parts[0][0].tolist() != parts[0][1].tolist()


def test_one_seed_a_label_has_no_parts() -> None:
    assert nested_subsets(np.arange(4), np.arange(4), seed=1, draws=2) == []


def test_several_labels_a_text_are_parted_by_the_first() -> None:
    targets = np.array([[1, 0, 1]] * 5 + [[0, 1, 1]] * 5)
    for part in nested_subsets(np.arange(10), targets, seed=1, draws=1)[0]:
        assert targets[part].sum(axis=0).tolist() == [2, 2, 4]


def test_the_slope_is_what_a_doubling_brings() -> None:
    assert slope(points((10, 0.5), (20, 0.55), (40, 0.6))) == pytest.approx(0.05)
    assert slope(points((10, 0.5), (20, 0.4))) == pytest.approx(-0.1)
    assert slope(points((10, 0.5))) is None
    assert slope([]) is None


def test_the_worth_is_the_rows_that_would_bring_as_much() -> None:
    rising = points((10, 0.5), (20, 0.55), (40, 0.6))
    assert equivalent_rows(rising, 0.05) == pytest.approx(40, abs=1)
    assert equivalent_rows(rising, 0.025) == pytest.approx(40 * (2**0.5 - 1), abs=1)
    assert equivalent_rows(rising, 0.0999) == pytest.approx(120, abs=1)
    assert equivalent_rows(rising, 0.11) is None
    assert equivalent_rows(rising, 0.0) is None
    assert equivalent_rows(rising, -0.1) is None
    assert equivalent_rows(points((10, 0.6), (20, 0.5)), 0.1) is None
    assert equivalent_rows(points((10, 0.6)), 0.1) is None


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(-1, 1), st.floats(1e-300, 1e-3))
def test_the_worth_is_never_beyond_four_times_the_seeds(start: float, gain: float, rise: float) -> None:
    found = equivalent_rows(points((10, start), (20, start + rise), (40, start + 2 * rise)), gain)
    assert found is None or 0 <= found <= 40 * (FARTHEST - 1)


def test_a_curve_that_hardly_rises_tells_nothing() -> None:
    assert equivalent_rows(points((10, 0.9), (20, 0.9 + 1e-12)), 0.1) is None
