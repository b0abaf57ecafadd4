"""GLAD: votes combined by the ability of each judge and the difficulty of each text (Whitehill et al. 2009, NIPS).

A judge with the ability a (any real number) votes for the true label of a text with the ease b (above 0) with the
probability 1 / (1 + exp(-a * b)), and for each other label equally often. Ability 0 is chance, a negative one says the
opposite. Abilities, eases and label probabilities are estimated together by expectation maximization from the votes, or
the abilities from votes on rows whose labels are known. The priors are those of the paper: normal distributions with
mean 1 and variance 1 of each ability and of the logarithm of each ease; all labels are equally probable.

Each step of maximization is Fisher scoring, first of the abilities, then of the eases, of which each depends only on
its own votes. A text that was not part of the estimate gets its ease from its own votes.

Measured on snow_rte (eval/judges.py), share of correct labels: 10 votes .925, 5 votes .890, 3 votes .841; Dawid-Skene
has .928, .895 and .832, and crowd-kit's GLAD .925 with 10 votes.

Limits: judges are taken for independent where label and ease are known. A judge has one ability for all labels, so that
one who never gives a label is described worse than by Dawid-Skene. With few judges the ease of a text has few votes,
and the result is close to a majority weighted by ability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textsynth.label.vote_combination import (
    MIN_PROBABILITY,
    FloatArray,
    IntArray,
    JudgeModel,
    Votes,
    fit_to_probabilities,
    majority,
)

MAX_STEPS = 100
INNER_STEPS = 5
TOLERANCE = 1e-5
PRIOR_MEAN = 1.0
MAX_STEP = 1.0
MAX_LOG_EASE = 5.0


@dataclass(frozen=True, slots=True)
class GladModel:
    """The ability of each judge, (judges,), and how often each is right for each label by the estimated labels."""

    abilities: FloatArray
    by_label: JudgeModel

    @property
    def priors(self) -> FloatArray:
        """The estimated share of each label, (labels,)."""
        return self.by_label.priors

    @property
    def reliability(self) -> FloatArray:
        """The share of each judge's votes that are correct where each label is true, (judges, labels), 0 to 1."""
        return self.by_label.reliability

    def probabilities(self, votes: Votes) -> FloatArray:
        """Return the probability of every label for each text, (texts, labels); rows sum to 1."""
        return _estimate(votes, self.abilities, fit_abilities=False)[1]


def fit_glad(votes: Votes) -> GladModel:
    """Return the model that the votes alone give."""
    abilities, probabilities = _estimate(votes, np.full(votes.shape[1], PRIOR_MEAN), fit_abilities=True)
    return GladModel(abilities, fit_to_probabilities(votes, probabilities))


def fit_glad_from_labels(votes: Votes, true_labels: IntArray) -> GladModel:
    """Return the model that votes on texts with known labels give. `true_labels` are indices, (texts,)."""
    known = np.zeros((votes.shape[0], votes.shape[2]))
    known[np.arange(len(true_labels)), true_labels] = 1.0
    abilities = np.full(votes.shape[1], PRIOR_MEAN)
    log_eases = np.full(votes.shape[0], PRIOR_MEAN)
    for _ in range(MAX_STEPS):
        before = abilities
        abilities, log_eases = _maximize(votes, known, abilities, log_eases, fit_abilities=True)
        if np.abs(abilities - before).max(initial=0.0) < TOLERANCE:
            break
    return GladModel(abilities, fit_to_probabilities(votes, known))


def _estimate(votes: Votes, abilities: FloatArray, *, fit_abilities: bool) -> tuple[FloatArray, FloatArray]:
    """Return the abilities, fitted or as given, and the label probabilities, (texts, labels)."""
    log_eases = np.full(votes.shape[0], PRIOR_MEAN)
    probabilities = majority(votes)
    for step in range(MAX_STEPS):
        if step or fit_abilities:
            abilities, log_eases = _maximize(votes, probabilities, abilities, log_eases, fit_abilities=fit_abilities)
        new = _expect(votes, abilities, log_eases)
        change = float(np.abs(new - probabilities).max(initial=0.0))
        probabilities = new
        if change < TOLERANCE:
            break
    return abilities, probabilities


def _expect(votes: Votes, abilities: FloatArray, log_eases: FloatArray) -> FloatArray:
    """Return the label probabilities of each text; a text without votes has even ones."""
    texts, _, labels = votes.shape
    correct = np.clip(_correct(votes, abilities, log_eases), MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    other = np.log((1 - correct) / max(1, labels - 1))
    # Every vote speaks against all labels, and then for its own one in place of that.
    joint = np.zeros((texts, labels))
    np.add.at(joint, (votes.texts, votes.labels), (np.log(correct) - other) * votes.weights)
    shares = np.exp(joint - joint.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _maximize(
    votes: Votes, probabilities: FloatArray, abilities: FloatArray, log_eases: FloatArray, *, fit_abilities: bool
) -> tuple[FloatArray, FloatArray]:
    """Return better abilities and eases for these label probabilities; the abilities as given where not fitted."""
    texts, judges, _ = votes.shape
    is_correct = probabilities[votes.texts, votes.labels]
    for _ in range(INNER_STEPS):
        if fit_abilities:
            eases = np.exp(log_eases)[votes.texts]
            correct = _correct(votes, abilities, log_eases)
            slope = _sums(votes.judges, votes.weights * (is_correct - correct) * eases, judges)
            curve = _sums(votes.judges, votes.weights * correct * (1 - correct) * eases**2, judges)
            abilities = abilities + _step(slope - (abilities - PRIOR_MEAN), curve + 1)
        products = abilities[votes.judges] * np.exp(log_eases)[votes.texts]
        correct = _correct(votes, abilities, log_eases)
        slope = _sums(votes.texts, votes.weights * (is_correct - correct) * products, texts)
        curve = _sums(votes.texts, votes.weights * correct * (1 - correct) * products**2, texts)
        log_eases = log_eases + _step(slope - (log_eases - PRIOR_MEAN), curve + 1)
        log_eases = np.clip(log_eases, -MAX_LOG_EASE, MAX_LOG_EASE)
    return abilities, log_eases


def _correct(votes: Votes, abilities: FloatArray, log_eases: FloatArray) -> FloatArray:
    """Return the probability that each vote is correct, (votes,)."""
    products = abilities[votes.judges] * np.exp(log_eases)[votes.texts]
    return np.asarray(1 / (1 + np.exp(-np.clip(products, -50, 50))))


def _step(slope: FloatArray, curve: FloatArray) -> FloatArray:
    """Return the step of Fisher scoring, at most MAX_STEP in either direction."""
    return np.asarray(np.clip(slope / curve, -MAX_STEP, MAX_STEP))


def _sums(indices: IntArray, values: FloatArray, length: int) -> FloatArray:
    """Return the sum of the values of each index below `length`."""
    return np.asarray(np.bincount(indices, values, length), np.float64)
