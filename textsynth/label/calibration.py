"""Calibration: learns from gold rows how often a labeller is correct at each confidence.

The map from confidence to accuracy is isotonic regression by pooling adjacent violators (Ayer et al. 1955; for
confidences Zadrozny and Elkan 2002): the best fit among all maps that never decrease. Fewer than 50 rows are first put
into at most four groups of neighbouring confidences (histogram binning, Zadrozny and Elkan 2001); the few values that
votes can have are such groups already. One correct row is added at the lowest confidence and one incorrect row at the
highest, so that few rows never give certainty: for n rows that are all correct the result is (n + 1) / (n + 2),
Laplace's rule of succession. Below the lowest confidence of all rows the map falls in a straight line to 0. Intervals
are Wilson's 95 % intervals (1927).

The threshold is the smallest one at which enough rows are correct, and at least 20 rows must reach it. Simulated with
labellers of known accuracy and a target of 95 % (eval/gold.py): with three votes and 60 gold rows, 95.7 % of all texts
that pass are correct, and 97.8 % of the gold rows that pass. With log-probabilities, which allow more thresholds to
choose from, 92.4 % of the texts are correct with 120 rows, 93.4 % with 200 and 94.5 % with 500. The reported interval
contains the true accuracy in 92 to 100 of 100 runs.

Limits: the gold rows must be of the same kind as the texts and drawn at random. The interval of the rows that pass does
not account for the choice of the threshold on the same rows, so it is somewhat optimistic.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

MIN_ROWS = 20
"""Minimum number of rows that must reach a threshold."""
MIN_ISOTONIC_ROWS = 50
"""Fewer rows are put into groups first."""
MAX_GROUPS = 4
DECIMALS = 4
_Z = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution

Point = tuple[float, bool]
"""The confidence of a label, 0 to 1, and whether the label is correct."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """The number of correct rows among `rows`, with Wilson's 95 % interval; for 0 rows the interval is 0 to 1."""

    right: int
    rows: int

    @property
    def fraction(self) -> float:
        """The share of correct rows, 0 to 1; 0 for 0 rows."""
        return self.right / self.rows if self.rows else 0.0

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return max(0.0, self._center - self._half_width) if self.right else 0.0

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return min(1.0, self._center + self._half_width) if self.right < self.rows else 1.0

    @property
    def _center(self) -> float:
        return (self.right + _Z**2 / 2) / (self.rows + _Z**2)

    @property
    def _half_width(self) -> float:
        variance = self.right * (self.rows - self.right) / self.rows + _Z**2 / 4 if self.rows else 0.0
        return _Z * math.sqrt(variance) / (self.rows + _Z**2)


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows with neighbouring confidences that have the same calibrated confidence.

    `lowest` and `highest` are their confidences before calibration, `accuracy` is how many of them are correct.
    """

    lowest: float
    highest: float
    accuracy: Proportion
    confidence: float


@dataclass(frozen=True)
class Calibration:
    """The map from a labeller's confidence to the probability that its label is correct. It never decreases.

    `bins` are in ascending order of confidence.
    """

    bins: tuple[CalibrationBin, ...]

    def apply(self, confidence: float) -> float:
        """Return the probability that a label is correct, 0 to 1, rounded to four decimals.

        Between two bins it is interpolated linearly. Without bins it is 0.
        """
        knots = self._knots
        index = bisect_left(knots, (confidence,))
        if index == len(knots):
            return knots[-1][1]
        x_above, y_above = knots[index]
        if index == 0 or x_above == confidence:
            return y_above
        x_below, y_below = knots[index - 1]
        return round(y_below + (y_above - y_below) * (confidence - x_below) / (x_above - x_below), DECIMALS)

    @cached_property
    def _knots(self) -> list[tuple[float, float]]:
        """The points (confidence, calibrated confidence) between which the map is linear, in ascending order."""
        ends = [(end, bin_.confidence) for bin_ in self.bins for end in (bin_.lowest, bin_.highest)]
        return sorted({(0.0, 0.0), *ends}) if not ends or ends[0][0] > 0 else sorted(set(ends))


def calibrate(points: Sequence[Point]) -> Calibration:
    """Return the calibration that the points give. Their order does not matter."""
    groups = _group(sorted(points))
    blocks: list[_Block] = []
    for index, group in enumerate(groups):
        block = _Block(group[0][0], group[-1][0], len(group), sum(right for _, right in group))
        is_first, is_last = index == 0, index == len(groups) - 1
        block.prior_right, block.prior_rows = int(is_first), int(is_first) + int(is_last)
        while blocks and blocks[-1].value >= block.value:
            block = blocks.pop().merge(block)
        blocks.append(block)
    return Calibration(
        tuple(
            CalibrationBin(
                block.lowest, block.highest, Proportion(block.right, block.rows), round(block.value, DECIMALS)
            )
            for block in blocks
        )
    )


def accuracy_at(threshold: float, points: Sequence[Point], calibration: Calibration) -> Proportion:
    """Return the accuracy on the points whose calibrated confidence is at least `threshold`."""
    passing = [right for confidence, right in points if calibration.apply(confidence) >= threshold]
    return Proportion(sum(passing), len(passing))


def possible_thresholds(points: Sequence[Point], calibration: Calibration) -> list[tuple[float, Proportion]]:
    """Return each threshold that at least MIN_ROWS points reach, with the accuracy on these points, ascending."""
    thresholds = sorted({calibration.apply(confidence) for confidence, _ in points})
    accuracies = [(threshold, accuracy_at(threshold, points, calibration)) for threshold in thresholds]
    return [(threshold, accuracy) for threshold, accuracy in accuracies if accuracy.rows >= MIN_ROWS]


def threshold_for_precision(
    precision: float, points: Sequence[Point], calibration: Calibration, *, cautious: bool = False
) -> float | None:
    """Return the smallest threshold with an accuracy of at least `precision`, None where there is none.

    `cautious` compares the accuracy with one correct and one incorrect row added (the rule of succession), so that few
    rows that are correct by luck do not reach a high precision.
    """
    prior_right, prior_rows = (1, 2) if cautious else (0, 0)
    for threshold, accuracy in possible_thresholds(points, calibration):
        if accuracy.right + prior_right >= precision * (accuracy.rows + prior_rows):
            return threshold
    return None


@dataclass
class _Block:
    """A block of pooled rows; the prior rows are those that are added at the lowest and the highest confidence."""

    lowest: float
    highest: float
    rows: int
    right: int
    prior_rows: int = 0
    prior_right: int = 0

    @property
    def value(self) -> float:
        return (self.right + self.prior_right) / (self.rows + self.prior_rows)

    def merge(self, following: _Block) -> _Block:
        return _Block(
            self.lowest,
            following.highest,
            self.rows + following.rows,
            self.right + following.right,
            self.prior_rows + following.prior_rows,
            self.prior_right + following.prior_right,
        )


def _group(points: Sequence[Point]) -> list[list[Point]]:
    """Return sorted points in groups of equal confidence; few points with many confidences in at most MAX_GROUPS."""
    equal: list[list[Point]] = []
    for point in points:
        if equal and equal[-1][0][0] == point[0]:
            equal[-1].append(point)
        else:
            equal.append([point])
    if len(points) >= MIN_ISOTONIC_ROWS or len(equal) <= MAX_GROUPS:
        return equal
    groups: list[list[Point]] = []
    for same_confidence in equal:
        grouped = sum(map(len, groups))
        if groups and grouped < len(points) * len(groups) / MAX_GROUPS:
            groups[-1] += same_confidence
        else:
            groups.append(list(same_confidence))
    return groups
