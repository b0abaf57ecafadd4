"""Confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70): labels that are probably wrong, from probabilities.

The probabilities are cross-fitted: those of a text come from a classifier that was trained on the texts of other folds.
The label quality of a text is the probability of its own label (self-confidence), 0 to 1. A label is an error where
another label's probability reaches the mean self-confidence of the texts with that label, and is higher than any other
that does (the confident joint); at a tie the label stays.

The alternative score, the normalized margin (own probability minus the highest other one), ranks planted errors of
trec worse. cleanlab implements the same methods; the code here is independent of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
_ROUNDING = 1e-12
"""A mean of equal numbers may be above them by rounding, and depends on their order."""


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """The result for n texts with k labels, in their order.

    `quality` (n,) is the probability of each text's own label, 0 to 1. `errors` (n,) marks the labels that are probably
    wrong, and `suggested` (n,) is the code of the label that is then more probable, else the text's own.
    """

    quality: NDArray[np.float64]
    errors: NDArray[np.bool_]
    suggested: NDArray[np.int64]

    def ranked(self) -> list[int]:
        """Return the indices of the texts, the most suspicious first: errors by quality, then the rest by quality."""
        return [int(index) for index in np.lexsort((self.quality, ~self.errors))]


def find_errors(probabilities: NDArray[np.float64], targets: NDArray[np.int64]) -> LabelErrors:
    """Return the label quality of each text and the labels that are probably wrong.

    `probabilities` (texts, labels) are cross-fitted, `targets` (texts,) are label codes.
    """
    rows = np.arange(len(targets))
    quality = probabilities[rows, targets]
    labels = probabilities.shape[1]
    counts = np.bincount(targets, minlength=labels)
    sums = np.bincount(targets, weights=quality, minlength=labels)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds * (1 - _ROUNDING), probabilities, -1.0)
    best = confident.argmax(axis=1)
    errors = confident[rows, best] > confident[rows, targets]
    return LabelErrors(quality, errors, np.where(errors, best, targets))


def stratified_folds(targets: NDArray[np.int64], groups: Sequence[object], seed: int) -> NDArray[np.int64]:
    """Return the fold of each text, 0 to 4, with about as many texts of each label in all folds.

    Texts with equal `groups` are in one fold: that of the first of them.
    """
    generator = np.random.default_rng([seed, 11])
    fold_of = np.zeros(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        members = generator.permutation(np.flatnonzero(targets == label))
        fold_of[members] = (np.arange(len(members)) + generator.integers(FOLDS)) % FOLDS
    first: dict[object, int] = {}
    for row, group in enumerate(groups):
        fold_of[row] = fold_of[first.setdefault(group, row)]
    return fold_of
