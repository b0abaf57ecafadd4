from __future__ import annotations

import numpy as np
import pytest

from textsynth.evaluate.bootstrap import resample_test_rows
from textsynth.evaluate.metrics import Truth, f1_by_label, macro_f1, truth_of
from textsynth.evaluate.results import (
    DRAWS,
    TEST_ROWS,
    TRAINING_ROWS,
    ArmResult,
    arm_result,
    arm_scores,
    difference,
    mean_arm_result,
)

LABELS = ["calm", "cross", "glad"]
CODES = np.repeat([0, 1, 2], [40, 30, 10])
TRUTH = truth_of(CODES, 3)
TEST_WEIGHTS = resample_test_rows(len(CODES), seed=1)


def random_probabilities(accuracy: float, seed: int, *, failing_label: int | None = None) -> np.ndarray:
    """Return probabilities (rows, 3) that are right in a share of the rows, and in none of the failing label."""
    is_right = np.random.default_rng(seed).random(len(CODES)) < accuracy
    if failing_label is not None:
        is_right &= failing_label != CODES
    predicted = np.where(is_right, CODES, (CODES + 1) % 3)
    return np.float32(0.2) + np.float32(0.4) * truth_of(predicted, 3).labels


def measured(arm: str, accuracy: float, *, training_draws: int = 6, failing_label: int | None = None) -> ArmResult:
    probabilities = [
        random_probabilities(accuracy, seed, failing_label=failing_label) for seed in range(1 + training_draws)
    ]
    return arm_result(arm, "words", 12, 1.0, probabilities, TRUTH, TEST_WEIGHTS)


def test_a_result_has_the_f1_of_the_arm_and_of_its_resampled_rows() -> None:
    result = measured("seeds", 0.8)
    assert result.f1 == pytest.approx(f1_by_label(result.predicted[0], TRUTH))
    assert result.resampled[TEST_ROWS].shape == (600, 3)
    assert result.resampled[TEST_ROWS].mean(axis=0) == pytest.approx(result.f1, abs=0.03)
    assert result.resampled[TRAINING_ROWS].shape == (6, 3)
    assert TRAINING_ROWS not in measured("seeds", 0.8, training_draws=1).resampled  # one draw has no variance


def test_the_difference_of_an_arm_to_itself_is_zero() -> None:
    result = difference(measured("seeds", 0.8), measured("seeds", 0.8), LABELS, TRUTH)
    assert (result.difference, result.interval) == (0, (0, 0))
    assert [change.interval for change in result.per_label] == [(0, 0)] * 3
    assert result.effect == "no_difference"


def test_a_reversed_difference_changes_its_sign() -> None:
    better, worse = measured("seeds_selected", 0.95), measured("seeds", 0.6)
    result = difference(better, worse, LABELS, TRUTH)
    reversed_result = difference(worse, better, LABELS, TRUTH)
    assert (result.arm, result.baseline, result.classifier) == ("seeds_selected", "seeds", "words")
    assert result.difference == pytest.approx(float(macro_f1(better.f1 - worse.f1, TRUTH)))
    assert result.difference == pytest.approx(-reversed_result.difference)
    assert result.interval == pytest.approx((-reversed_result.interval[1], -reversed_result.interval[0]))
    assert (result.effect, reversed_result.effect) == ("helps", "harms")


def test_each_label_has_its_own_change_and_number_of_test_rows() -> None:
    result = difference(measured("seeds_selected", 0.95, failing_label=1), measured("seeds", 0.7), LABELS, TRUTH)
    calm, cross, glad = result.per_label
    assert cross.interval[1] < 0
    assert (calm.test_rows, cross.test_rows, glad.test_rows) == (40, 30, 10)
    assert (calm.few_rows, cross.few_rows, glad.few_rows) == (False, False, True)


def test_intervals_of_labels_hold_simultaneously_and_labels_without_test_rows_are_left_out() -> None:
    result, baseline = measured("seeds_selected", 0.8), measured("seeds", 0.7)
    two_labels = difference(result, baseline, LABELS, TRUTH)
    one_label = difference(result, baseline, LABELS, truth_of(np.where(CODES == 1, 0, CODES), 3))
    assert [change.label for change in one_label.per_label] == ["calm", "glad"]
    # With two labels of at least 20 test rows the intervals are wider than with one.
    wide, narrow = (arms.per_label[0].interval for arms in (two_labels, one_label))
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_the_mean_of_equal_draws_is_that_draw() -> None:
    draw = measured("random", 0.8, training_draws=0)
    mean = mean_arm_result("random", [draw, draw, draw])
    assert mean.f1 == pytest.approx(draw.f1)
    assert mean.resampled[TEST_ROWS] == pytest.approx(draw.resampled[TEST_ROWS])
    assert mean.resampled[DRAWS].std(axis=0) == pytest.approx(np.zeros(3))
    assert len(mean.predicted) == 3
    assert DRAWS not in mean_arm_result("random", [draw]).resampled


def test_the_spread_of_draws_is_the_uncertainty_of_their_mean() -> None:
    draws = [
        arm_result("random", "words", 12, 1.0, [random_probabilities(0.8, seed)], TRUTH, TEST_WEIGHTS)
        for seed in range(9)
    ]
    mean = mean_arm_result("random", draws)
    sd = np.std([draw.f1 for draw in draws], axis=0, ddof=1)
    assert np.std(mean.resampled[DRAWS], axis=0, ddof=1) == pytest.approx(sd / 3)
    scores = arm_scores(mean, LABELS, TRUTH, ordinal=False)
    assert scores.draws == 9
    macro_f1_of_draws = [float(macro_f1(draw.f1, TRUTH)) for draw in draws]
    assert scores.sd == pytest.approx(np.std(macro_f1_of_draws, ddof=1))
    assert scores.macro_f1 == pytest.approx(np.mean(macro_f1_of_draws))


def test_scores_are_those_of_the_arm() -> None:
    scores = arm_scores(measured("seeds", 0.8), LABELS, TRUTH, ordinal=True)
    assert (scores.train_rows, scores.sample_weight, scores.micro_f1) == (12, 1.0, None)
    assert (scores.draws, scores.sd) == (None, None)
    low, high = scores.interval
    assert low < scores.macro_f1 < high
    assert scores.per_label.keys() == set(LABELS)
    assert scores.quadratic_kappa is not None
    assert arm_scores(measured("seeds", 0.8), LABELS, TRUTH, ordinal=False).quadratic_kappa is None


def test_the_interval_of_a_score_is_within_zero_and_one() -> None:
    scores = arm_scores(measured("seeds", 0.97), LABELS, TRUTH, ordinal=False)
    low, high = scores.interval
    assert scores.macro_f1 > 0.9
    assert 0 <= low < scores.macro_f1 <= high <= 1


def test_scores_of_several_labels_a_text_include_micro_f1() -> None:
    truth = Truth(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0]], np.float32), multi_label=True)
    probabilities = np.array([[0.9, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.7, 0.1]], np.float32)
    test_weights = resample_test_rows(3, 1)
    result = arm_result("seeds", "words", 3, 1.0, [probabilities], truth, test_weights)
    scores = arm_scores(result, LABELS, truth, ordinal=False)
    assert scores.micro_f1 == pytest.approx(2 * 3 / (4 + 4))
    assert scores.accuracy == pytest.approx(1 / 3)
    assert list(scores.per_label) == ["calm", "cross"]
    thresholds = np.array([0.7, 0.1, 0.5])
    with_thresholds = arm_result("seeds", "words", 3, 1.0, [probabilities], truth, test_weights, thresholds)
    assert with_thresholds.predicted[0].tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
