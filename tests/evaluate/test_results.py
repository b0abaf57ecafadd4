from __future__ import annotations

import numpy as np
import pytest

from textsynth.evaluate.bootstrap import row_weights
from textsynth.evaluate.metrics import Truth, f1_by_label, macro_f1, truth_of
from textsynth.evaluate.results import (
    DRAWS,
    TEST,
    TRAIN,
    ArmResult,
    arm_result,
    arm_scores,
    difference,
    mean_arm_result,
)

LABELS = ["calm", "cross", "glad"]
CODES = np.repeat([0, 1, 2], [40, 30, 10])
TRUTH = truth_of(CODES, 3)
WEIGHTS = row_weights(len(CODES), seed=1)


def scores(share: float, seed: int, *, bad: int | None = None) -> np.ndarray:
    """Return chances (rows, 3), most right in `share` of the rows; in none of the label `bad`."""
    random = np.random.default_rng(seed)
    right = random.random(len(CODES)) < share
    if bad is not None:
        right &= bad != CODES
    told = np.where(right, CODES, (CODES + 1) % 3)
    return np.float32(0.2) + np.float32(0.4) * truth_of(told, 3).labels


def measured(arm: str, share: float, *, redraws: int = 6, bad: int | None = None, truth: Truth = TRUTH) -> ArmResult:
    every = [scores(share, seed, bad=bad) for seed in range(1 + redraws)]
    return arm_result(arm, "words", 12, 1.0, every, truth, WEIGHTS)


def test_an_outcome_scores_the_arm_itself_and_its_redraws() -> None:
    one = measured("seeds", 0.8)
    assert one.f1 == pytest.approx(f1_by_label(one.predicted[0], TRUTH))
    assert one.redraws[TEST].shape == (600, 3)
    assert one.redraws[TEST].mean(axis=0) == pytest.approx(one.f1, abs=0.03)
    assert one.redraws[TRAIN].shape == (6, 3)
    assert TRAIN not in measured("seeds", 0.8, redraws=1).redraws  # of one redraw there is no variance


def test_a_difference_to_itself_is_nothing_for_sure() -> None:
    found = difference(measured("seeds", 0.8), measured("seeds", 0.8), LABELS, TRUTH)
    assert (found.difference, found.interval) == (0, (0, 0))
    assert [change.interval for change in found.per_class] == [(0, 0)] * 3
    assert found.effect == "no_difference"


def test_a_difference_turned_round_changes_its_sign() -> None:
    better, worse = measured("seeds_selected", 0.95), measured("seeds", 0.6)
    found = difference(better, worse, LABELS, TRUTH)
    turned = difference(worse, better, LABELS, TRUTH)
    assert (found.arm, found.minus, found.classifier) == ("seeds_selected", "seeds", "words")
    assert found.difference == pytest.approx(float(macro_f1(better.f1 - worse.f1, TRUTH)))
    assert found.difference == pytest.approx(-turned.difference)
    assert found.interval == pytest.approx((-turned.interval[1], -turned.interval[0]))
    assert (found.effect, turned.effect) == ("helps", "harms")


def test_a_label_that_loses_and_one_that_gains_are_told_apart() -> None:
    found = difference(measured("seeds_selected", 0.95, bad=1), measured("seeds", 0.7), LABELS, TRUTH)
    calm, cross, glad = found.per_class
    assert cross.interval[1] < 0
    assert (calm.test, cross.test, glad.test) == (40, 30, 10)
    assert (calm.few, cross.few, glad.few) == (False, False, True)


def test_intervals_of_labels_hold_together_and_those_without_test_rows_are_left_out() -> None:
    one, minus = measured("seeds_selected", 0.8), measured("seeds", 0.7)
    both = difference(one, minus, LABELS, TRUTH)
    alone = truth_of(np.where(CODES == 1, 0, CODES), 3)
    fewer = difference(one, minus, LABELS, alone)
    assert [change.label for change in fewer.per_class] == ["calm", "glad"]
    # two labels with at least 20 test rows are told together, one alone more narrowly
    wide, narrow = (found.per_class[0].interval for found in (both, fewer))
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_a_mean_of_equal_draws_is_that_draw() -> None:
    one = measured("random", 0.8, redraws=0)
    mean = mean_arm_result("random", [one, one, one])
    assert mean.f1 == pytest.approx(one.f1)
    assert mean.redraws[TEST] == pytest.approx(one.redraws[TEST])
    assert mean.redraws[DRAWS].std(axis=0) == pytest.approx(np.zeros(3))
    assert len(mean.predicted) == 3
    assert DRAWS not in mean_arm_result("random", [one]).redraws


def test_the_spread_of_draws_counts_as_the_mean_of_them_varies() -> None:
    draws = [arm_result("random", "words", 12, 1.0, [scores(0.8, seed)], TRUTH, WEIGHTS) for seed in range(9)]
    mean = mean_arm_result("random", draws)
    spread = np.std([one.f1 for one in draws], axis=0, ddof=1)
    assert np.std(mean.redraws[DRAWS], axis=0, ddof=1) == pytest.approx(spread / 3)
    told = arm_scores(mean, LABELS, TRUTH, ordinal=False)
    assert told["draws"] == 9
    assert told["spread"] == pytest.approx(np.std([float(macro_f1(one.f1, TRUTH)) for one in draws], ddof=1))
    assert told["macro_f1"] == pytest.approx(np.mean([float(macro_f1(one.f1, TRUTH)) for one in draws]))


def test_figures_have_their_names_and_lie_in_their_ranges() -> None:
    told = arm_scores(measured("seeds", 0.8), LABELS, TRUTH, ordinal=True)
    assert list(told) == [
        *("macro_f1", "accuracy", "balanced_accuracy", "micro_f1", "kappa", "interval", "per_class", "n", "weight"),
    ]  # fmt: skip
    assert (told["n"], told["weight"], told["micro_f1"]) == (12, 1.0, None)
    low, high = told["interval"]  # type: ignore[misc]
    assert low < told["macro_f1"] < high
    assert told["per_class"].keys() == set(LABELS)  # type: ignore[attr-defined]
    assert arm_scores(measured("seeds", 0.8), LABELS, TRUTH, ordinal=False)["kappa"] is None


def test_the_interval_of_a_score_stays_where_scores_can_be() -> None:
    told = arm_scores(measured("seeds", 0.97), LABELS, TRUTH, ordinal=False)
    low, high = told["interval"]  # type: ignore[misc]
    assert told["macro_f1"] > 0.9
    assert 0 <= low < told["macro_f1"] <= high <= 1


def test_figures_of_several_labels_a_text_have_micro_f1() -> None:
    truth = Truth(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0]], np.float32), multi_label=True)
    chances = np.array([[0.9, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.7, 0.1]], np.float32)
    one = arm_result("seeds", "words", 3, 1.0, [chances], truth, row_weights(3, 1))
    told = arm_scores(one, LABELS, truth, ordinal=False)
    assert told["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert told["accuracy"] == pytest.approx(1 / 3)
    assert list(told["per_class"]) == ["calm", "cross"]  # type: ignore[call-overload]
    strict = arm_result("seeds", "words", 3, 1.0, [chances], truth, row_weights(3, 1), np.array([0.7, 0.1, 0.5]))
    assert strict.predicted[0].tolist() == [[1, 1, 0], [0, 1, 0], [0, 1, 0]]
