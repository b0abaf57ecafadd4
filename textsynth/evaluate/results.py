"""The result of an arm and the difference of two arms, with confidence intervals over test rows and training rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from textsynth.evaluate.bootstrap import LEVEL, interval
from textsynth.evaluate.classifiers import ClassifierName
from textsynth.evaluate.metrics import (
    Float32Array,
    FloatArray,
    Truth,
    accuracy,
    balanced_accuracy,
    f1_by_label,
    macro_f1,
    micro_f1,
    precision_by_label,
    predict,
    quadratic_kappa,
    recall_by_label,
)

TEST_ROWS, TRAINING_ROWS, DRAWS = "test rows", "training rows", "draws"
FEW_ROWS = 20  # below this number of test rows a label's F1 is too uncertain to report a change
DifferenceEffect = Literal["helps", "no_difference", "harms"]


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm with one classifier.

    `train_rows` is the number of training rows, `sample_weight` that of a synthetic text. `f1` holds each label's F1,
    (labels,); `resampled` the same over resampled rows, (draws, labels), by source of uncertainty (test rows, training
    rows, draws). `predicted` are the predictions (test rows, labels); for an arm of several draws, those of each draw.
    """

    arm: str
    classifier: ClassifierName
    train_rows: int
    sample_weight: float
    predicted: tuple[Float32Array, ...]
    f1: FloatArray
    resampled: Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True)
class LabelChange:
    """The change of one label's F1 between two arms, its interval, and the number of test rows of the label."""

    label: str
    change: float
    interval: tuple[float, float]
    test_rows: int

    @property
    def few_rows(self) -> bool:
        """Whether the label has under 20 test rows, too few to report its change."""
        return self.test_rows < FEW_ROWS


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """Macro-F1 of an arm minus that of a baseline, its 95 % interval, and the change of each label of the test set."""

    arm: str
    baseline: str
    classifier: ClassifierName
    difference: float
    interval: tuple[float, float]
    per_label: tuple[LabelChange, ...] = ()

    @property
    def effect(self) -> DifferenceEffect:
        """`helps` for an interval above 0, `harms` for one below 0, else `no_difference`."""
        if self.interval[0] > 0:
            return "helps"
        return "harms" if self.interval[1] < 0 else "no_difference"


def arm_result(
    arm: str,
    classifier: ClassifierName,
    train_rows: int,
    sample_weight: float,
    probabilities: Sequence[Float32Array],
    truth: Truth,
    test_weights: FloatArray,
    thresholds: FloatArray | None = None,
) -> ArmResult:
    """Return an arm's result from its probabilities: those of the arm itself, then those of resampled training rows.

    `test_weights` (draws, rows) are the resampled weights of the test rows.
    """
    predicted = [predict(scores, multi_label=truth.multi_label, thresholds=thresholds) for scores in probabilities]
    resampled = {TEST_ROWS: f1_by_label(predicted[0], truth, test_weights)}
    if len(predicted) > 2:
        resampled[TRAINING_ROWS] = np.stack([f1_by_label(draw, truth) for draw in predicted[1:]])
    f1 = f1_by_label(predicted[0], truth)
    return ArmResult(arm, classifier, train_rows, sample_weight, (predicted[0],), f1, resampled)


def mean_arm_result(arm: str, draws: Sequence[ArmResult]) -> ArmResult:
    """Return the mean result over several draws of an arm; their spread is the uncertainty of that mean."""
    f1 = np.stack([draw.f1 for draw in draws])
    mean = f1.mean(axis=0)
    resampled: dict[str, FloatArray] = {TEST_ROWS: np.mean([draw.resampled[TEST_ROWS] for draw in draws], axis=0)}
    if len(draws) > 1:
        resampled[DRAWS] = mean + (f1 - mean) / np.sqrt(len(draws))
    first = draws[0]
    predicted = tuple(draw.predicted[0] for draw in draws)
    return ArmResult(arm, first.classifier, first.train_rows, first.sample_weight, predicted, mean, resampled)


