"""The laws of the map from a confidence to how often it is right, and of the limit that is chosen by it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.label.calibration import (
    FEWEST,
    Calibration,
    Proportion,
    calibrate,
    coverage_at,
    possible_thresholds,
    threshold_for_precision,
)

points = st.lists(st.tuples(st.floats(0, 1).map(lambda value: round(value, 4)), st.booleans()), max_size=150)
votes = st.lists(st.tuples(st.sampled_from([0.3333, 0.6667, 1.0]), st.booleans()), max_size=150)
some = points | votes
confidence = st.floats(0, 1)


def test_an_interval_is_wilsons() -> None:
    stats = pytest.importorskip("scipy.stats")
    for right in (0, 1, 60, 101, 120):
        known = stats.binomtest(right, 120).proportion_ci(method="wilson")
        assert (Proportion(right, 120).low, Proportion(right, 120).high) == pytest.approx((known.low, known.high))
    assert (Proportion(0, 0).low, Proportion(0, 0).high) == (0, 1)
    assert (round(Proportion(20, 20).low, 4), Proportion(20, 20).high) == (0.8389, 1)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_is_within_its_interval_which_is_within_0_and_1(right: int, rows: int) -> None:
    share = Proportion(min(right, rows), rows)
    assert 0 <= share.low <= share.share <= share.high <= 1


@given(some, confidence, confidence)
def test_the_map_never_falls_and_stays_in_0_and_1(rows: list[tuple[float, bool]], one: float, other: float) -> None:
    calibration = calibrate(rows)
    low, high = sorted((one, other))
    assert 0 <= calibration.of(low) <= calibration.of(high) <= 1


@given(some, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[float, bool]], chance: random.Random) -> None:
    mixed = list(rows)
    chance.shuffle(mixed)
    assert calibrate(mixed) == calibrate(rows)


@given(some)
def test_every_row_is_in_one_band_and_bands_rise(rows: list[tuple[float, bool]]) -> None:
    bands = calibrate(rows).bins
    assert sum(band.share.rows for band in bands) == len(rows)
    assert sum(band.share.right for band in bands) == sum(right for _, right in rows)
    assert all(one.highest < other.lowest for one, other in pairwise(bands))
    assert all(one.confidence <= other.confidence for one, other in pairwise(bands))


@given(some, confidence, confidence)
def test_the_limit_rises_with_the_precision(rows: list[tuple[float, bool]], one: float, other: float) -> None:
    calibration = calibrate(rows)
    less, more = (threshold_for_precision(precision, rows, calibration) for precision in sorted((one, other)))
    assert more is None or (less is not None and less <= more)


@given(some, st.floats(0.01, 1))
def test_from_the_limit_on_enough_rows_are_right_and_from_a_lower_one_not(
    rows: list[tuple[float, bool]], precision: float
) -> None:
    calibration = calibrate(rows)
    limit = threshold_for_precision(precision, rows, calibration)
    if limit is not None:
        kept = coverage_at(limit, rows, calibration)
        assert kept.rows >= FEWEST
        assert kept.share >= precision
    for lower, kept in possible_thresholds(rows, calibration):
        assert kept.share < precision or (limit is not None and limit <= lower)


@given(st.lists(confidence, min_size=FEWEST, max_size=150), st.floats(0.01, 1))
def test_of_a_labeller_that_is_always_right_everything_passes(confidences: list[float], precision: float) -> None:
    rows = [(value, True) for value in confidences]
    calibration = calibrate(rows)
    limit = threshold_for_precision(precision, rows, calibration)
    assert limit == round((len(rows) + 1) / (len(rows) + 2), 4)
    assert all(calibration.of(value) >= limit for value in confidences)


@pytest.mark.parametrize("rows", [20, 60, 200, 1000])
def test_a_tossed_coin_reaches_no_precision_of_95_of_100(rows: int) -> None:
    for seed in range(40):
        chance = random.Random(seed)
        tossed = [(round(chance.random(), 4), chance.random() < 0.5) for _ in range(rows)]
        assert threshold_for_precision(0.95, tossed, calibrate(tossed)) is None


def test_fewer_than_20_rows_choose_no_limit() -> None:
    rows = [(1.0, True)] * (FEWEST - 1)
    assert possible_thresholds(rows, calibrate(rows)) == []
    assert calibrate(rows).of(1.0) == round(FEWEST / (FEWEST + 1), 4)


def test_below_the_least_sure_row_nothing_is_known() -> None:
    calibration = calibrate([(0.8, True)] * 30)
    assert calibration.of(0.8) == calibration.of(1.0) == 0.9688
    assert calibration.of(0.4) == round(0.9688 / 2, 4)
    assert calibration.of(0.0) == 0


def test_of_no_rows_nothing_is_learnt() -> None:
    assert calibrate([]) == Calibration(())
    assert calibrate([]).of(0.9) == 0
    assert threshold_for_precision(0.5, [], calibrate([])) is None


def test_few_rows_with_many_confidences_make_four_groups_at_most() -> None:
    chance = random.Random(1)
    rows = [(value, chance.random() < value) for value in (round(chance.random(), 4) for _ in range(49))]
    assert len(calibrate(rows).bins) <= 4


@given(st.lists(st.tuples(st.floats(0, 1).map(lambda value: round(value, 2)), st.booleans()), min_size=50, max_size=90))
def test_it_is_isotonic_regression_as_scikit_learn_does_it(rows: list[tuple[float, bool]]) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic").IsotonicRegression(out_of_bounds="clip")
    lowest, highest = min(rows)[0], max(rows)[0]
    more = [*rows, (lowest, True), (highest, False)]
    isotonic.fit([value for value, _ in more], [float(right) for _, right in more])
    calibration = calibrate(rows)
    for value, _ in rows:
        assert calibration.of(value) == pytest.approx(float(isotonic.predict([value])[0]), abs=1e-4)


def test_the_interval_told_holds_the_truth_though_the_limit_was_chosen_on_the_same_rows() -> None:
    """The figures in the module's docstring, by votes: three of a labeller whose truth is known, 60 rows, 95 %."""
    chance = random.Random(2)
    true = {0.6667: 0.7, 1.0: 0.96}

    def row() -> tuple[float, bool]:
        held = chance.betavariate(3, 0.7)
        yes = sum(chance.random() < held for _ in range(3))
        value = round(max(yes, 3 - yes) / 3, 4)
        return value, chance.random() < true[value]

    multi_label = [row() for _ in range(5000)]
    found = []
    for _ in range(200):
        rows = [row() for _ in range(60)]
        calibration = calibrate(rows)
        limit = threshold_for_precision(0.95, rows, calibration)
        if limit is not None:
            passing = {value for value in true if calibration.of(value) >= limit}
            truth = [right for value, right in multi_label if value in passing]
            kept = coverage_at(limit, rows, calibration)
            found.append((kept.low <= sum(truth) / len(truth) <= kept.high, sum(truth) / len(truth)))
    assert len(found) > 100
    assert sum(held for held, _ in found) / len(found) > 0.93
    assert sum(truth for _, truth in found) / len(found) > 0.94
