"""Classification metrics on a test set: macro-F1 and others, also for many reweightings of the test rows at once.

Macro-F1 is the unweighted mean over the labels that occur in the test set of F1 = 2 tp / (predicted + true); a label
that is never predicted scores 0. The value equals scikit-learn's f1_score(average="macro", labels=those labels).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Truth:
    """The true labels of a test set as a 0/1 array (rows, labels), and whether a text may have several labels."""

    labels: Float32Array
    multi_label: bool

    @property
    def row_counts(self) -> Float32Array:
        """The number of test rows of each label, (labels,)."""
        return np.asarray(self.labels.sum(axis=0))

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether each label occurs in the test set, (labels,)."""
        return np.asarray(self.labels.any(axis=0))


def truth_of(targets: IntArray, labels: int) -> Truth:
    """Return the truth from label codes (rows,), one label a text, or from a 0/1 array (rows, labels)."""
    if targets.ndim == 2:
        return Truth(targets.astype(np.float32), multi_label=True)
    return Truth(one_hot(targets, labels), multi_label=False)


def one_hot(codes: IntArray, labels: int) -> Float32Array:
    """Return label codes (rows,) as a 0/1 array (rows, labels)."""
    encoded = np.zeros((len(codes), labels), np.float32)
    encoded[np.arange(len(codes)), codes] = 1
    return encoded


def predict(probabilities: Float32Array, *, multi_label: bool, thresholds: FloatArray | None = None) -> Float32Array:
    """Return the predicted labels as a 0/1 array (rows, labels).

    One label a text: the most probable one (ties: the first). Several labels a text: each label whose probability
    reaches its threshold, 0.5 where no thresholds are given.
    """
    if not multi_label:
        return one_hot(probabilities.argmax(axis=1), probabilities.shape[1])
    return (probabilities >= (DEFAULT_THRESHOLD if thresholds is None else thresholds)).astype(np.float32)


def f1_by_label(predicted: Float32Array, truth: Truth, weights: FloatArray | None = None) -> FloatArray:
    """Return each label's F1, (labels,), or with row weights (draws, rows) an array (draws, labels).

    A label without a true or predicted row scores 0.
    """
    if weights is None:
        weights = np.ones((1, len(predicted)))
        return np.asarray(f1_by_label(predicted, truth, weights)[0])
    weights32 = weights.astype(np.float32)
    true_positives = weights32 @ (predicted * truth.labels)
    totals = weights32 @ (predicted + truth.labels)
    return _divide(2 * true_positives, totals)


def macro_f1(by_label: FloatArray, truth: Truth) -> FloatArray:
    """Return the mean of each row of F1 values over the labels that occur in the test set."""
    return np.asarray(by_label[..., truth.present].mean(axis=-1), np.float64)


def micro_f1(predicted: Float32Array, truth: Truth) -> float:
    """Return 2 tp / (predicted + true) over all labels together."""
    total = float(predicted.sum() + truth.labels.sum())
    return 2 * float((predicted * truth.labels).sum()) / total if total else 0.0


def accuracy(predicted: Float32Array, truth: Truth) -> float:
    """Return the share of rows whose predicted labels all equal the true ones."""
    return float((predicted == truth.labels).all(axis=1).mean()) if len(predicted) else 0.0


def recall_by_label(predicted: Float32Array, truth: Truth) -> FloatArray:
    """Return each label's recall, (labels,); 0 for a label without test rows."""
    return _divide((predicted * truth.labels).sum(axis=0), truth.row_counts)


def precision_by_label(predicted: Float32Array, truth: Truth) -> FloatArray:
    """Return each label's precision, (labels,); 0 for a label that is never predicted."""
    return _divide((predicted * truth.labels).sum(axis=0), predicted.sum(axis=0))


def balanced_accuracy(predicted: Float32Array, truth: Truth) -> float:
    """Return the mean recall over the labels that occur in the test set."""
    return float(recall_by_label(predicted, truth)[truth.present].mean())


def quadratic_kappa(predicted: Float32Array, truth: Truth) -> float:
    """Return Cohen's kappa with quadratic weights (Cohen 1968) for ordered labels, in the order of their columns.

    1 is full agreement, 0 the agreement expected by chance. One label a text; 1 where predictions and truth both
    consist of one and the same label.
    """
    size = predicted.shape[1]
    confusion = truth.labels.T.astype(np.float64) @ predicted.astype(np.float64)
    positions = np.arange(size)
    cost = (positions[:, None] - positions[None, :]) ** 2
    expected = np.outer(confusion.sum(axis=1), confusion.sum(axis=0)) / max(1.0, confusion.sum())
    expected_cost = float((cost * expected).sum())
    return 1 - float((cost * confusion).sum()) / expected_cost if expected_cost else 1.0


def best_thresholds(probabilities: Float32Array, truth: Truth) -> FloatArray:
    """Return for each label the threshold with the best F1 on held-out rows, halfway between two probabilities.

    Ties: the threshold nearest to 0.5. A label without a true row keeps 0.5.
    """
    thresholds = np.full(probabilities.shape[1], DEFAULT_THRESHOLD)
    for label in range(probabilities.shape[1]):
        true = truth.labels[:, label]
        if not true.any():
            continue
        order = np.argsort(-probabilities[:, label], kind="stable")
        ranked, hits = probabilities[order, label].astype(np.float64), np.cumsum(true[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + true.sum())
        f1[:-1][ranked[:-1] == ranked[1:]] = -1  # no threshold separates equal probabilities
        cuts = (ranked + np.append(ranked[1:], 0.0)) / 2
        best = np.flatnonzero(f1 >= f1.max() - 1e-9)
        thresholds[label] = cuts[best[np.argmin(np.abs(cuts[best] - DEFAULT_THRESHOLD))]]
    return thresholds


def _divide(numerator: Float32Array, denominator: Float32Array) -> FloatArray:
    """Return the quotients as float64; 0 where the denominator is 0."""
    quotients: FloatArray = np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0
    ).astype(np.float64)
    return quotients
