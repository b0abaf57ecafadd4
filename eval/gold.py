"""Precision of labels above the threshold chosen on gold rows, and coverage of the reported confidence interval.

    python eval/gold.py

Simulated labellers of known precision are calibrated for 95 %: three votes, five votes, probabilities, and a coin. Each
line shows the number of gold rows and the share of the runs in which a threshold was found; then, as means over these
runs, the precision of all texts above the threshold, the precision of the gold rows above it, the share of the runs
whose reported interval contains the precision of all texts, and the share of the texts above the threshold.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate

from textsynth.label.calibration import Point, accuracy_at, calibrate, threshold_for_precision

PRECISION = 0.95
RUNS = 200
TEXTS = 20_000


def three_votes(generator: random.Random) -> Point:
    """Return a label of three votes; .70 of the labels are right at two votes of three, .96 at three."""
    agreement = generator.betavariate(3, 0.7)
    yes = sum(generator.random() < agreement for _ in range(3))
    votes = max(yes, 3 - yes)
    return round(votes / 3, 4), generator.random() < {2: 0.7, 3: 0.96}[votes]


def five_votes(generator: random.Random) -> Point:
    """Return a label of five votes; .65, .88 and .97 of the labels are right at three, four and five votes."""
    share = generator.choice([0.6, 0.6, 0.8, 0.8, 0.8, 1, 1, 1, 1, 1])
    return share, generator.random() < {0.6: 0.65, 0.8: 0.88, 1: 0.97}[share]


def probabilities(generator: random.Random) -> Point:
    """Return a label of an overconfident labeller."""
    confidence = round(generator.betavariate(4, 1.2), 4)
    return confidence, generator.random() < confidence**1.5


def coin(generator: random.Random) -> Point:
    """Return a label whose confidence says nothing."""
    return round(generator.random(), 4), generator.random() < 0.5


def calibrated_runs(
    labeller: Callable[[random.Random], Point], gold_rows: int
) -> Iterator[tuple[float, float, bool, float]]:
    """Yield for each run with a threshold the figures of a line.

    They are the precision of all texts above it, that of the gold rows, whether the reported interval contains the
    former, and the share of the texts above the threshold.
    """
    generator = random.Random(gold_rows)
    texts = sorted(labeller(generator) for _ in range(TEXTS))
    right = [0, *accumulate(is_right for _, is_right in texts)]
    for _ in range(RUNS):
        gold = [labeller(generator) for _ in range(gold_rows)]
        calibration = calibrate(gold)
        threshold = threshold_for_precision(PRECISION, gold, calibration)
        if threshold is None:
            continue
        first = bisect_left([calibration.apply(confidence) for confidence, _ in texts], threshold)
        precision = (right[-1] - right[first]) / (TEXTS - first)
        reported = accuracy_at(threshold, gold, calibration)
        yield precision, reported.fraction, reported.low <= precision <= reported.high, (TEXTS - first) / TEXTS


def main() -> None:
    """Print the table."""
    for labeller in (three_votes, five_votes, probabilities, coin):
        print(labeller.__name__)
        for gold_rows in (30, 60, 120, 200, 500):
            results = list(calibrated_runs(labeller, gold_rows))
            means = [f"{sum(column) / len(results):.3f}" for column in zip(*results, strict=True)]
            print(f"{gold_rows:>6} rows  threshold in {len(results) / RUNS:.2f}  ", "  ".join(means) or "–")


if __name__ == "__main__":
    main()
