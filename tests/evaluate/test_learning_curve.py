from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.evaluate.learning_curve import (
    MAX_EXTRAPOLATION,
    SHARES,
    CurvePoint,
    equivalent_rows,
    gain_per_doubling,
    seed_subsets,
)

TARGETS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(np.array)


def curve(*points: tuple[int, float]) -> list[CurvePoint]:
    return [CurvePoint(rows, score, 0.0) for rows, score in points]


@settings(deadline=None)
@given(TARGETS, st.integers(0, 99), st.integers(1, 3))
def test_subsets_grow_contain_every_label_and_are_repeatable(targets: np.ndarray, seed: int, draws: int) -> None:
    seeds = np.arange(len(targets))[::-1]
    by_share = seed_subsets(seeds, targets, seed=seed, draws=draws)
    sizes = [len(subsets[0]) for subsets in by_share]
    assert sizes == sorted(set(sizes))
    assert all(size < len(seeds) for size in sizes)
    for subsets in by_share:
        assert len(subsets) == draws
        for subset in subsets:
            assert len(set(subset.tolist())) == len(subset) == len(subsets[0])
            assert set(subset.tolist()) <= set(seeds.tolist())
            assert set(targets[subset].tolist()) == set(targets.tolist())
            assert np.bincount(targets[subset]).tolist() == np.bincount(targets[subsets[0]]).tolist()
    repeated = seed_subsets(seeds, targets, seed=seed, draws=draws)
    assert [[subset.tolist() for subset in subsets] for subsets in repeated] == [
        [subset.tolist() for subset in subsets] for subsets in by_share
    ]


def test_subsets_have_the_share_of_every_label() -> None:
    targets = np.repeat([0, 1], [10, 20])
    by_share = seed_subsets(np.arange(30), targets, seed=1, draws=2)
    assert [np.bincount(targets[subsets[0]]).tolist() for subsets in by_share] == [
        [round(share * 10), round(share * 20)] for share in SHARES
    ]
    assert by_share[0][0].tolist() != by_share[0][1].tolist()


def test_one_seed_a_label_has_no_subsets() -> None:
    assert seed_subsets(np.arange(4), np.arange(4), seed=1, draws=2) == []


def test_multi_label_seeds_are_stratified_by_their_first_label() -> None:
    targets = np.array([[1, 0, 1]] * 5 + [[0, 1, 1]] * 5)
    for subset in seed_subsets(np.arange(10), targets, seed=1, draws=1)[0]:
        assert targets[subset].sum(axis=0).tolist() == [2, 2, 4]


def test_the_gain_per_doubling_is_the_slope_over_the_logarithm() -> None:
    assert gain_per_doubling(curve((10, 0.5), (20, 0.55), (40, 0.6))) == pytest.approx(0.05)
    assert gain_per_doubling(curve((10, 0.5), (20, 0.4))) == pytest.approx(-0.1)
    assert gain_per_doubling(curve((10, 0.5))) is None
    assert gain_per_doubling([]) is None


def test_equivalent_rows_are_those_that_would_add_the_difference() -> None:
    rising = curve((10, 0.5), (20, 0.55), (40, 0.6))
    assert equivalent_rows(rising, 0.05) == pytest.approx(40, abs=1)
    assert equivalent_rows(rising, 0.025) == pytest.approx(40 * (2**0.5 - 1), abs=1)
    assert equivalent_rows(rising, 0.0999) == pytest.approx(120, abs=1)
    assert equivalent_rows(rising, 0.11) is None
    assert equivalent_rows(rising, 0.0) is None
    assert equivalent_rows(rising, -0.1) is None
    assert equivalent_rows(curve((10, 0.6), (20, 0.5)), 0.1) is None
    assert equivalent_rows(curve((10, 0.6)), 0.1) is None


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(-1, 1), st.floats(1e-300, 1e-3))
def test_equivalent_rows_never_exceed_four_times_the_seeds(start: float, difference: float, gain: float) -> None:
    rows = equivalent_rows(curve((10, start), (20, start + gain), (40, start + 2 * gain)), difference)
    assert rows is None or 0 <= rows <= 40 * (MAX_EXTRAPOLATION - 1)


def test_a_curve_that_hardly_rises_has_no_equivalent_rows() -> None:
    assert equivalent_rows(curve((10, 0.9), (20, 0.9 + 1e-12)), 0.1) is None
