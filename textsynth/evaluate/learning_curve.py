"""The learning curve of the real seeds alone, and what more real labels would likely add.

Over the short range of a few seeds macro-F1 grows roughly with the logarithm of the number of rows. A line fitted to
the points of the curve shows what doubling the seeds would add, and how many more real labels are worth as much as the
synthetic texts. Both are extrapolations, reported up to four times the seeds at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.data import first_labels
from textsynth.evaluate.metrics import IntArray

SHARES = (0.4, 0.6, 0.8)
MAX_EXTRAPOLATION = 4.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Macro-F1 of `train_rows` seeds alone: the mean over draws, and the standard deviation of the draws."""

    train_rows: int
    macro_f1: float
    sd: float


def seed_subsets(seeds: IntArray, targets: IntArray, *, seed: int, draws: int) -> list[list[IntArray]]:
    """Return `draws` random subsets of the seeds for each of the shares .4, .6 and .8, stratified by label.

    Every label keeps at least one seed. A share that gives no more rows than the one before, or all seeds, is left out.
    """
    labels = first_labels(targets)
    generator = np.random.default_rng([seed, 5])
    by_share: list[list[IntArray]] = []
    for share in SHARES:
        subsets = []
        for _ in range(draws):
            rows = []
            for label in np.unique(labels[seeds]):
                members = generator.permutation(seeds[labels[seeds] == label])
                rows.append(members[: max(1, round(share * len(members)))])
            subsets.append(np.sort(np.concatenate(rows)))
        if not by_share or len(subsets[0]) > len(by_share[-1][0]):
            by_share.append(subsets)
    return [subsets for subsets in by_share if len(subsets[0]) < len(seeds)]


def gain_per_doubling(curve: Sequence[CurvePoint]) -> float | None:
    """Return how much macro-F1 grows when the rows double, by least squares on log2 of the rows.

    None for fewer than two points.
    """
    if len(curve) < 2:
        return None
    sizes = np.log2([point.train_rows for point in curve])
    return float(np.polyfit(sizes, [point.macro_f1 for point in curve], 1)[0])


def equivalent_rows(curve: Sequence[CurvePoint], difference: float) -> int | None:
    """Return how many more real rows would likely add `difference` to macro-F1.

    None where the curve does not rise, where the difference is not above 0, and where the rows would exceed four times
    the seeds.
    """
    gain = gain_per_doubling(curve)
    if gain is None or gain <= 0 or difference <= 0:
        return None
    doublings = difference / gain
    if doublings > math.log2(MAX_EXTRAPOLATION):
        return None
    return math.ceil(curve[-1].train_rows * (2**doublings - 1))
