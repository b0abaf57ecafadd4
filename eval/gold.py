"""How right are labels that pass the limit chosen on gold rows, and does the interval told hold the truth?

    python eval/gold.py

Labellers whose truth is known are asked for 95 %: three votes, five votes, probabilities, and a tossed coin. Each line:
gold rows, in how many of the runs a limit was found, the share right of all texts that pass it (mean), of the gold rows
that pass it (mean), how often the interval told holds the truth, and the share of texts that passes.
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


def three_votes(chance: random.Random) -> Point:
    """Return a point of a labeller whose votes agree more or less; .70 and .96 right at two and three of three."""
    held = chance.betavariate(3, 0.7)
    yes = sum(chance.random() < held for _ in range(3))
    most = max(yes, 3 - yes)
    return round(most / 3, 4), chance.random() < {2: 0.7, 3: 0.96}[most]


def five_votes(chance: random.Random) -> Point:
    """Return a point of five votes: .65, .88 and .97 right at three, four and five."""
    share = chance.choice([0.6, 0.6, 0.8, 0.8, 0.8, 1, 1, 1, 1, 1])
    return share, chance.random() < {0.6: 0.65, 0.8: 0.88, 1: 0.97}[share]


def probabilities(chance: random.Random) -> Point:
    """Return a point of a labeller that is surer of itself than it is right."""
    told = round(chance.betavariate(4, 1.2), 4)
    return told, chance.random() < told**1.5


def coin(chance: random.Random) -> Point:
    """Return a point that says nothing."""
    return round(chance.random(), 4), chance.random() < 0.5


def runs(make: Callable[[random.Random], Point], rows: int) -> Iterator[tuple[float, float, bool, float]]:
    """Yield true and told share, whether the interval holds the true one, and what passes, of each run with a limit."""
    chance = random.Random(rows)
    texts = sorted(make(chance) for _ in range(TEXTS))
    right = [0, *accumulate(good for _, good in texts)]
    for _ in range(RUNS):
        points = [make(chance) for _ in range(rows)]
        calibration = calibrate(points)
        limit = threshold_for_precision(PRECISION, points, calibration)
        if limit is None:
            continue
        first = bisect_left([calibration.apply(sure) for sure, _ in texts], limit)
        true = (right[-1] - right[first]) / (TEXTS - first)
        told = accuracy_at(limit, points, calibration)
        yield true, told.fraction, told.low <= true <= told.high, (TEXTS - first) / TEXTS


def main() -> None:
    """Print the table."""
    for make in (three_votes, five_votes, probabilities, coin):
        print(make.__name__)
        for rows in (30, 60, 120, 200, 500):
            found = list(runs(make, rows))
            means = [f"{sum(one) / len(found):.3f}" for one in zip(*found, strict=True)]
            print(f"{rows:>6} rows  limit in {len(found) / RUNS:.2f}  ", "  ".join(means) or "–")


if __name__ == "__main__":
    main()
