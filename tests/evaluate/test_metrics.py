"""The metrics equal those of scikit-learn."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    f1_score,
    precision_score,
    recall_score,
)

from textsynth.evaluate.metrics import (
    Float32Array,
    FloatArray,
    IntArray,
    Truth,
    accuracy,
    balanced_accuracy,
    best_thresholds,
    f1_by_label,
    macro_f1,
    micro_f1,
    one_hot,
    precision_by_label,
    predict,
    quadratic_kappa,
    recall_by_label,
    truth_of,
)

TOLERANCE = 1e-6
WEIGHTED_TOLERANCE = 1e-5  # weights are summed in float32


class Case(NamedTuple):
    """True and predicted label codes (rows,), or 0/1 arrays (rows, labels), and weights (2, rows)."""

    labels: int
    true: IntArray
    predicted: IntArray
    weights: FloatArray


@st.composite
def cases(draw: st.DrawFn, *, multi_label: bool = False) -> Case:
    labels, rows = draw(st.integers(2, 6)), draw(st.integers(1, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    used_labels = draw(st.integers(1, labels))
    shape = (rows, labels) if multi_label else (rows,)
    if multi_label:
        true = generator.integers(2, size=shape)
    else:
        true = generator.permutation(labels)[generator.integers(used_labels, size=rows)]
    is_right = generator.random(shape) < draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    predicted = np.where(is_right, true, generator.integers(2 if multi_label else labels, size=shape))
    return Case(labels, true, predicted, generator.standard_exponential((2, rows)))


def prediction_and_truth(case: Case) -> tuple[Float32Array, Truth]:
    """Return the predictions and the truth as the metrics expect them."""
    if case.predicted.ndim == 2:
        return case.predicted.astype(np.float32), truth_of(case.true, case.labels)
    return one_hot(case.predicted, case.labels), truth_of(case.true, case.labels)


def present_labels(case: Case) -> list[int]:
    return np.flatnonzero(case.true.any(axis=0) if case.true.ndim == 2 else np.bincount(case.true)).tolist()


@settings(deadline=None)
@given(cases())
def test_metrics_of_one_label_a_text(case: Case) -> None:
    predicted, truth = prediction_and_truth(case)
    by_label = {"labels": range(case.labels), "average": None, "zero_division": 0}
    expected = f1_score(case.true, case.predicted, **by_label)
    assert f1_by_label(predicted, truth) == pytest.approx(expected, abs=TOLERANCE)
    recall = recall_score(case.true, case.predicted, **by_label)
    assert recall_by_label(predicted, truth) == pytest.approx(recall, abs=TOLERANCE)
    precision = precision_score(case.true, case.predicted, **by_label)
    assert precision_by_label(predicted, truth) == pytest.approx(precision, abs=TOLERANCE)
    macro = f1_score(case.true, case.predicted, labels=present_labels(case), average="macro", zero_division=0)
    assert float(macro_f1(f1_by_label(predicted, truth), truth)) == pytest.approx(macro, abs=TOLERANCE)
    micro = f1_score(case.true, case.predicted, labels=range(case.labels), average="micro", zero_division=0)
    assert micro_f1(predicted, truth) == pytest.approx(micro, abs=TOLERANCE)
    assert accuracy(predicted, truth) == pytest.approx(accuracy_score(case.true, case.predicted), abs=TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # predictions of labels that the test set lacks
        balanced = balanced_accuracy_score(case.true, case.predicted)
    assert balanced_accuracy(predicted, truth) == pytest.approx(balanced, abs=TOLERANCE)


@settings(deadline=None)
@given(cases())
def test_kappa_of_ordered_labels(case: Case) -> None:
    predicted, truth = prediction_and_truth(case)
    kappa = quadratic_kappa(predicted, truth)
    if len({*case.true.tolist(), *case.predicted.tolist()}) == 1:
        assert kappa == 1
        return
    expected = cohen_kappa_score(case.true, case.predicted, labels=range(case.labels), weights="quadratic")
    assert kappa == pytest.approx(expected, abs=TOLERANCE)


@settings(deadline=None)
@given(cases(multi_label=True))
def test_metrics_of_several_labels_a_text(case: Case) -> None:
    predicted, truth = prediction_and_truth(case)
    assert truth.multi_label
    expected = f1_score(case.true, case.predicted, average=None, zero_division=0)
    assert f1_by_label(predicted, truth) == pytest.approx(expected, abs=TOLERANCE)
    micro = f1_score(case.true, case.predicted, average="micro", zero_division=0)
    assert micro_f1(predicted, truth) == pytest.approx(micro, abs=TOLERANCE)
    assert accuracy(predicted, truth) == pytest.approx(accuracy_score(case.true, case.predicted), abs=TOLERANCE)
    labels = present_labels(case)
    if labels:
        macro = f1_score(case.true, case.predicted, labels=labels, average="macro", zero_division=0)
        assert float(macro_f1(f1_by_label(predicted, truth), truth)) == pytest.approx(macro, abs=TOLERANCE)
        recall = recall_score(case.true, case.predicted, labels=labels, average="macro", zero_division=0)
        assert balanced_accuracy(predicted, truth) == pytest.approx(recall, abs=TOLERANCE)


@settings(deadline=None)
@given(st.one_of(cases(), cases(multi_label=True)))
def test_f1_with_row_weights(case: Case) -> None:
    predicted, truth = prediction_and_truth(case)
    weighted = f1_by_label(predicted, truth, case.weights)
    assert weighted.shape == (2, case.labels)
    by_label = {"labels": range(case.labels), "average": None, "zero_division": 0}
    for f1, weights in zip(weighted, case.weights, strict=True):
        expected = f1_score(case.true, case.predicted, sample_weight=weights, **by_label)
        assert f1 == pytest.approx(expected, abs=WEIGHTED_TOLERANCE)
    ones = f1_by_label(predicted, truth, np.ones((3, len(predicted))))
    assert ones == pytest.approx(np.stack([f1_by_label(predicted, truth)] * 3), abs=0)
    if present_labels(case):
        together = macro_f1(weighted, truth)
        assert together == pytest.approx([float(macro_f1(f1, truth)) for f1 in weighted], abs=1e-12)


def test_the_truth_counts_the_rows_of_each_label() -> None:
    truth = truth_of(np.array([2, 0, 2]), 4)
    assert not truth.multi_label
    assert truth.row_counts.tolist() == [1, 0, 2, 0]
    assert truth.present.tolist() == [True, False, True, False]


def test_the_first_of_equally_probable_labels_is_predicted() -> None:
    probabilities = np.array([[0.4, 0.4, 0.2], [0.1, 0.2, 0.7]], np.float32)
    assert predict(probabilities, multi_label=False).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_labels_at_their_thresholds_are_predicted() -> None:
    probabilities = np.array([[0.5, 0.49, 0.3], [0.1, 0.2, 0.7]], np.float32)
    assert predict(probabilities, multi_label=True).tolist() == [[1, 0, 0], [0, 0, 1]]
    thresholds = np.array([0.6, 0.2, 0.3])
    assert predict(probabilities, multi_label=True, thresholds=thresholds).tolist() == [[0, 1, 1], [0, 1, 1]]


def test_no_rows_score_zero() -> None:
    no_rows = np.zeros((0, 3), np.float32)
    assert accuracy(no_rows, Truth(no_rows, multi_label=True)) == 0
    assert micro_f1(no_rows, Truth(no_rows, multi_label=True)) == 0


PROBABILITIES = st.sampled_from([0.0, 0.05, 0.2, 0.35, 0.4, 0.5, 0.65, 0.9, 1.0])


@settings(deadline=None)
@given(st.lists(st.tuples(PROBABILITIES, st.booleans()), min_size=1, max_size=20))
def test_no_threshold_has_a_higher_f1_than_the_best(rows: list[tuple[float, bool]]) -> None:
    probabilities = np.array([[probability] for probability, _ in rows], np.float32)
    truth = Truth(np.array([[is_true] for _, is_true in rows], np.float32), multi_label=True)
    thresholds = best_thresholds(probabilities, truth)

    def f1(threshold: float) -> float:
        predicted = predict(probabilities, multi_label=True, thresholds=np.array([threshold]))
        return float(f1_by_label(predicted, truth)[0])

    if not truth.labels.any():
        assert thresholds.tolist() == [0.5]
        return
    levels = np.unique(np.append(probabilities.astype(np.float64), 0.0))
    f1_at = {float(cut): f1(float(cut)) for cut in (levels[:-1] + levels[1:]) / 2}
    best = f1(thresholds[0])
    assert best == pytest.approx(max(f1(0.0), *f1_at.values(), 0), abs=1e-9)
    nearest = min((abs(cut - 0.5) for cut, value in f1_at.items() if value >= best - 1e-9), default=0.5)
    assert abs(thresholds[0] - 0.5) == pytest.approx(nearest, abs=1e-6)
