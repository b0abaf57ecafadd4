"""The sample weight of a synthetic text relative to a real one, fitted by cross-validation on the real seeds.

For each weight of a grid, from 0 (do not use the synthetic texts) to 1, classifiers are trained on most of the seeds
and the synthetic texts and evaluated on the held-out seeds; each seed is held out once a repeat. To prevent leakage
from the held-out seeds, a fold leaves out every synthetic text that rewrites one or whose prompt showed one, and the
recipe's `agreement` filters the others again, trained without them. The criterion is log-loss, after one temperature
is fitted for all rows of a weight (more training rows make a classifier more confident, which is no gain in itself).
One weight serves all labels, rare ones too: a few seeds a label cannot support more.

Among the weights whose loss exceeds the lowest by at most one standard error of the difference (paired, over seeds),
the one nearest to the prior is chosen (ties: the smaller one). The prior is the best weight on development splits.

Does not detect: seeds that are themselves unlike the texts that the classifier will meet in use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.classifiers import ClassifierName, Classifiers, TrainingSet
from textsynth.evaluate.cross_validation import Fold
from textsynth.evaluate.metrics import FloatArray, IntArray

GRID = (0.0, 0.1, 0.3, 1.0)
PRIOR: dict[ClassifierName, float] = {"words": 0.3, "embeddings": 0.0}
TEMPERATURES = np.geomspace(0.2, 5.0, 33)
MIN_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class WeightCandidate:
    """A weight of the grid: its mean log-loss on held-out seeds, and the standard error of its excess over the best."""

    weight: float
    log_loss: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class FittedWeight:
    """The chosen weight, its prior, the number of held-out seeds (0: the prior was taken), and the grid."""

    weight: float
    prior: float
    held_out_rows: int
    grid: tuple[WeightCandidate, ...]


def better_on_seeds(weights: Mapping[ClassifierName, FittedWeight]) -> ClassifierName:
    """Return the classifier with the lower loss on held-out seeds without synthetic texts; without one, embeddings."""
    losses = {classifier: fitted.grid[0].log_loss for classifier, fitted in weights.items() if fitted.grid}
    return min(losses, key=lambda classifier: losses[classifier]) if losses else "embeddings"


def fit_weight(
    classifiers: Classifiers, classifier: ClassifierName, folds: Sequence[Fold], targets: IntArray
) -> FittedWeight:
    """Return the sample weight for one classifier; `targets` are those of the whole pool."""
    prior = PRIOR[classifier]
    if not folds:
        return FittedWeight(prior, prior, 0, ())
    losses = np.stack(_losses(classifiers, classifier, folds, targets))
    means = losses.mean(axis=1)
    best = int(means.argmin())
    excess = losses - losses[best]
    errors = excess.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    grid = tuple(WeightCandidate(*map(float, values)) for values in zip(GRID, means, errors, strict=True))
    acceptable = [index for index in range(len(GRID)) if means[index] - means[best] <= errors[index]]
    chosen = min(acceptable, key=lambda index: (abs(index - GRID.index(prior)), GRID[index]))
    return FittedWeight(GRID[chosen], prior, losses.shape[1], grid)


def _losses(
    classifiers: Classifiers, classifier: ClassifierName, folds: Sequence[Fold], targets: IntArray
) -> list[FloatArray]:
    """Return for each weight of the grid the log-loss of every held-out seed at the best temperature."""
    by_weight: list[list[FloatArray]] = [[] for _ in GRID]
    truth = np.concatenate([targets[fold.held_out] for fold in folds])
    for fold in folds:
        rows = np.concatenate([fold.train, fold.synthetic])
        real, synthetic = np.ones(len(fold.train)), np.ones(len(fold.synthetic))
        training_sets = [
            TrainingSet(rows, targets[rows], np.concatenate([real, synthetic * weight])) for weight in GRID
        ]
        for index, scores in enumerate(classifiers.probabilities(classifier, training_sets, fold.held_out)):
            by_weight[index].append(scores.astype(np.float64))
    return [_calibrated_loss(np.concatenate(probabilities), truth) for probabilities in by_weight]


def _calibrated_loss(probabilities: FloatArray, truth: IntArray) -> FloatArray:
    """Return each row's log-loss at the temperature with the lowest mean log-loss."""
    probabilities = np.clip(probabilities, MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    by_temperature = []
    for temperature in TEMPERATURES:
        if truth.ndim == 1:
            logits = np.log(probabilities) / temperature
            logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
            by_temperature.append(-logits[np.arange(len(truth)), truth])
        else:
            log_odds = (np.log(probabilities) - np.log1p(-probabilities)) / temperature
            by_temperature.append((np.logaddexp(0, log_odds) - truth * log_odds).sum(axis=1))
    return min(by_temperature, key=lambda losses: float(losses.mean()))
