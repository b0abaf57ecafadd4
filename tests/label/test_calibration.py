"""Properties of the calibration of a confidence, and of the threshold chosen with it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.label.calibration import (
    MIN_ROWS,
    Calibration,
    Point,
    Proportion,
    accuracy_at,
    calibrate,
    possible_thresholds,
    threshold_for_precision,
)

scored_points = st.lists(st.tuples(st.floats(0, 1).map(lambda value: round(value, 4)), st.booleans()), max_size=150)
vote_points = st.lists(st.tuples(st.sampled_from([0.3333, 0.6667, 1.0]), st.booleans()), max_size=150)
points_of_any_kind = scored_points | vote_points
confidences = st.floats(0, 1)


def test_intervals_are_those_of_wilson() -> None:
    stats = pytest.importorskip("scipy.stats")
    for right in (0, 1, 60, 101, 120):
        expected = stats.binomtest(right, 120).proportion_ci(method="wilson")
        actual = (Proportion(right, 120).low, Proportion(right, 120).high)
        assert actual == pytest.approx((expected.low, expected.high))
    assert (Proportion(0, 0).low, Proportion(0, 0).high) == (0, 1)
    assert (round(Proportion(20, 20).low, 4), Proportion(20, 20).high) == (0.8389, 1)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_proportion_is_within_its_interval_and_both_within_0_and_1(right: int, rows: int) -> None:
    accuracy = Proportion(min(right, rows), rows)
    assert 0 <= accuracy.low <= accuracy.fraction <= accuracy.high <= 1


@given(points_of_any_kind, confidences, confidences)
def test_the_calibration_never_decreases_and_stays_within_0_and_1(
    points: list[Point], first: float, second: float
) -> None:
    calibration = calibrate(points)
    low, high = sorted((first, second))
    assert 0 <= calibration.apply(low) <= calibration.apply(high) <= 1


@given(points_of_any_kind, st.randoms(use_true_random=False))
def test_the_order_of_the_points_does_not_matter(points: list[Point], generator: random.Random) -> None:
    shuffled = list(points)
    generator.shuffle(shuffled)
    assert calibrate(shuffled) == calibrate(points)


@given(points_of_any_kind)
def test_every_point_is_in_one_bin_and_bins_are_in_ascending_order(points: list[Point]) -> None:
    bins = calibrate(points).bins
    assert sum(bin_.accuracy.rows for bin_ in bins) == len(points)
    assert sum(bin_.accuracy.right for bin_ in bins) == sum(right for _, right in points)
    assert all(lower.highest < upper.lowest for lower, upper in pairwise(bins))
    assert all(lower.confidence <= upper.confidence for lower, upper in pairwise(bins))


@given(points_of_any_kind, confidences, confidences)
def test_a_higher_precision_needs_at_least_the_same_threshold(points: list[Point], first: float, second: float) -> None:
    calibration = calibrate(points)
    low, high = (threshold_for_precision(precision, points, calibration) for precision in sorted((first, second)))
    assert high is None or (low is not None and low <= high)


@given(points_of_any_kind, st.floats(0.01, 1))
def test_the_threshold_is_the_lowest_one_that_reaches_the_precision(points: list[Point], precision: float) -> None:
    calibration = calibrate(points)
    threshold = threshold_for_precision(precision, points, calibration)
    if threshold is not None:
        accuracy = accuracy_at(threshold, points, calibration)
        assert accuracy.rows >= MIN_ROWS
        assert accuracy.fraction >= precision
    for other, accuracy in possible_thresholds(points, calibration):
        assert accuracy.fraction < precision or (threshold is not None and threshold <= other)


@given(st.lists(confidences, min_size=MIN_ROWS, max_size=150), st.floats(0.01, 1))
def test_all_points_of_a_labeller_that_is_always_correct_pass(values: list[float], precision: float) -> None:
    points = [(value, True) for value in values]
    calibration = calibrate(points)
    threshold = threshold_for_precision(precision, points, calibration)
    assert threshold == round((len(points) + 1) / (len(points) + 2), 4)
    assert all(calibration.apply(value) >= threshold for value in values)


@pytest.mark.parametrize("rows", [20, 60, 200, 1000])
def test_random_labels_never_reach_a_precision_of_95_percent(rows: int) -> None:
    for seed in range(40):
        generator = random.Random(seed)
        points = [(round(generator.random(), 4), generator.random() < 0.5) for _ in range(rows)]
        assert threshold_for_precision(0.95, points, calibrate(points)) is None


def test_fewer_than_20_points_give_no_threshold() -> None:
    points = [(1.0, True)] * (MIN_ROWS - 1)
    assert possible_thresholds(points, calibrate(points)) == []
    assert calibrate(points).apply(1.0) == round(MIN_ROWS / (MIN_ROWS + 1), 4)


def test_below_the_lowest_confidence_the_calibration_falls_linearly_to_0() -> None:
    calibration = calibrate([(0.8, True)] * 30)
    assert calibration.apply(0.8) == calibration.apply(1.0) == 0.9688
    assert calibration.apply(0.4) == round(0.9688 / 2, 4)
    assert calibration.apply(0.0) == 0


def test_no_points_give_an_empty_calibration() -> None:
    assert calibrate([]) == Calibration(())
    assert calibrate([]).apply(0.9) == 0
    assert threshold_for_precision(0.5, [], calibrate([])) is None


def test_few_points_with_many_confidences_make_at_most_four_bins() -> None:
    generator = random.Random(1)
    values = (round(generator.random(), 4) for _ in range(49))
    points = [(value, generator.random() < value) for value in values]
    assert len(calibrate(points).bins) <= 4


@given(st.lists(st.tuples(st.floats(0, 1).map(lambda value: round(value, 2)), st.booleans()), min_size=50, max_size=90))
def test_the_calibration_is_the_isotonic_regression_of_scikit_learn(points: list[Point]) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic").IsotonicRegression(out_of_bounds="clip")
    lowest, highest = min(points)[0], max(points)[0]
    with_prior = [*points, (lowest, True), (highest, False)]
    isotonic.fit([value for value, _ in with_prior], [float(right) for _, right in with_prior])
    calibration = calibrate(points)
    for value, _ in points:
        assert calibration.apply(value) == pytest.approx(float(isotonic.predict([value])[0]), abs=1e-4)


def test_the_interval_contains_the_true_accuracy_though_the_threshold_was_chosen_on_the_same_rows() -> None:
    """The figures in the module's docstring: three votes of a labeller of known accuracy, 60 rows, target 95 %."""
    generator = random.Random(2)
    accuracy_of = {0.6667: 0.7, 1.0: 0.96}

    def random_point() -> Point:
        probability = generator.betavariate(3, 0.7)
        votes = sum(generator.random() < probability for _ in range(3))
        value = round(max(votes, 3 - votes) / 3, 4)
        return value, generator.random() < accuracy_of[value]

    population = [random_point() for _ in range(5000)]
    results: list[tuple[bool, float]] = []
    for _ in range(200):
        points = [random_point() for _ in range(60)]
        calibration = calibrate(points)
        threshold = threshold_for_precision(0.95, points, calibration)
        if threshold is not None:
            passing = {value for value in accuracy_of if calibration.apply(value) >= threshold}
            right = [is_right for value, is_right in population if value in passing]
            true_accuracy = sum(right) / len(right)
            measured = accuracy_at(threshold, points, calibration)
            results.append((measured.low <= true_accuracy <= measured.high, true_accuracy))
    assert len(results) > 100
    assert sum(contained for contained, _ in results) / len(results) > 0.93
    assert sum(true_accuracy for _, true_accuracy in results) / len(results) > 0.94
