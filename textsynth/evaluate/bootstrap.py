"""The interval of a score and of the difference of two: how sure, given other test rows and other training rows.

Both are redrawn by the Bayesian bootstrap (Rubin 1981): rows get random weights of mean 1 instead of being left out
or doubled, so that a label of five rows never loses one. Test rows: exponential weights, predictions fixed. Training
rows: the arm is learnt again with Dirichlet weights within each label; their parameter (n − 2)/n instead of 1 makes up
for n rows redrawn from themselves varying less than n new ones. What two arms share gets the same weights in both. The
two variances add up; the quantile is Student's t with the degrees of freedom of Welch and Satterthwaite.

Does not cover: another draw of seeds before generation, or another sampling of the model. For that the whole run is
repeated with other seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
TEST_DRAWS = 600
LEVEL = 0.95
LEAST_PARAMETER = 0.25


def row_weights(rows: int, seed: int, draws: int = TEST_DRAWS) -> Floats:
    """Return weights (draws, rows) of mean 1 for a test set."""
    return np.random.default_rng([seed, 1]).standard_exponential((draws, rows))


def train_weights(groups: Codes, clusters: Codes, seed: int, draws: int) -> Floats:
    """Return weights (draws, rows) of mean 1 within each group (a label of one set).

    Rows of one cluster (the texts of one answer) share a draw. A group of one cluster has the weight 1.
    """
    from scipy.stats import gamma

    random = np.random.default_rng([seed, 2])
    names, clusters = np.unique(clusters, return_inverse=True)
    drawn = random.random((draws, len(names)))[:, clusters]
    found = np.ones((draws, len(groups)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        size = len(np.unique(clusters[members]))
        if size < 2:
            continue
        own = gamma.ppf(drawn[:, members], max(LEAST_PARAMETER, (size - 2) / size))
        found[:, members] = own / own.mean(axis=1, keepdims=True)
    return found


def interval(estimate: float, redraws: Sequence[Floats], *, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of an estimate from its values over each kind of redraw (test rows, training rows).

    A kind with fewer than two values says nothing; the interval of none is the estimate itself.
    """
    parts = [(float(np.var(one, ddof=1)), len(one) - 1) for one in redraws if len(one) > 1]
    return _around(estimate, parts, level)


def mean_interval(values: Sequence[float], *, level: float = LEVEL) -> tuple[float, float]:
    """Return Student's interval of the mean of independent draws; (value, value) of one."""
    found = np.asarray(values, np.float64)
    if len(found) < 2:
        return float(found.mean()), float(found.mean())
    return _around(float(found.mean()), [(float(found.var(ddof=1)) / len(found), len(found) - 1)], level)


def _around(estimate: float, parts: Sequence[tuple[float, int]], level: float) -> tuple[float, float]:
    from scipy.stats import t

    variance = sum(part for part, _ in parts)
    if variance <= 0:
        return estimate, estimate
    freedom = 1 / sum((part / variance) ** 2 / degrees for part, degrees in parts)
    half = float(t.ppf((1 + level) / 2, freedom)) * variance**0.5
    return estimate - half, estimate + half
