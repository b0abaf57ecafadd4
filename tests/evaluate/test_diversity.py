from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.sides import FANCY, PLAIN, sentences, unit
from textsynth.evaluate.diversity import Diversity, mean_similarity, measure_diversity, vendi_score
from textsynth.similarity.vectors import Vectors


def diversity(
    ours: list[str], theirs: list[str], rows: Vectors | None = None, others: Vectors | None = None
) -> Diversity:
    return measure_diversity(
        ours,
        theirs,
        unit(len(ours), 1) if rows is None else rows,
        unit(len(theirs), 2) if others is None else others,
        seed=7,
    )


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_vendi_counts_orthogonal_texts_singly_and_copies_once(n: int) -> None:
    assert vendi_score(np.eye(n, 50, dtype=np.float32)) == pytest.approx(n)
    assert vendi_score(np.eye(n, dtype=np.float32)) == pytest.approx(n)
    assert vendi_score(np.repeat(unit(1, 3), n, axis=0)) == pytest.approx(1)
    assert vendi_score(np.repeat(np.eye(n, dtype=np.float32), 9, axis=0)) == pytest.approx(n)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(2, 24), st.integers(0, 99))
def test_vendi_and_similarity_are_what_the_whole_matrix_says(n: int, dim: int, seed: int) -> None:
    rows = unit(n, seed, dim)
    cosines = rows.astype(np.float64) @ rows.copy().astype(np.float64).T
    values = np.linalg.eigvalsh(cosines / n)
    entropy = -sum(value * np.log(value) for value in values if value > 1e-12)
    assert vendi_score(rows) == pytest.approx(np.exp(entropy), rel=1e-4)
    assert 1 - 1e-6 <= (vendi_score(rows) or 0) <= min(n, dim) + 1e-6
    told = mean_similarity(rows)
    if n == 1:
        assert told is None
    else:
        assert told == pytest.approx(cosines[np.triu_indices(n, 1)].mean(), abs=1e-5)


def test_no_rows_have_no_figures() -> None:
    none = np.zeros((0, 8), np.float32)
    assert (vendi_score(none), mean_similarity(none)) == (None, None)


def test_the_figures_of_a_small_set_are_those_counted_by_hand() -> None:
    found = diversity(["red bus", "red bus red", "a tram"], ["blue boat", "green boat", "a tram sank"])
    assert found.synthetic is not None
    assert found.real is not None
    assert (found.synthetic.distinct_1, found.real.distinct_1) == (round(4 / 7, 4), round(6 / 7, 4))
    assert (found.synthetic.distinct_2, found.real.distinct_2) == (0.75, 1.0)
    assert (found.synthetic.duplicates, found.real.duplicates) == (0.0, 0.0)


def test_copies_are_counted_up_to_case_and_punctuation() -> None:
    found = diversity(["A bus.", "a bus", "A BUS!", "a tram"], ["a", "b", "c", "d"])
    assert found.synthetic is not None
    assert found.synthetic.duplicates == 0.5


def test_both_sides_are_cut_to_one_size_in_texts_and_in_words() -> None:
    long, short = sentences(PLAIN, 60, 1, length=40), sentences(PLAIN, 200, 2, length=5)
    found = diversity(long, short)
    assert found.n == 60
    assert found.synthetic is not None
    assert found.real is not None
    # both are random words of 16: had the long side kept its 2,400 words, it would have .007 beside .053
    assert found.synthetic.distinct_1 == pytest.approx(16 / 300, abs=1e-4)
    assert found.real.distinct_1 == pytest.approx(16 / 300, abs=1e-4)
    assert found.synthetic.distinct_2 == pytest.approx(found.real.distinct_2 or 0, abs=0.08)
    assert found.synthetic.compression_ratio == pytest.approx(found.real.compression_ratio or 0, rel=0.1)


def test_the_same_texts_are_as_varied_on_either_side() -> None:
    texts, rows = sentences(PLAIN, 50, 1), unit(50, 1)
    found = diversity(texts, texts, rows, rows)
    assert found.synthetic == found.real


def test_repetition_compresses_better() -> None:
    found = diversity(["please kindly tell me the fare to town"] * 100, sentences([*PLAIN, *FANCY], 100, 1))
    assert found.synthetic is not None
    assert found.real is not None
    assert (found.synthetic.compression_ratio or 0) > 5 * (found.real.compression_ratio or 9)
    assert found.synthetic.duplicates == 0.99


def test_at_most_so_many_are_measured() -> None:
    ours, theirs = sentences(PLAIN, 90, 1), sentences(PLAIN, 80, 2)
    found = measure_diversity(ours, theirs, unit(90, 1), unit(80, 2), seed=1, at_most=30)
    assert found.n == 30
    assert found.coverage is not None
    assert found.coverage.of == 30
    assert found.synthetic is not None
    assert (found.synthetic.vendi or 99) <= 16 + 1e-6


