from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.styled_texts import FANCY, PLAIN, sentences, unit_vectors
from textsynth.evaluate.diversity import Coverage, Diversity, mean_similarity, measure_diversity, vendi_score
from textsynth.similarity.vectors import Vectors


def diversity(
    synthetic: list[str],
    real: list[str],
    synthetic_vectors: Vectors | None = None,
    real_vectors: Vectors | None = None,
) -> Diversity:
    """Return the diversity of two lists of texts, with random vectors where none are given."""
    return measure_diversity(
        synthetic,
        real,
        unit_vectors(len(synthetic), 1) if synthetic_vectors is None else synthetic_vectors,
        unit_vectors(len(real), 2) if real_vectors is None else real_vectors,
        seed=7,
    )


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_the_vendi_score_counts_orthogonal_texts_and_ignores_copies(n: int) -> None:
    assert vendi_score(np.eye(n, 50, dtype=np.float32)) == pytest.approx(n)
    assert vendi_score(np.eye(n, dtype=np.float32)) == pytest.approx(n)
    assert vendi_score(np.repeat(unit_vectors(1, 3), n, axis=0)) == pytest.approx(1)
    assert vendi_score(np.repeat(np.eye(n, dtype=np.float32), 9, axis=0)) == pytest.approx(n)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(2, 24), st.integers(0, 99))
def test_vendi_score_and_mean_similarity_equal_those_of_the_full_matrix(n: int, dim: int, seed: int) -> None:
    vectors = unit_vectors(n, seed, dim)
    cosines = vectors.astype(np.float64) @ vectors.copy().astype(np.float64).T
    eigenvalues = np.linalg.eigvalsh(cosines / n)
    entropy = -sum(value * np.log(value) for value in eigenvalues if value > 1e-12)
    assert vendi_score(vectors) == pytest.approx(np.exp(entropy), rel=1e-4)
    assert 1 - 1e-6 <= (vendi_score(vectors) or 0) <= min(n, dim) + 1e-6
    similarity = mean_similarity(vectors)
    if n == 1:
        assert similarity is None
    else:
        assert similarity == pytest.approx(cosines[np.triu_indices(n, 1)].mean(), abs=1e-5)


def test_no_vectors_have_no_scores() -> None:
    no_vectors = np.zeros((0, 8), np.float32)
    assert (vendi_score(no_vectors), mean_similarity(no_vectors)) == (None, None)


def test_the_scores_of_a_small_set_equal_those_counted_by_hand() -> None:
    result = diversity(["red bus", "red bus red", "a tram"], ["blue boat", "green boat", "a tram sank"])
    assert result.synthetic is not None
    assert result.real is not None
    assert (result.synthetic.distinct_1, result.real.distinct_1) == (round(4 / 7, 4), round(6 / 7, 4))
    assert (result.synthetic.distinct_2, result.real.distinct_2) == (0.75, 1.0)
    assert (result.synthetic.duplicate_share, result.real.duplicate_share) == (0.0, 0.0)


def test_duplicates_ignore_case_and_punctuation() -> None:
    result = diversity(["A bus.", "a bus", "A BUS!", "a tram"], ["a", "b", "c", "d"])
    assert result.synthetic is not None
    assert result.synthetic.duplicate_share == 0.5


def test_both_sides_are_cut_to_the_same_number_of_texts_and_words() -> None:
    long, short = sentences(PLAIN, 60, 1, length=40), sentences(PLAIN, 200, 2, length=5)
    result = diversity(long, short)
    assert result.texts_per_side == 60
    assert result.synthetic is not None
    assert result.real is not None
    # Both are random among 16 words: over its 2,400 words the long side would have .007 instead of .053.
    assert result.synthetic.distinct_1 == pytest.approx(16 / 300, abs=1e-4)
    assert result.real.distinct_1 == pytest.approx(16 / 300, abs=1e-4)
    assert result.synthetic.distinct_2 == pytest.approx(result.real.distinct_2 or 0, abs=0.08)
    assert result.synthetic.compression_ratio == pytest.approx(result.real.compression_ratio or 0, rel=0.1)


def test_the_same_texts_have_the_same_scores_on_either_side() -> None:
    texts, vectors = sentences(PLAIN, 50, 1), unit_vectors(50, 1)
    result = diversity(texts, texts, vectors, vectors)
    assert result.synthetic == result.real


def test_repetition_raises_the_compression_ratio() -> None:
    result = diversity(["please kindly tell me the fare to town"] * 100, sentences([*PLAIN, *FANCY], 100, 1))
    assert result.synthetic is not None
    assert result.real is not None
    assert (result.synthetic.compression_ratio or 0) > 5 * (result.real.compression_ratio or 9)
    assert result.synthetic.duplicate_share == 0.99


