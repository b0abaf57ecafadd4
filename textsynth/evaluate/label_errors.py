"""Finds texts whose label is probably wrong, by confident learning (`similarity/confident_learning.py`).

Both classifiers of the evaluation (words and embeddings) predict each text after training on the texts of the other
folds (cross-fitting), so no prediction is by a classifier that has seen the label of its text. Their probabilities are
averaged. Texts that are copies of each other are in one fold.

Does not find: errors that all texts of a label share, as the classifiers learn them; errors among labels that words and
embeddings do not tell apart. Finds as errors: correct texts that are unlike others of their label. So nothing is
deleted by default: the scores order a review. With fewer than five texts of a label, its texts are often false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textsynth.evaluate.classifiers import CLASSIFIERS, ClassifierName, Classifiers, TrainingSet
from textsynth.evaluate.metrics import FloatArray, IntArray
from textsynth.similarity.confident_learning import cross_fit


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
    labels = int(targets.max()) + 1

    def predict(train: IntArray, held_out: IntArray) -> FloatArray:
        probabilities = np.zeros((len(held_out), labels))
        if len(train):
            training_set = TrainingSet(train, targets[train], np.ones(len(train)))
            for name in names:
                (predicted,) = classifiers.probabilities(name, [training_set], held_out)
                probabilities += predicted[:, :labels] / len(names)
        return probabilities

    return cross_fit(targets, groups, seed, labels, predict)
