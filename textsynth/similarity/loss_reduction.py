"""Selects the texts from which classifiers learn most about all others: greedy reduction of the loss, in rounds.

In each round two classifiers, logistic regression on TF-IDF words and on embeddings, are trained on the known and the
selected texts. A text's gain is how much one gradient step on it would lower their log-loss, summed over all other
candidates (the first-order gain of GLISTER, Killamsetty et al. 2021, AAAI; the candidates are the validation set, the
text itself excepted). In units of the mean size of the gains of a classifier, both are added, and the margin of the
text is subtracted: how far the probability of its label is from the highest other one. So a text is selected that is
near the border between labels, teaches what the classifiers do not know yet, and agrees with the other candidates: a
text with a wrong label has a low gain, because few others support it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textsynth.similarity.confident_learning import cross_fit
from textsynth.similarity.text_features import WordCounts

ROUNDS = 10
"""The classifiers are trained at most this often: with a larger quota a round selects several texts of a label."""
CLASSIFIERS: tuple[Literal["words", "embeddings"], ...] = ("words", "embeddings")
C = 30.0
"""Inverse strength of the L2 regularization, as scikit-learn defines it."""
SCALE = 4.0
TOLERANCE = 1e-3
MAX_STEPS = 200
DECIMALS = 6

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Features = Any
"""Features of n texts, (n, features): an array of embeddings or a sparse matrix of words."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Probabilities (n, labels) of n texts and the features that they were computed from, (n, features)."""

    probabilities: FloatArray
    features: Features

    def residuals(self, codes: IntArray) -> FloatArray:
        """Return 1 minus the probability for each text's own label, and minus the probability for the others."""
        residuals = -self.probabilities
        residuals[np.arange(len(codes)), codes] += 1
        return residuals


class TextPool:
    """Texts with label codes, of which classifiers are trained on some and predict others.

    `vectors` are the unit vectors of the texts, (n, dim); `codes` (n,) are at least 0 and below `labels`.
    """

    def __init__(self, texts: Sequence[str], vectors: NDArray[np.float32], codes: IntArray, labels: int) -> None:
        self.codes = codes
        self.labels = labels
        self._vectors = vectors
        self._counts = WordCounts([(text,) for text in texts])

    def predict(self, train: IntArray, rows: IntArray) -> list[Prediction]:
        """Return what each classifier, trained on the rows `train` of at least two labels, predicts for `rows`.

        A label without a training row has the probability 0.
        """
        from sklearn.linear_model import LogisticRegression

        predictions = []
        for classifier in CLASSIFIERS:
            train_features, features = self._features(classifier, train, rows)
            # Scaled features with a smaller C have the same solution in half the steps.
            model = LogisticRegression(C=C / SCALE**2, max_iter=MAX_STEPS, tol=TOLERANCE)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(train_features * SCALE, self.codes[train])
            probabilities = np.zeros((len(rows), self.labels))
            probabilities[:, model.classes_] = model.predict_proba(features * SCALE)
            predictions.append(Prediction(probabilities, features))
        return predictions

    def _features(self, classifier: str, train: IntArray, rows: IntArray) -> tuple[Any, Any]:
        if classifier == "words":
            return self._counts.features(train, rows)
        mean = self._vectors[train].mean(axis=0)
        return self._vectors[train] - mean, self._vectors[rows] - mean


def cross_fitted(
    pool: TextPool, known: IntArray, candidates: IntArray, groups: Sequence[object], seed: int
) -> FloatArray:
    """Return for each candidate the probability of every label, (candidates, labels), the mean of both classifiers.

    They are trained on the `known` rows and the candidates of the other folds; candidates with equal `groups` are in
    one fold.
    """

    def predict(train: IntArray, held_out: IntArray) -> FloatArray:
        predictions = pool.predict(np.concatenate([known, candidates[train]]), candidates[held_out])
        return np.asarray(np.mean([prediction.probabilities for prediction in predictions], axis=0))

    return cross_fit(pool.codes[candidates], groups, seed, pool.labels, predict)


def select_by_gain(
    pool: TextPool, known: IntArray, candidates: IntArray, quota: Mapping[int, int], validation: IntArray
) -> list[int]:
    """Return the selected ones of the rows `candidates`, in the order of selection.

    `known` rows are trained on from the start; they need two labels. `quota` has the number for each label code; a
    label without one gets none. The gain is summed over the rows `validation`. Ties: the lowest position.
    """
    rounds = min(ROUNDS, max(quota.values(), default=0))
    selected: list[int] = []
    remaining = candidates
    for number in range(rounds):
        if not len(remaining):
            break
        train = np.concatenate([known, np.array(selected, np.int64)])
        scores = _scores(pool, train, remaining, validation)
        codes = pool.codes[remaining]
        chosen: list[int] = []
        for code, limit in quota.items():
            wanted = (number + 1) * limit // rounds - number * limit // rounds
            positions = np.flatnonzero(codes == code)
            chosen.extend(positions[np.argsort(-scores[positions], kind="stable")[:wanted]].tolist())
        selected.extend(remaining[chosen].tolist())
        remaining = np.delete(remaining, chosen)
    return selected


def _scores(pool: TextPool, train: IntArray, rows: IntArray, validation: IntArray) -> FloatArray:
    """Return the gain of each row minus its margin, rounded."""
    codes, in_validation = pool.codes[rows], np.isin(rows, validation)
    scores = np.zeros(len(rows))
    predictions = pool.predict(train, np.concatenate([rows, validation]))
    for prediction in predictions:
        features, others = prediction.features[: len(rows)], prediction.features[len(rows) :]
        residuals = prediction.residuals(np.concatenate([codes, pool.codes[validation]]))
        own, of_others = residuals[: len(rows)], residuals[len(rows) :]
        gains = loss_reductions(features, own, others, of_others)
        gains -= in_validation * (own**2).sum(axis=1) * squared_lengths(features)  # what it teaches about itself
        scores += gains / (np.abs(gains).mean() or 1.0)
    probabilities = np.mean([prediction.probabilities[: len(rows)] for prediction in predictions], axis=0)
    return np.asarray(np.round(scores - margins(probabilities, codes), DECIMALS))


def loss_reductions(
    features: Features, residuals: FloatArray, other_features: Features, other_residuals: FloatArray
) -> FloatArray:
    """Return for each of n texts by how much a gradient step on its log-loss lowers that of m others, summed, (n,).

    It is per unit of the step's size, to the first order. Residuals are those of a `Prediction`, (n, labels) and
    (m, labels).
    """
    gradient = np.asarray(other_features.T @ other_residuals)
    return np.asarray((np.asarray(features @ gradient) * residuals).sum(axis=1))


def squared_lengths(features: Features) -> FloatArray:
    """Return the squared length of each row, (n,)."""
    if isinstance(features, np.ndarray):
        return np.asarray((features**2).sum(axis=1), np.float64)
    return np.asarray(features.multiply(features).sum(axis=1), np.float64).ravel()


def margins(probabilities: FloatArray, codes: IntArray) -> FloatArray:
    """Return the size of the difference between the probability of each text's label and the highest of the others."""
    rows = np.arange(len(codes))
    others = probabilities.copy()
    others[rows, codes] = -1
    return np.asarray(np.abs(probabilities[rows, codes] - others.max(axis=1)))
