"""Rounds of cross-validation over the real seeds, each with the synthetic texts that know nothing of those held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.classify import Codes
from textsynth.evaluate.sets import first_labels

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Round:
    """Seeds held out, seeds kept, and synthetic rows that know nothing of the held-out ones; all rows of the pool."""

    held: Codes
    seeds: Codes
    synthetic: Codes


Allowed = Callable[[Codes], Codes]


def make_rounds(seeds: Codes, targets: Codes, allowed: Allowed, *, seed: int, repeats: int) -> list[Round]:
    """Return `repeats` times five rounds, in each about a fifth of every label's seeds held out, each seed once.

    A label keeps at least one seed in training; one with a single seed is never held out. `allowed` returns the
    synthetic rows for held-out seeds.
    """
    first = first_labels(targets)
    random = np.random.default_rng([seed, 4])
    rounds = []
    for _ in range(repeats):
        turn = np.full(len(seeds), -1)
        for label in np.unique(first[seeds]):
            members = random.permutation(np.flatnonzero(first[seeds] == label))
            if len(members) > 1:
                turn[members] = (np.arange(len(members)) + random.integers(FOLDS)) % FOLDS
        for fold in range(FOLDS):
            held = seeds[turn == fold]
            if len(held):
                rounds.append(Round(held, seeds[turn != fold], allowed(held)))
    return rounds
