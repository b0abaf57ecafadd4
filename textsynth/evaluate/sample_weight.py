"""How much a synthetic text should count beside a real one, fitted on the real seeds: 0 is an honest answer.

For each weight of a grid, classifiers are trained on most seeds and the synthetic texts, and asked about the seeds
held out; each seed is held out once a round. So that this does not cheat, a round leaves out every synthetic text that
rewrites a held-out seed or whose prompt showed one, and lets the recipe's `agreement` choose among the rest anew, by
classifiers that never saw the held-out seeds. What counts is log-loss, after one temperature for all rows of a weight
(more rows make a classifier surer of itself, which is no merit). One weight for all labels, rare ones too: a few seeds
a label carry no more.

Of the weights that are not worse than the best one by more than one standard error of their difference (paired, over
seeds), the one nearest to the prior is taken (ties: the smaller one). The prior served best on development splits.

Does not catch: seeds that are themselves unlike what will be asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.classifiers import Classifiers, Codes, Floats, Kind, Training
from textsynth.evaluate.cross_validation import Fold

GRID = (0.0, 0.1, 0.3, 1.0)
PRIOR: dict[Kind, float] = {"words": 0.3, "embeddings": 0.0}
TEMPERATURES = np.geomspace(0.2, 5.0, 33)
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class WeightCandidate:
    """One weight of the grid: its mean log-loss on held-out seeds, and the standard error of its loss over the best."""

    weight: float
    log_loss: float
    se: float


@dataclass(frozen=True, slots=True)
class FittedWeight:
    """The weight chosen, its prior, the grid, and the number of seeds asked about (0: none, so the prior stands)."""

    weight: float
    prior: float
    rows: int
    grid: tuple[WeightCandidate, ...]


def fit_weight(classifiers: Classifiers, kind: Kind, rounds: Sequence[Fold], targets: Codes) -> FittedWeight:
    """Return the weight for one classifier."""
    prior = PRIOR[kind]
    if not rounds:
        return FittedWeight(prior, prior, 0, ())
    losses = np.stack(_losses(classifiers, kind, rounds, targets))
    means = losses.mean(axis=1)
    best = int(means.argmin())
    beyond = losses - losses[best]
    errors = beyond.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    grid = tuple(WeightCandidate(*map(float, told)) for told in zip(GRID, means, errors, strict=True))
    good = [place for place in range(len(GRID)) if means[place] - means[best] <= errors[place]]
    chosen = min(good, key=lambda place: (abs(place - GRID.index(prior)), GRID[place]))
    return FittedWeight(GRID[chosen], prior, losses.shape[1], grid)


def _losses(classifiers: Classifiers, kind: Kind, rounds: Sequence[Fold], targets: Codes) -> list[Floats]:
    """Return for each weight the loss of every held-out seed at the best temperature."""
    chances: list[list[Floats]] = [[] for _ in GRID]
    truth = np.concatenate([targets[one.held] for one in rounds])
    for one in rounds:
        rows = np.concatenate([one.seeds, one.synthetic])
        parts = (np.ones(len(one.seeds)), np.ones(len(one.synthetic)))
        trainings = [Training(rows, targets[rows], np.concatenate([parts[0], parts[1] * weight])) for weight in GRID]
        for place, scores in enumerate(classifiers.scores(kind, trainings, one.held)):
            chances[place].append(scores.astype(np.float64))
    return [_tempered(np.concatenate(some), truth) for some in chances]


def _tempered(chances: Floats, truth: Codes) -> Floats:
    """Return each row's log-loss at the temperature with the lowest mean."""
    chances = np.clip(chances, LEAST, 1 - LEAST)
    tried = []
    for temperature in TEMPERATURES:
        if truth.ndim == 1:
            told = np.log(chances) / temperature
            told -= np.logaddexp.reduce(told, axis=1, keepdims=True)
            tried.append(-told[np.arange(len(truth)), truth])
        else:
            odds = (np.log(chances) - np.log1p(-chances)) / temperature
            tried.append((np.logaddexp(0, odds) - truth * odds).sum(axis=1))
    return min(tried, key=lambda losses: float(losses.mean()))
