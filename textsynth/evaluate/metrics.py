"""Scores of predictions on a test set: macro-F1 and its kin, also for many reweightings of the test rows at once.

Macro-F1 is the plain mean over the labels that occur in the test set, each label's F1 = 2 tp / (predicted + true); a
label nobody predicts scores 0. The same as scikit-learn's f1_score(average="macro", labels=those labels).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Hits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels of a test set as a 0/1 array (rows, labels), and whether a text may have several of them."""

    labels: Hits
    multi_label: bool

    @property
    def rows(self) -> Hits:
        """How many test rows each label has, (labels,)."""
        return np.asarray(self.labels.sum(axis=0))

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which labels occur in the test set, (labels,)."""
        return np.asarray(self.labels.any(axis=0))


def truth_of(codes: Codes, labels: int) -> Truth:
    """Return the truth from codes (rows,) of one label a text, or from a 0/1 array (rows, labels)."""
    if codes.ndim == 2:
        return Truth(codes.astype(np.float32), multi_label=True)
    return Truth(one_hot(codes, labels), multi_label=False)


def one_hot(codes: Codes, labels: int) -> Hits:
    """Return codes (rows,) as a 0/1 array (rows, labels)."""
    found = np.zeros((len(codes), labels), np.float32)
    found[np.arange(len(codes)), codes] = 1
    return found


def decide(scores: NDArray[np.float32], *, multi_label: bool, thresholds: Floats | None = None) -> Hits:
    """Return the predicted labels as a 0/1 array: the likeliest one (ties: the first), or all at their threshold."""
    if not multi_label:
        return one_hot(scores.argmax(axis=1), scores.shape[1])
    return (scores >= (0.5 if thresholds is None else thresholds)).astype(np.float32)


def f1_by_label(predicted: Hits, truth: Truth, weights: Floats | None = None) -> Floats:
    """Return each label's F1, (labels,), or with row weights (draws, rows) an array (draws, labels).

    A label without a true or predicted row scores 0.
    """
    if weights is None:
        weights = np.ones((1, len(predicted)))
        return np.asarray(f1_by_label(predicted, truth, weights)[0])
    told = weights.astype(np.float32)
    hit = told @ (predicted * truth.labels)
    both = told @ (predicted + truth.labels)
    found: Floats = np.divide(2 * hit, both, out=np.zeros_like(hit), where=both > 0).astype(np.float64)
    return found


def macro_f1(by_label: Floats, truth: Truth) -> Floats:
    """Return the mean of each row of F1s over the labels that occur in the test set."""
    return np.asarray(by_label[..., truth.present].mean(axis=-1), np.float64)


def micro_f1(predicted: Hits, truth: Truth) -> float:
    """Return 2 tp / (predicted + true) over all labels together."""
    both = float(predicted.sum() + truth.labels.sum())
    return 2 * float((predicted * truth.labels).sum()) / both if both else 0.0


def accuracy(predicted: Hits, truth: Truth) -> float:
    """Return the share of rows whose labels are all right."""
    return float((predicted == truth.labels).all(axis=1).mean()) if len(predicted) else 0.0


def recall_by_label(predicted: Hits, truth: Truth) -> Floats:
    """Return each label's recall, (labels,); 0 for a label without test rows."""
    rows = truth.rows
    found: Floats = np.divide(
        (predicted * truth.labels).sum(axis=0), rows, out=np.zeros_like(rows), where=rows > 0
    ).astype(np.float64)
    return found


def precision_by_label(predicted: Hits, truth: Truth) -> Floats:
    """Return each label's precision, (labels,); 0 for a label that is never predicted."""
    told = predicted.sum(axis=0)
    found: Floats = np.divide(
        (predicted * truth.labels).sum(axis=0), told, out=np.zeros_like(told), where=told > 0
    ).astype(np.float64)
    return found


def balanced_accuracy(predicted: Hits, truth: Truth) -> float:
    """Return the mean recall over the labels that occur in the test set."""
    return float(recall_by_label(predicted, truth)[truth.present].mean())


def quadratic_kappa(predicted: Hits, truth: Truth) -> float:
    """Return Cohen's kappa with quadratic weights (Cohen 1968) for ordered labels, in the order of their columns.

    1 is full agreement, 0 what chance gives. One label a text; 1 where both sides have one and the same label only.
    """
    size = predicted.shape[1]
    table = truth.labels.T.astype(np.float64) @ predicted.astype(np.float64)
    steps = np.arange(size)
    cost = (steps[:, None] - steps[None, :]) ** 2
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(1.0, table.sum())
    by_chance = float((cost * expected).sum())
    return 1 - float((cost * table).sum()) / by_chance if by_chance else 1.0


def best_thresholds(scores: NDArray[np.float32], truth: Truth) -> Floats:
    """Return for each label the threshold that gives the best F1 on held-out rows, halfway between two scores.

    Ties: the one nearest to 0.5. A label without a true row keeps 0.5.
    """
    found = np.full(scores.shape[1], 0.5)
    for label in range(scores.shape[1]):
        true = truth.labels[:, label]
        if not true.any():
            continue
        order = np.argsort(-scores[:, label], kind="stable")
        ranked, hits = scores[order, label].astype(np.float64), np.cumsum(true[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + true.sum())
        f1[:-1][ranked[:-1] == ranked[1:]] = -1  # a threshold cannot part equal scores
        cuts = (ranked + np.append(ranked[1:], 0.0)) / 2
        best = np.flatnonzero(f1 >= f1.max() - 1e-9)
        found[label] = cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]]
    return found