def difference(result: ArmResult, baseline: ArmResult, labels: Sequence[str], truth: Truth) -> ArmDifference:
    """Return the difference of two arms; a source of uncertainty that both resampled is compared draw by draw.

    The intervals of the labels with at least 20 test rows hold simultaneously (Bonferroni).
    """
    resampled = _paired_differences(result, baseline)
    total = float(macro_f1(result.f1, truth) - macro_f1(baseline.f1, truth))
    total_interval = interval(total, [macro_f1(draws, truth) for draws in resampled])
    counts = [int(count) for count in truth.row_counts]
    level = 1 - (1 - LEVEL) / max(1, sum(count >= FEW_ROWS for count in counts))
    per_label = []
    for code, label in enumerate(labels):
        if counts[code]:
            change = float(result.f1[code] - baseline.f1[code])
            change_interval = interval(change, [draws[:, code] for draws in resampled], level=level)
            per_label.append(LabelChange(label, change, change_interval, counts[code]))
    return ArmDifference(result.arm, baseline.arm, result.classifier, total, total_interval, tuple(per_label))


def _paired_differences(result: ArmResult, baseline: ArmResult) -> list[FloatArray]:
    """Return the resampled values of each source: paired differences, or each arm's own where draws do not match."""
    values = []
    for source in (TEST_ROWS, TRAINING_ROWS, DRAWS):
        ours, theirs = result.resampled.get(source), baseline.resampled.get(source)
        if ours is not None and theirs is not None and len(ours) == len(theirs):
            values.append(ours - theirs)
        else:
            values += [draws for draws in (ours, theirs) if draws is not None]
    return values


@dataclass(frozen=True, slots=True)
class LabelScores:
    """F1, precision and recall of one label, and its number of test rows."""

    f1: float
    precision: float
    recall: float
    test_rows: int


@dataclass(frozen=True, slots=True)
class ArmScores:
    """The scores of an arm: means over its draws, with the 95 % interval of macro-F1 within 0 to 1.

    `micro_f1` is None unless a text may have several labels, `quadratic_kappa` unless the labels are ordered.
    `per_label` has the labels that occur in the test set. For an arm of several draws `draws` is their number and `sd`
    the standard deviation of their macro-F1, else both are None.
    """

    macro_f1: float
    accuracy: float
    balanced_accuracy: float
    micro_f1: float | None
    quadratic_kappa: float | None
    interval: tuple[float, float]
    per_label: Mapping[str, LabelScores]
    train_rows: int
    sample_weight: float
    draws: int | None = None
    sd: float | None = None


def arm_scores(result: ArmResult, labels: Sequence[str], truth: Truth, *, ordinal: bool) -> ArmScores:
    """Return the scores of an arm; with `ordinal` the labels are in an order, lowest first."""

    def mean(metric: Callable[[Float32Array, Truth], float]) -> float:
        return float(np.mean([metric(draw, truth) for draw in result.predicted]))

    total = float(macro_f1(result.f1, truth))
    low, high = interval(total, [macro_f1(draws, truth) for draws in result.resampled.values()])
    precision = np.mean([precision_by_label(draw, truth) for draw in result.predicted], axis=0)
    recall = np.mean([recall_by_label(draw, truth) for draw in result.predicted], axis=0)
    counts = truth.row_counts
    draws, sd = None, None
    if len(result.predicted) > 1:
        draws = len(result.predicted)
        sd = float(np.std([macro_f1(f1_by_label(draw, truth), truth) for draw in result.predicted], ddof=1))
    return ArmScores(
        macro_f1=total,
        accuracy=mean(accuracy),
        balanced_accuracy=mean(balanced_accuracy),
        micro_f1=mean(micro_f1) if truth.multi_label else None,
        quadratic_kappa=mean(quadratic_kappa) if ordinal else None,
        interval=(max(low, 0.0), min(high, 1.0)),
        per_label={
            label: LabelScores(float(result.f1[code]), float(precision[code]), float(recall[code]), int(counts[code]))
            for code, label in enumerate(labels)
            if counts[code]
        },
        train_rows=result.train_rows,
        sample_weight=result.sample_weight,
        draws=draws,
        sd=sd,
    )