def test_no_more_than_the_maximum_of_texts_is_measured() -> None:
    synthetic, real = sentences(PLAIN, 90, 1), sentences(PLAIN, 80, 2)
    result = measure_diversity(synthetic, real, unit_vectors(90, 1), unit_vectors(80, 2), seed=1, max_texts=30)
    assert result.texts_per_side == 30
    assert result.coverage is not None
    assert result.coverage.real_texts == 30
    assert result.synthetic is not None
    assert (result.synthetic.vendi_score or 99) <= 16 + 1e-6


def coverage(
    synthetic: list[str],
    real: list[str],
    synthetic_vectors: Vectors | None = None,
    real_vectors: Vectors | None = None,
) -> Coverage:
    result = diversity(synthetic, real, synthetic_vectors, real_vectors).coverage
    assert result is not None
    return result


def test_copies_of_the_real_texts_cover_all_of_them() -> None:
    texts, vectors = sentences(PLAIN, 50, 1), unit_vectors(50, 1)
    result = coverage(texts, texts, vectors, vectors)
    assert (result.share, result.real_texts) == (1.0, 50)
    # By the choice of the limit, the lower quartile of these very cosines.
    assert result.reference == pytest.approx(0.75, abs=0.021)


def test_distant_texts_cover_nothing() -> None:
    result = coverage(sentences(FANCY, 50, 1), sentences(PLAIN, 50, 2), -near_one_axis(50, 1), near_one_axis(50, 2))
    assert result.share == 0.0
    assert result.limit > 0.5


def test_texts_of_the_same_kind_cover_as_much_as_other_real_ones() -> None:
    result = coverage(
        sentences(PLAIN, 300, 1), sentences(PLAIN, 900, 2), unit_vectors(300, 1, 8), unit_vectors(900, 2, 8)
    )
    assert result.real_texts == 900
    assert result.share == pytest.approx(result.reference, abs=0.07)
    assert result.reference < 0.75  # a third as many cover fewer


def near_one_axis(rows: int, seed: int) -> Vectors:
    """Return random unit vectors (rows, 16) that all point roughly along the first axis."""
    vectors = unit_vectors(rows, seed) + np.eye(1, 16, dtype=np.float32) * 2
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_narrow_set_covers_less_and_is_less_diverse() -> None:
    narrow = np.repeat(unit_vectors(100, 1)[:5], 20, axis=0)
    result = diversity(sentences(PLAIN, 100, 1), sentences(PLAIN, 100, 2), narrow, unit_vectors(100, 2))
    assert result.coverage is not None
    assert result.coverage.share < result.coverage.reference / 2
    assert result.synthetic is not None
    assert (result.synthetic.vendi_score or 99) <= 5.001
    assert result.real is not None
    assert (result.synthetic.mean_similarity or 0) > (result.real.mean_similarity or 0)


def test_the_result_is_repeatable_and_does_not_depend_on_the_order_of_the_texts() -> None:
    synthetic, real = sentences(PLAIN, 80, 1), sentences(FANCY, 60, 2)
    synthetic_vectors, real_vectors = unit_vectors(80, 1), unit_vectors(60, 2)
    result = diversity(synthetic, real, synthetic_vectors, real_vectors)
    assert diversity(synthetic, real, synthetic_vectors, real_vectors) == result
    first, second = random.Random(1).sample(range(80), 80), random.Random(2).sample(range(60), 60)
    shuffled = diversity(
        [synthetic[index] for index in first],
        [real[index] for index in second],
        synthetic_vectors[first],
        real_vectors[second],
    )
    assert shuffled == result


@pytest.mark.parametrize(("synthetic", "real"), [(0, 0), (0, 30), (30, 0), (1, 1), (1, 30), (5, 9)])
def test_few_texts_give_the_scores_that_are_possible_and_a_note(synthetic: int, real: int) -> None:
    result = diversity(sentences(PLAIN, synthetic, 1), sentences(PLAIN, real, 2))
    assert result.texts_per_side == (min(synthetic, real) or max(synthetic, real))
    assert (result.synthetic is None, result.real is None) == (synthetic == 0, real == 0)
    if synthetic and real >= 10:
        assert result.coverage is not None
        assert result.notes == ()
    else:
        assert result.coverage is None
        assert "Coverage was not measured" in result.notes[0]


def test_texts_without_words_have_no_distinct_shares() -> None:
    result = diversity(["", ""], ["", ""])
    assert result.synthetic is not None
    scores = result.synthetic
    assert (scores.distinct_1, scores.distinct_2, scores.duplicate_share) == (None, None, 0.5)


def test_without_embeddings_only_words_and_bytes_are_measured() -> None:
    result = measure_diversity(sentences(PLAIN, 30, 1), sentences(FANCY, 30, 2), None, None, seed=1)
    assert result.synthetic is not None
    assert (result.synthetic.vendi_score, result.synthetic.mean_similarity, result.coverage) == (None, None, None)
    assert result.synthetic.distinct_1 is not None
    assert "no embeddings" in result.notes[0]
