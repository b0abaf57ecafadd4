from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from textsynth.evaluate.bootstrap import interval, mean_interval, row_weights, train_weights

VALUES = st.lists(st.floats(-1, 1), min_size=0, max_size=8).map(np.array)
GROUPED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=30)


@settings(deadline=None)
@given(st.floats(-1, 1), st.lists(VALUES, max_size=3))
def test_an_interval_lies_evenly_around_its_estimate(estimate: float, redraws: Sequence[np.ndarray]) -> None:
    low, high = interval(estimate, redraws)
    assert low <= estimate <= high
    assert estimate - low == pytest.approx(high - estimate, abs=1e-9)


@settings(deadline=None)
@given(st.floats(-1, 1), st.lists(VALUES, min_size=1, max_size=3), st.floats(0.5, 0.94))
def test_a_surer_interval_is_wider(estimate: float, redraws: Sequence[np.ndarray], level: float) -> None:
    low, high = interval(estimate, redraws)
    inner = interval(estimate, redraws, level=level)
    assert low <= inner[0]
    assert inner[1] <= high
    spread = any(len(one) > 1 and np.ptp(one) > 1e-6 for one in redraws)
    assert not spread or high - low > inner[1] - inner[0]


@settings(deadline=None)
@given(st.floats(-1, 1), st.lists(st.floats(-1, 1).map(lambda one: np.array([one])), max_size=3))
def test_without_redraws_it_is_the_estimate(estimate: float, redraws: Sequence[np.ndarray]) -> None:
    assert interval(estimate, redraws) == (estimate, estimate)
    assert interval(estimate, [*redraws, np.full(5, 0.25)]) == (estimate, estimate)


def test_another_kind_of_redraw_makes_it_wider() -> None:
    random = np.random.default_rng(1)
    tests, trainings = random.normal(0, 0.02, 600), random.normal(0, 0.02, 600)
    alone, both = interval(0.1, [tests]), interval(0.1, [tests, trainings])
    assert alone[1] - alone[0] == pytest.approx(2 * 1.96 * 0.02, rel=0.1)
    assert both[1] - both[0] == pytest.approx(2 * 1.96 * 0.02 * 2**0.5, rel=0.1)
    few = interval(0.1, [tests, trainings[:6]])
    assert few[1] - few[0] > interval(0.1, [tests, np.resize(trainings[:6], 600)])[1] - 0.1  # Student's t of few draws


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20).filter(lambda some: np.ptp(some) > 1e-3))
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    wanted = ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def test_the_interval_of_one_draw_is_that_draw() -> None:
    assert mean_interval([0.25]) == (0.25, 0.25)


def test_rows_of_a_test_set_weigh_one_on_average() -> None:
    weights = row_weights(50, seed=3)
    assert weights.shape == (600, 50)
    assert weights.min() >= 0
    assert weights.mean() == pytest.approx(1, abs=0.03)
    assert np.array_equal(weights, row_weights(50, seed=3))
    assert not np.array_equal(weights, row_weights(50, seed=4))


@settings(deadline=None)
@given(GROUPED, st.integers(0, 99))
def test_weights_of_training_rows_average_one_in_every_group(rows: list[tuple[int, int]], seed: int) -> None:
    groups, clusters = (np.array(some) for some in zip(*rows, strict=True))
    weights = train_weights(groups, clusters, seed, 5)
    assert weights.shape == (5, len(rows))
    assert weights.min() >= 0
    for group in np.unique(groups):
        own = weights[:, groups == group]
        assert own.mean(axis=1) == pytest.approx(np.ones(5), abs=1e-9)
        for cluster in np.unique(clusters[groups == group]):
            shared = own[:, clusters[groups == group] == cluster]
            assert np.array_equal(shared, np.repeat(shared[:, :1], shared.shape[1], axis=1))
    assert np.array_equal(weights, train_weights(groups, clusters, seed, 5))


def test_a_group_of_one_cluster_weighs_one() -> None:
    weights = train_weights(np.array([0, 0, 1, 1]), np.array([5, 5, 6, 7]), seed=1, draws=4)
    assert weights[:, :2].tolist() == [[1.0, 1.0]] * 4
    assert weights[:, 2:].std() > 0


def test_few_rows_are_widened_so_that_they_vary_as_new_ones_would() -> None:
    for size in (5, 20):
        weights = train_weights(np.zeros(size, np.int64), np.arange(size), seed=1, draws=4000)
        values = np.random.default_rng(2).standard_normal(size)
        redrawn = (weights * values).mean(axis=1).std()
        new = values.std(ddof=1) / size**0.5
        assert redrawn == pytest.approx(new, rel=0.12)
