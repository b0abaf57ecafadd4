"""The scores are those of scikit-learn."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    precision_score,
    recall_score,
)

from textsynth.evaluate.metrics import (
    Codes,
    Floats,
    Truth,
    accuracy,
    balanced_accuracy,
    best_thresholds,
    decide,
    f1_by_label,
    macro_f1,
    micro_f1,
    one_hot,
    precision_by_label,
    quadratic_kappa,
    recall_by_label,
    truth_of,
)

EXACT = 1e-6
SUMMED = 1e-5  # float32 sums of weights


class Answers(NamedTuple):
    """True and predicted codes (rows,), or 0/1 arrays (rows, labels), and weights (2, rows)."""

    labels: int
    true: Codes
    told: Codes
    weights: Floats


@st.composite
def answers(draw: st.DrawFn, *, multi_label: bool = False) -> Answers:
    labels, rows = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    used = draw(st.integers(1, labels))
    shape = (rows, labels) if multi_label else (rows,)
    true = (
        random.integers(2, size=shape) if multi_label else random.permutation(labels)[random.integers(used, size=rows)]
    )
    right = random.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    told = np.where(right, true, random.integers(2 if multi_label else labels, size=shape))
    return Answers(labels, true, told, random.standard_exponential((2, rows)))


def whole(told: Answers) -> tuple[NDArray[np.float32], Truth]:
    """Return the predictions and the truth as the scores want them."""
    predicted = told.told.astype(np.float32) if told.told.ndim == 2 else one_hot(told.told, told.labels)
    return predicted, truth_of(told.true, told.labels)


def present(told: Answers) -> list[int]:
    return np.flatnonzero(told.true.any(axis=0) if told.true.ndim == 2 else np.bincount(told.true)).tolist()


@settings(deadline=None)
@given(answers())
def test_scores_of_one_label_a_text(told: Answers) -> None:
    predicted, truth = whole(told)
    every = {"labels": range(told.labels), "average": None, "zero_division": 0}
    assert f1_by_label(predicted, truth) == pytest.approx(f1_score(told.true, told.told, **every), abs=EXACT)
    assert recall_by_label(predicted, truth) == pytest.approx(recall_score(told.true, told.told, **every), abs=EXACT)
    precision = precision_score(told.true, told.told, **every)
    assert precision_by_label(predicted, truth) == pytest.approx(precision, abs=EXACT)
    macro = f1_score(told.true, told.told, labels=present(told), average="macro", zero_division=0)
    assert float(macro_f1(f1_by_label(predicted, truth), truth)) == pytest.approx(macro, abs=EXACT)
    micro = f1_score(told.true, told.told, labels=range(told.labels), average="micro", zero_division=0)
    assert micro_f1(predicted, truth) == pytest.approx(micro, abs=EXACT)
    assert accuracy(predicted, truth) == pytest.approx(accuracy_score(told.true, told.told), abs=EXACT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predictions of labels that the test set lacks
        balanced = balanced_accuracy_score(told.true, told.told)
    assert balanced_accuracy(predicted, truth) == pytest.approx(balanced, abs=EXACT)


@settings(deadline=None)
@given(answers())
def test_kappa_of_labels_in_an_order(told: Answers) -> None:
    predicted, truth = whole(told)
    found = quadratic_kappa(predicted, truth)
    if len({*told.true.tolist(), *told.told.tolist()}) == 1:
        assert found == 1
        return
    kappa = cohen_kappa_score(told.true, told.told, labels=range(told.labels), weights="quadratic")
    assert found == pytest.approx(kappa, abs=EXACT)


@settings(deadline=None)
@given(answers(multi_label=True))
def test_scores_of_several_labels_a_text(told: Answers) -> None:
    predicted, truth = whole(told)
    assert truth.multi_label
    every = {"average": None, "zero_division": 0}
    assert f1_by_label(predicted, truth) == pytest.approx(f1_score(told.true, told.told, **every), abs=EXACT)
    micro = f1_score(told.true, told.told, average="micro", zero_division=0)
    assert micro_f1(predicted, truth) == pytest.approx(micro, abs=EXACT)
    assert accuracy(predicted, truth) == pytest.approx(accuracy_score(told.true, told.told), abs=EXACT)
    if present(told):
        macro = f1_score(told.true, told.told, labels=present(told), average="macro", zero_division=0)
        assert float(macro_f1(f1_by_label(predicted, truth), truth)) == pytest.approx(macro, abs=EXACT)
        recall = recall_score(told.true, told.told, labels=present(told), average="macro", zero_division=0)
        assert balanced_accuracy(predicted, truth) == pytest.approx(recall, abs=EXACT)


@settings(deadline=None)
@given(st.one_of(answers(), answers(multi_label=True)))
def test_weights_of_rows(told: Answers) -> None:
    predicted, truth = whole(told)
    found = f1_by_label(predicted, truth, told.weights)
    assert found.shape == (2, told.labels)
    every = {"labels": range(told.labels), "average": None, "zero_division": 0}
    for row, weights in zip(found, told.weights, strict=True):
        assert row == pytest.approx(f1_score(told.true, told.told, sample_weight=weights, **every), abs=SUMMED)
    ones = f1_by_label(predicted, truth, np.ones((3, len(predicted))))
    assert ones == pytest.approx(np.stack([f1_by_label(predicted, truth)] * 3), abs=0)
    if present(told):
        together = macro_f1(found, truth)
        assert together == pytest.approx([float(macro_f1(row, truth)) for row in found], abs=1e-12)


def test_truth_counts_its_rows() -> None:
    truth = truth_of(np.array([2, 0, 2]), 4)
    assert not truth.multi_label
    assert truth.rows.tolist() == [1, 0, 2, 0]
    assert truth.present.tolist() == [True, False, True, False]


def test_the_first_of_equally_likely_labels_is_told() -> None:
    scores = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], np.float32)
    assert decide(scores, multi_label=False).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_several_labels_are_told_at_their_thresholds() -> None:
    scores = np.array([[0.5, 0.49, 0.3], [0.1, 0.2, 0.7]], np.float32)
    assert decide(scores, multi_label=True).tolist() == [[1, 0, 0], [0, 0, 1]]
    own = np.array([0.6, 0.2, 0.3])
    assert decide(scores, multi_label=True, thresholds=own).tolist() == [[0, 1, 1], [0, 1, 1]]


def test_no_rows_score_nothing() -> None:
    nothing = np.zeros((0, 3), np.float32)
    assert accuracy(nothing, Truth(nothing, multi_label=True)) == 0
    assert micro_f1(nothing, Truth(nothing, multi_label=True)) == 0


SOME_SCORES = st.sampled_from([0.0, 0.05, 0.2, 0.35, 0.4, 0.5, 0.65, 0.9, 1.0])


@settings(deadline=None)
@given(st.lists(st.tuples(SOME_SCORES, st.booleans()), min_size=1, max_size=20))
def test_no_threshold_is_better_than_the_best(rows: list[tuple[float, bool]]) -> None:
    scores = np.array([[score] for score, _ in rows], np.float32)
    truth = Truth(np.array([[hit] for _, hit in rows], np.float32), multi_label=True)
    found = best_thresholds(scores, truth)

    def f1(threshold: float) -> float:
        return float(f1_by_label(decide(scores, multi_label=True, thresholds=np.array([threshold])), truth)[0])

    if not truth.labels.any():
        assert found.tolist() == [0.5]
        return
    levels = np.unique(np.append(scores.astype(np.float64), 0.0))
    tried = {float(cut): f1(float(cut)) for cut in (levels[:-1] + levels[1:]) / 2}
    assert f1(found[0]) == pytest.approx(max(f1(0.0), *tried.values(), 0), abs=1e-9)
    nearest = min((abs(cut - 0.5) for cut, value in tried.items() if value >= f1(found[0]) - 1e-9), default=0.5)
    assert abs(found[0] - 0.5) == pytest.approx(nearest, abs=1e-6)