def test_copies_of_the_real_texts_cover_all_of_them() -> None:
    texts, rows = sentences(PLAIN, 50, 1), unit(50, 1)
    found = diversity(texts, texts, rows, rows).coverage
    assert found is not None
    assert (found.share, found.of) == (1.0, 50)
    assert found.reference == pytest.approx(0.75, abs=0.021)  # by the limit: the lower quartile of these very cosines


def test_what_lies_elsewhere_covers_nothing() -> None:
    found = diversity(
        sentences(FANCY, 50, 1), sentences(PLAIN, 50, 2), -near_one_axis(50, 1), near_one_axis(50, 2)
    ).coverage
    assert found is not None
    assert found.share == 0.0
    assert found.limit > 0.5


def test_texts_of_the_same_kind_cover_as_much_as_other_real_ones() -> None:
    found = diversity(sentences(PLAIN, 300, 1), sentences(PLAIN, 900, 2), unit(300, 1, 8), unit(900, 2, 8)).coverage
    assert found is not None
    assert found.of == 900
    assert found.share == pytest.approx(found.reference, abs=0.07)
    assert found.reference < 0.75  # a third as many reach fewer


def near_one_axis(rows: int, seed: int) -> Vectors:
    bent = unit(rows, seed) + np.eye(1, 16, dtype=np.float32) * 2
    return (bent / np.linalg.norm(bent, axis=1, keepdims=True)).astype(np.float32)


def test_a_narrow_set_covers_less_and_is_less_varied() -> None:
    rows = unit(100, 1)
    found = diversity(sentences(PLAIN, 100, 1), sentences(PLAIN, 100, 2), np.repeat(rows[:5], 20, axis=0), unit(100, 2))
    assert found.coverage is not None
    assert found.coverage.share < found.coverage.reference / 2
    assert found.synthetic is not None
    assert (found.synthetic.vendi or 99) <= 5.001
    assert found.real is not None
    assert (found.synthetic.mean_similarity or 0) > (found.real.mean_similarity or 0)


def test_nothing_depends_on_the_order_of_the_texts_and_all_repeats() -> None:
    ours, theirs, rows, others = sentences(PLAIN, 80, 1), sentences(FANCY, 60, 2), unit(80, 1), unit(60, 2)
    found = diversity(ours, theirs, rows, others)
    assert diversity(ours, theirs, rows, others) == found
    order, turn = random.Random(1).sample(range(80), 80), random.Random(2).sample(range(60), 60)
    assert diversity([ours[at] for at in order], [theirs[at] for at in turn], rows[order], others[turn]) == found


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (0, 30), (30, 0), (1, 1), (1, 30), (5, 9)])
def test_few_texts_give_what_they_can_and_a_note(ours: int, theirs: int) -> None:
    found = diversity(sentences(PLAIN, ours, 1), sentences(PLAIN, theirs, 2))
    assert found.n == (min(ours, theirs) or max(ours, theirs))
    assert (found.synthetic is None, found.real is None) == (ours == 0, theirs == 0)
    if ours and theirs >= 10:
        assert found.coverage is not None
        assert found.notes == ()
    else:
        assert found.coverage is None
        assert "Coverage was not measured" in found.notes[0]
    json.dumps(found.as_json())


def test_texts_without_words_have_no_share_of_words() -> None:
    found = diversity(["", ""], ["", ""])
    assert found.synthetic is not None
    assert (found.synthetic.distinct_1, found.synthetic.distinct_2, found.synthetic.duplicates) == (None, None, 0.5)


def test_without_embeddings_the_words_are_measured_alone() -> None:
    found = measure_diversity(sentences(PLAIN, 30, 1), sentences(FANCY, 30, 2), None, None, seed=1)
    assert found.synthetic is not None
    assert (found.synthetic.vendi, found.synthetic.mean_similarity, found.coverage) == (None, None, None)
    assert found.synthetic.distinct_1 is not None
    assert "no embeddings" in found.notes[0]


def test_the_json_has_the_documented_keys() -> None:
    told = json.loads(json.dumps(diversity(sentences(PLAIN, 30, 1), sentences(FANCY, 40, 2)).as_json()))
    keys = ["distinct_1", "distinct_2", "compression_ratio", "mean_similarity", "vendi", "duplicates"]
    assert list(told) == ["n", "synthetic", "real", "coverage"]
    assert list(told["synthetic"]) == list(told["real"]) == keys
    assert list(told["coverage"]) == ["share", "of", "limit", "reference"]
