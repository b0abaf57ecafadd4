"""Confidence intervals of a score and of the difference of two scores, by the Bayesian bootstrap.

Two sources of uncertainty are resampled: the test rows and the training rows. The Bayesian bootstrap (Rubin 1981) gives
rows random weights of mean 1 instead of leaving some out and repeating others, so that a label of five rows never loses
one. Test rows: exponential weights, with the predictions fixed. Training rows: the arm is trained again with Dirichlet
weights within each label; the Dirichlet parameter is (n − 2)/n instead of 1, because n rows resampled from themselves
vary less than n new ones. Rows that two arms share get the same weights in both. The two variances are added; the
quantile is Student's t with the Welch–Satterthwaite degrees of freedom.

Does not cover: other seeds chosen before generation, or another sampling of the model. For these, repeat the whole run
with other seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textsynth.evaluate.metrics import FloatArray, IntArray

TEST_DRAWS = 600
LEVEL = 0.95
MIN_PARAMETER = 0.25


def resample_test_rows(rows: int, seed: int, draws: int = TEST_DRAWS) -> FloatArray:
    """Return random weights of mean 1 for the rows of a test set, (draws, rows)."""
    return np.random.default_rng([seed, 1]).standard_exponential((draws, rows))


def resample_training_rows(groups: IntArray, clusters: IntArray, seed: int, draws: int) -> FloatArray:
    """Return random weights of mean 1 within each group (one label of one set), (draws, rows).

    Rows of one cluster (the texts of one completion) share a weight. In a group of one cluster all weights are 1.
    """
    from scipy.stats import gamma

    generator = np.random.default_rng([seed, 2])
    names, clusters = np.unique(clusters, return_inverse=True)
    quantiles = generator.random((draws, len(names)))[:, clusters]
    weights = np.ones((draws, len(groups)))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        size = len(np.unique(clusters[members]))
        if size < 2:
            continue
        group_weights = gamma.ppf(quantiles[:, members], max(MIN_PARAMETER, (size - 2) / size))
        weights[:, members] = group_weights / group_weights.mean(axis=1, keepdims=True)
    return weights


def interval(estimate: float, resampled: Sequence[FloatArray], *, level: float = LEVEL) -> tuple[float, float]:
    """Return the confidence interval of an estimate.

    `resampled` holds the values of the estimate over the draws of each source of uncertainty (test rows, training
    rows). A source with fewer than two values is ignored; without any, the interval is the estimate itself.
    """
    variances = [(float(np.var(values, ddof=1)), len(values) - 1) for values in resampled if len(values) > 1]
    return _student_interval(estimate, variances, level)


def mean_interval(values: Sequence[float], *, level: float = LEVEL) -> tuple[float, float]:
    """Return Student's interval of the mean of independent values; (value, value) for a single one."""
    sample = np.asarray(values, np.float64)
    mean = float(sample.mean())
    if len(sample) < 2:
        return mean, mean
    return _student_interval(mean, [(float(sample.var(ddof=1)) / len(sample), len(sample) - 1)], level)


def _student_interval(estimate: float, variances: Sequence[tuple[float, int]], level: float) -> tuple[float, float]:
    """Return the interval for the sum of independent variances, each with its degrees of freedom."""
    from scipy.stats import t

    total = sum(variance for variance, _ in variances)
    if total <= 0:
        return estimate, estimate
    degrees = 1 / sum((variance / total) ** 2 / freedom for variance, freedom in variances)
    half_width = float(t.ppf((1 + level) / 2, degrees)) * total**0.5
    return estimate - half_width, estimate + half_width
