"""Which texts lower the loss on the others: checked by taking the step, and on small worlds of angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from textsynth.similarity.loss_reduction import (
    TextPool,
    cross_fitted,
    loss_reductions,
    margins,
    select_by_gain,
    squared_lengths,
)
from textsynth.similarity.vectors import Vectors


def unit_vectors(angles: Sequence[float]) -> Vectors:
    radians = np.radians(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def pool_of(texts: Sequence[tuple[int, float]]) -> TextPool:
    """Return a pool of texts with a code and an angle, each of one word that no other text has."""
    codes = np.array([code for code, _ in texts])
    return TextPool([f"w{row}" for row in range(len(texts))], unit_vectors([angle for _, angle in texts]), codes, 2)


KNOWN = [(0, 0.0), (0, 10.0), (1, 80.0), (1, 90.0)]


def select(candidates: Sequence[tuple[int, float]], quota: dict[int, int]) -> list[tuple[int, float]]:
    texts = [*KNOWN, *candidates]
    rows = np.arange(len(KNOWN), len(texts))
    return [texts[row] for row in select_by_gain(pool_of(texts), np.arange(len(KNOWN)), rows, quota, rows)]


def log_loss(weights: np.ndarray, features: np.ndarray, codes: np.ndarray) -> float:
    logits = features @ weights
    return float((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(codes)), codes]).sum())


def residuals_of(weights: np.ndarray, features: np.ndarray, codes: np.ndarray) -> np.ndarray:
    odds = np.exp(features @ weights)
    return np.asarray(np.eye(weights.shape[1])[codes] - odds / odds.sum(axis=1, keepdims=True))


def test_the_reduction_is_what_a_small_step_on_the_text_brings() -> None:
    generator = np.random.default_rng(3)
    weights = generator.normal(size=(4, 3))
    features, others = generator.normal(size=(6, 4)), generator.normal(size=(8, 4))
    codes, other_codes = generator.integers(0, 3, 6), generator.integers(0, 3, 8)
    residuals = residuals_of(weights, features, codes)
    reductions = loss_reductions(features, residuals, others, residuals_of(weights, others, other_codes))
    size = 1e-6
    for row in range(6):
        moved = weights + size * np.outer(features[row], residuals[row])
        measured = (log_loss(weights, others, other_codes) - log_loss(moved, others, other_codes)) / size
        assert reductions[row] == pytest.approx(measured, rel=1e-3, abs=1e-4)
    sparse = loss_reductions(
        csr_matrix(features), residuals, csr_matrix(others), residuals_of(weights, others, other_codes)
    )
    assert sparse == pytest.approx(reductions)
    assert squared_lengths(csr_matrix(features)) == pytest.approx(squared_lengths(features))


def test_a_text_near_the_border_that_others_support_comes_before_an_easy_and_a_wrong_one() -> None:
    first, *_ = select([(0, 1.0), (0, 2.0), (0, 36.0), (0, 40.0), (0, 38.0), (0, 88.0), (1, 85.0)], {0: 1})
    assert 36.0 <= first[1] <= 40.0


def test_a_label_without_known_texts_is_selected_from_by_what_its_other_texts_support() -> None:
    texts = [*KNOWN, *((2, angle) for angle in (178.0, 180.0, 182.0, 184.0, 5.0))]
    codes = np.array([code for code, _ in texts])
    pool = TextPool([f"w{row}" for row in range(len(texts))], unit_vectors([a for _, a in texts]), codes, 3)
    rows = np.arange(len(KNOWN), len(texts))
    (row,) = select_by_gain(pool, np.arange(len(KNOWN)), rows, {2: 1}, rows)
    assert texts[row][1] > 170


def test_cross_fitted_probabilities_see_through_a_wrong_label() -> None:
    candidates = [(0, float(angle)) for angle in range(0, 20, 2)] + [(1, float(angle)) for angle in range(70, 90, 2)]
    texts = [*KNOWN, *candidates, (0, 85.0)]
    rows = np.arange(len(KNOWN), len(texts))
    probabilities = cross_fitted(pool_of(texts), np.arange(len(KNOWN)), rows, rows.tolist(), 0)
    assert probabilities.shape == (21, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert probabilities[-1].argmax() == 1


def test_copies_are_never_judged_by_each_other() -> None:
    texts = [*KNOWN, *([(0, 85.0)] * 8), (1, 85.0)]
    rows = np.arange(len(KNOWN), len(texts))
    together = cross_fitted(pool_of(texts), np.arange(len(KNOWN)), rows, [0] * 8 + [1], 0)
    apart = cross_fitted(pool_of(texts), np.arange(len(KNOWN)), rows, rows.tolist(), 0)
    assert together[:8, 0].max() < 0.5 < apart[:8, 0].max()


def test_margins_are_distances_to_the_most_probable_other_label() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]])
    assert margins(probabilities, np.array([0, 0])) == pytest.approx([0.5, 0.5])


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 90)), min_size=1, max_size=14),
    st.integers(0, 12),
    st.integers(0, 12),
)
def test_the_quota_of_each_label_is_selected_from_the_candidates_once(
    texts: list[tuple[int, int]], zero: int, one: int
) -> None:
    candidates = [(code, float(angle)) for code, angle in texts]
    pool = pool_of([*KNOWN, *candidates])
    rows = np.arange(len(KNOWN), len(KNOWN) + len(candidates))
    selected = select_by_gain(pool, np.arange(len(KNOWN)), rows, {0: zero, 1: one}, rows)
    assert len(set(selected)) == len(selected)
    assert set(selected) <= set(rows.tolist())
    counts = [sum(code == label for code, _ in candidates) for label in (0, 1)]
    assert [sum(pool.codes[row] == label for row in selected) for label in (0, 1)] == [
        min(count, limit) for count, limit in zip(counts, (zero, one), strict=True)
    ]
    assert select_by_gain(pool, np.arange(len(KNOWN)), rows, {0: zero, 1: one}, rows) == selected
