"""Finds texts whose label is probably wrong, by confident learning (Northcutt, Jiang and Chuang 2021, JAIR 70).

Both classifiers of the evaluation (words and embeddings) predict each text after training on the texts of the other
folds (cross-fitting), so no prediction is by a classifier that has seen the label of its text. Their probabilities are
averaged. The label quality of a text is the probability of its own label (self-confidence), 0 to 1. A label is an error
where another label's probability reaches the mean self-confidence of the texts with that label, and is higher than any
other that does (the confident joint). Texts that are copies of each other are in one fold.

The alternative score, the normalized margin (own probability minus the highest other one), ranks planted errors of
trec worse. cleanlab implements the same methods; the code here is independent of it and needs no package besides
scikit-learn.

Does not find: errors that all texts of a label share, as the classifiers learn them; errors among labels that words and
embeddings do not tell apart. Finds as errors: correct texts that are unlike others of their label. So nothing is
deleted by default: the scores order a review. With fewer than five texts of a label, its texts are often false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName, Classifiers, TrainingSet
from textsynth.evaluate.metrics import FloatArray, IntArray

FOLDS = 5


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """The result for n texts with k labels, in their order.

    `quality` (n,) is the probability of each text's own label, 0 to 1. `errors` (n,) marks the labels that are probably
    wrong, and `suggested` (n,) is the code of the label that is then more probable, else the text's own.
    """

    quality: FloatArray
    errors: np.ndarray[tuple[int], np.dtype[np.bool_]]
    suggested: IntArray

    def ranked(self) -> list[int]:
        """Return the indices of the texts, the most suspicious first: errors by quality, then the rest by quality."""
        return [int(index) for index in np.lexsort((self.quality, ~self.errors))]


def cross_fitted_probabilities(
    classifiers: Classifiers,
    targets: IntArray,
    groups: Sequence[object],
    *,
    seed: int,
    names: Sequence[ClassifierName] = CLASSIFIERS,
) -> FloatArray:
    """Return the probability of every label for each text, (texts, labels), by classifiers of the other folds.

    `targets` are label codes. Rows with equal `groups` are in one fold. With several `names` the probabilities are
    averaged. The folds depend on `seed` and have about as many texts of each label.
    """
    fold_of = _folds(targets, groups, seed)
    rows = np.arange(len(targets))
    probabilities = np.zeros((len(targets), int(targets.max()) + 1))
    for fold in range(FOLDS):
        held_out, train = rows[fold_of == fold], rows[fold_of != fold]
        if not len(held_out) or not len(train):
            continue
        training_set = TrainingSet(train, targets[train], np.ones(len(train)))
        for name in names:
            (predicted,) = classifiers.probabilities(name, [training_set], held_out)
            probabilities[held_out] += predicted[:, : probabilities.shape[1]] / len(names)
    return probabilities


def find_errors(probabilities: FloatArray, targets: IntArray) -> LabelErrors:
    """Return the label quality of each text and the labels that are probably wrong, from cross-fitted probabilities."""
    rows = np.arange(len(targets))
    quality = probabilities[rows, targets]
    labels = probabilities.shape[1]
    counts = np.bincount(targets, minlength=labels)
    sums = np.bincount(targets, weights=quality, minlength=labels)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    best = confident.argmax(axis=1)
    errors = (confident[rows, best] >= 0) & (best != targets)
    return LabelErrors(quality, errors, np.where(errors, best, targets))


def _folds(targets: IntArray, groups: Sequence[object], seed: int) -> IntArray:
    """Return the fold of each row; a group is in the fold of its first row."""
    generator = np.random.default_rng([seed, 11])
    fold_of = np.zeros(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        members = generator.permutation(np.flatnonzero(targets == label))
        fold_of[members] = (np.arange(len(members)) + generator.integers(FOLDS)) % FOLDS
    first: dict[object, int] = {}
    for row, group in enumerate(groups):
        fold_of[row] = fold_of[first.setdefault(group, row)]
    return fold_of
