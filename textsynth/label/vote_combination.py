"""Combines the votes of several judges (models or prompts) into label probabilities, and estimates their reliability.

glad.py has a third method, which estimates how easy each text is, too.

`majority`: the share of the votes. `dawid_skene`: the model of Dawid and Skene 1979 (Applied Statistics 28). Each judge
has a confusion matrix: how often it votes for each label where another is true. The matrices and the probabilities of
the true labels are estimated together by expectation maximization, from the votes alone, or from votes on rows whose
labels are known. Each row of a matrix has the weight of one more text whose votes are those of the judge's mean
accuracy, so that a rare label has an estimate too.

Measured on snow_rte (Snow et al. 2008: 800 pairs, 164 people), share of correct labels (eval/judges.py): 10 votes
majority .897, Dawid-Skene .928; 5 votes .844 and .895; 3 votes .801 and .832. crowd-kit's
Dawid-Skene has .928, .896 and .835 on the same draws; it is no dependency, as it brings transformers and nltk. The
reliability of four simulated judges with 4,000 texts is within .02 to .06 of the true one, with 1,000 texts within .07.

Limits: Dawid-Skene takes judges for independent where the true label is known. Prompts of one model, or models of one
family, share errors, and then the probabilities are too high. From votes alone it needs three judges or more, most of
them better than chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_STEPS = 100
TOLERANCE = 1e-6
PRIOR_ROWS = 1.0
"""The weight of the prior of each row of a confusion matrix, in texts."""
MIN_PROBABILITY = 1e-9
VOTES_AT_A_TIME = 1 << 16


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes of judges for the labels of texts.

    `texts`, `judges` and `labels` are indices, (votes,), and `weights` is how much each vote counts, (votes,). There
    are `shape` = (texts, judges, labels) of them; a text may have no vote.
    """

    texts: IntArray
    judges: IntArray
    labels: IntArray
    weights: FloatArray
    shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class JudgeModel:
    """The share of each label, (labels,), and each judge's confusion matrix, (judges, true label, voted label)."""

    priors: FloatArray
    confusion: FloatArray

    @property
    def reliability(self) -> FloatArray:
        """The share of each judge's votes that are correct where each label is true, (judges, labels), 0 to 1."""
        return np.diagonal(self.confusion, axis1=1, axis2=2).copy()

    def probabilities(self, votes: Votes) -> FloatArray:
        """Return the probability of every label for each text, (texts, labels); rows sum to 1."""
        return _expect(self, votes)[0]


def majority(votes: Votes) -> FloatArray:
    """Return the share of the votes for every label of each text, (texts, labels); even shares without a vote."""
    texts, _, labels = votes.shape
    counts = np.zeros((texts, labels))
    np.add.at(counts, (votes.texts, votes.labels), votes.weights)
    totals = counts.sum(axis=1, keepdims=True)
    return np.where(totals > 0, counts / np.maximum(totals, MIN_PROBABILITY), 1 / labels)


def fit_from_labels(votes: Votes, true_labels: IntArray) -> JudgeModel:
    """Return the model that votes on texts with known labels give. `true_labels` are indices, (texts,)."""
    known = np.zeros((votes.shape[0], votes.shape[2]))
    known[np.arange(len(true_labels)), true_labels] = 1.0
    return fit_to_probabilities(votes, known)


def fit_dawid_skene(votes: Votes) -> JudgeModel:
    """Return the model that the votes alone give, by expectation maximization from the majority's shares."""
    model = fit_to_probabilities(votes, majority(votes))
    likelihood = -np.inf
    for _ in range(MAX_STEPS):
        probabilities, new_likelihood = _expect(model, votes)
        model = fit_to_probabilities(votes, probabilities)
        if new_likelihood - likelihood <= TOLERANCE * abs(new_likelihood):
            break
        likelihood = new_likelihood
    return model


def _expect(model: JudgeModel, votes: Votes) -> tuple[FloatArray, float]:
    """Return the label probabilities of each text, and the logarithm of the likelihood of all votes."""
    logs = np.log(np.maximum(model.confusion, MIN_PROBABILITY))
    joint = np.tile(np.log(np.maximum(model.priors, MIN_PROBABILITY)), (votes.shape[0], 1))
    for part in _parts(votes):
        np.add.at(joint, votes.texts[part], _columns(logs, votes, part) * votes.weights[part, None])
    highest = joint.max(axis=1, keepdims=True, initial=-np.inf)
    shares = np.exp(joint - highest)
    totals = shares.sum(axis=1, keepdims=True)
    return shares / totals, float((highest + np.log(totals)).sum())


def fit_to_probabilities(votes: Votes, probabilities: FloatArray) -> JudgeModel:
    """Return the model that votes on texts with these label probabilities, (texts, labels), give."""
    texts, judges, labels = votes.shape
    counts = np.zeros((judges, labels, labels))  # judge, voted label, true label
    for part in _parts(votes):
        shares = probabilities[votes.texts[part]] * votes.weights[part, None]
        np.add.at(counts, (votes.judges[part], votes.labels[part]), shares)
    counts = counts.transpose(0, 2, 1)
    correct, total = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    accuracy = (correct + 1) / (total + 1 + max(1, labels - 1))
    prior = np.empty((judges, labels, labels))
    prior[:] = ((1 - accuracy) / max(1, labels - 1))[:, None, None]
    prior[:, np.arange(labels), np.arange(labels)] = accuracy[:, None]
    confusion = counts + PRIOR_ROWS * prior
    confusion /= confusion.sum(axis=2, keepdims=True)
    priors = (probabilities.sum(axis=0) + 1) / (texts + labels)
    return JudgeModel(priors, confusion)


def _columns(logs: FloatArray, votes: Votes, part: slice) -> FloatArray:
    """Return for each vote of a part the logarithm of its probability under every true label, (votes, labels)."""
    return logs.transpose(0, 2, 1)[votes.judges[part], votes.labels[part]]


def _parts(votes: Votes) -> list[slice]:
    """Return slices of votes that fit in memory with all labels."""
    return [slice(start, start + VOTES_AT_A_TIME) for start in range(0, len(votes.texts), VOTES_AT_A_TIME)]
