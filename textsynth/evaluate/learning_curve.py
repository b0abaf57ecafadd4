"""The learning curve of the real seeds alone, and what more of them would likely bring.

Macro-F1 grows about with the logarithm of the number of rows over the short range that a few seeds span. A line through
the curve's points tells what doubling the seeds would bring and how many more real labels are worth as much as the
synthetic texts: an extrapolation, trusted to four times the seeds at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.data import Codes, first_labels

SHARES = (0.4, 0.6, 0.8)
FARTHEST = 4.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Macro-F1 of the seeds alone when `train` of them are used: the mean over draws, and their standard deviation."""

    train: int
    macro_f1: float
    spread: float


def nested_subsets(seeds: Codes, targets: Codes, *, seed: int, draws: int) -> list[list[Codes]]:
    """Return, for each share of the seeds (.4, .6, .8), `draws` random parts with as even a share of every label.

    Every label keeps a seed. Shares that give the same number of rows as the one before are left out.
    """
    first = first_labels(targets)
    random = np.random.default_rng([seed, 5])
    found: list[list[Codes]] = []
    for share in SHARES:
        parts = []
        for _ in range(draws):
            kept = []
            for label in np.unique(first[seeds]):
                members = random.permutation(seeds[first[seeds] == label])
                kept.append(members[: max(1, round(share * len(members)))])
            parts.append(np.sort(np.concatenate(kept)))
        if not found or len(parts[0]) > len(found[-1][0]):
            found.append(parts)
    return [parts for parts in found if len(parts[0]) < len(seeds)]


def slope(points: Sequence[CurvePoint]) -> float | None:
    """Return how much macro-F1 grows when the rows double, by least squares on the logarithm; None for one point."""
    if len(points) < 2:
        return None
    sizes = np.log2([point.train for point in points])
    return float(np.polyfit(sizes, [point.macro_f1 for point in points], 1)[0])


def equivalent_rows(points: Sequence[CurvePoint], difference: float) -> int | None:
    """Return how many more real rows would likely bring `difference`; None where the curve cannot tell.

    That is where it does not rise, where the difference is not above 0, or where it lies beyond four times the seeds.
    """
    rise = slope(points)
    if rise is None or rise <= 0 or difference <= 0:
        return None
    doublings = difference / rise
    return math.ceil(points[-1].train * (2**doublings - 1)) if doublings <= math.log2(FARTHEST) else None
