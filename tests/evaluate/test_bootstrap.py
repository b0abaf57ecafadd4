from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from textsynth.evaluate.bootstrap import interval, mean_interval, resample_test_rows, resample_training_rows

DRAWS = st.lists(st.floats(-1, 1), min_size=0, max_size=8).map(np.array)
SINGLE_DRAW = st.floats(-1, 1).map(lambda value: np.array([value]))
GROUPED = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=30)


@settings(deadline=None)
@given(st.floats(-1, 1), st.lists(DRAWS, max_size=3))
def test_an_interval_is_symmetric_around_its_estimate(estimate: float, resampled: Sequence[np.ndarray]) -> None:
    low, high = interval(estimate, resampled)
    assert low <= estimate <= high
    assert estimate - low == pytest.approx(high - estimate, abs=1e-9)


@settings(deadline=None)
@given(st.floats(-1, 1), st.lists(DRAWS, min_size=1, max_size=3), st.floats(0.5, 0.94))
def test_a_higher_level_gives_a_wider_interval(estimate: float, resampled: Sequence[np.ndarray], level: float) -> None:
    low, high = interval(estimate, resampled)
    inner = interval(estimate, resampled, level=level)
    assert low <= inner[0]
    assert inner[1] <= high
    varies = any(len(draws) > 1 and np.ptp(draws) > 1e-6 for draws in resampled)
    assert not varies or high - low > inner[1] - inner[0]


@settings(deadline=None)
@given(st.floats(-1, 1), st.lists(SINGLE_DRAW, max_size=3))
def test_without_variance_the_interval_is_the_estimate(estimate: float, resampled: Sequence[np.ndarray]) -> None:
    assert interval(estimate, resampled) == (estimate, estimate)
    assert interval(estimate, [*resampled, np.full(5, 0.25)]) == (estimate, estimate)


def test_a_second_source_of_uncertainty_widens_the_interval() -> None:
    generator = np.random.default_rng(1)
    test_rows, training_rows = generator.normal(0, 0.02, 600), generator.normal(0, 0.02, 600)
    one_source, two_sources = interval(0.1, [test_rows]), interval(0.1, [test_rows, training_rows])
    assert one_source[1] - one_source[0] == pytest.approx(2 * 1.96 * 0.02, rel=0.1)
    assert two_sources[1] - two_sources[0] == pytest.approx(2 * 1.96 * 0.02 * 2**0.5, rel=0.1)
    few_draws = interval(0.1, [test_rows, training_rows[:6]])
    many_draws = interval(0.1, [test_rows, np.resize(training_rows[:6], 600)])
    assert few_draws[1] - few_draws[0] > many_draws[1] - 0.1  # Student's t with few degrees of freedom


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20).filter(lambda values: np.ptp(values) > 1e-3))
def test_the_interval_of_a_mean_is_students(values: list[float]) -> None:
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_of_one_value_is_that_value() -> None:
    assert mean_interval([0.25]) == (0.25, 0.25)


def test_weights_of_test_rows_have_mean_one_and_depend_on_the_seed() -> None:
    weights = resample_test_rows(50, seed=3)
    assert weights.shape == (600, 50)
    assert weights.min() >= 0
    assert weights.mean() == pytest.approx(1, abs=0.03)
    assert np.array_equal(weights, resample_test_rows(50, seed=3))
    assert not np.array_equal(weights, resample_test_rows(50, seed=4))


@settings(deadline=None)
@given(GROUPED, st.integers(0, 99))
def test_weights_of_training_rows_have_mean_one_in_every_group(rows: list[tuple[int, int]], seed: int) -> None:
    groups, clusters = (np.array(column) for column in zip(*rows, strict=True))
    weights = resample_training_rows(groups, clusters, seed, 5)
    assert weights.shape == (5, len(rows))
    assert weights.min() >= 0
    for group in np.unique(groups):
        group_weights = weights[:, groups == group]
        assert group_weights.mean(axis=1) == pytest.approx(np.ones(5), abs=1e-9)
        for cluster in np.unique(clusters[groups == group]):
            shared = group_weights[:, clusters[groups == group] == cluster]
            assert np.array_equal(shared, np.repeat(shared[:, :1], shared.shape[1], axis=1))
    assert np.array_equal(weights, resample_training_rows(groups, clusters, seed, 5))


def test_a_group_of_one_cluster_has_the_weight_one() -> None:
    weights = resample_training_rows(np.array([0, 0, 1, 1]), np.array([5, 5, 6, 7]), seed=1, draws=4)
    assert weights[:, :2].tolist() == [[1.0, 1.0]] * 4
    assert weights[:, 2:].std() > 0


def test_the_weights_of_few_rows_vary_as_much_as_new_rows_would() -> None:
    for size in (5, 20):
        weights = resample_training_rows(np.zeros(size, np.int64), np.arange(size), seed=1, draws=4000)
        values = np.random.default_rng(2).standard_normal(size)
        resampled = (weights * values).mean(axis=1).std()
        standard_error = values.std(ddof=1) / size**0.5
        assert resampled == pytest.approx(standard_error, rel=0.12)
