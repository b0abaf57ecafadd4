from __future__ import annotations

import csv
import random

import numpy as np
import pytest

from tests.evaluate.styled_texts import FANCY, PLAIN, make_children, make_records, sentences, unit_vectors
from tests.filter.filtering import DATA, real_data
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.domain_shift import MAX_VALUES, DomainShift, measure_domain_shift

LABELS = ["fare", "route"]


def domain_shift(synthetic: list[Record], real: list[Record], seed: int = 7) -> DomainShift:
    """Return the domain shift of two lists of records, with random vectors."""
    vectors = unit_vectors(len(synthetic), 1), unit_vectors(len(real), 2)
    return measure_domain_shift(synthetic, real, *vectors, labels=LABELS, seed=seed)


def names(count: int) -> list[str]:
    return [f"name{number}" for number in range(count)]


def test_disjoint_vocabularies_are_separated_and_their_words_listed() -> None:
    shift = domain_shift(make_records(sentences(FANCY, 60, 1), LABELS), make_records(sentences(PLAIN, 90, 2), LABELS))
    assert shift.auc_words == pytest.approx(1.0)
    assert shift.texts_per_side == 60
    assert {word.word for word in shift.synthetic_words if " " not in word.word} <= set(FANCY)
    assert {word.word for word in shift.real_words if " " not in word.word} <= set(PLAIN)
    assert shift.vocabulary.shared == 0.0
    assert shift.notes == ()


def test_random_halves_of_the_same_texts_are_not_separated() -> None:
    texts, vectors = sentences(PLAIN, 400, 1), unit_vectors(400, 3)
    aucs = []
    for seed in range(6):
        order = random.Random(seed).sample(range(400), 400)
        halves = [
            make_records([texts[index] for index in half], step=f"half {seed}") for half in (order[:200], order[200:])
        ]
        shift = measure_domain_shift(*halves, vectors[order[:200]], vectors[order[200:]], labels=[], seed=seed)
        aucs.append((shift.auc_words or 0, shift.auc_embeddings or 0))
    assert np.mean(aucs, axis=0) == pytest.approx([0.5, 0.5], abs=0.05)


def test_different_label_shares_do_not_raise_the_auc_but_are_reported() -> None:
    words = {"fare": PLAIN[:8], "route": PLAIN[8:]}

    def side(fare: int, route: int, seed: int) -> list[Record]:
        return [
            *make_records(sentences(words["fare"], fare, seed), ["fare"]),
            *make_records(sentences(words["route"], route, seed + 1), ["route"]),
        ]

    synthetic, real = side(200, 50, 1), side(50, 200, 3)
    shift = domain_shift(synthetic, real)
    assert shift.texts_per_side == 100
    assert shift.auc_words == pytest.approx(0.5, abs=0.12)
    assert (shift.labels["fare"].synthetic, shift.labels["fare"].real) == (0.8, 0.2)
    unlabelled = [[Record(record.text, record.provenance) for record in records] for records in (synthetic, real)]
    assert (domain_shift(*unlabelled).auc_words or 0) > 0.75


def test_a_family_that_repeats_its_source_does_not_raise_the_auc() -> None:
    # Ten rewordings of each of 20 texts, distinguished only by the name in their source.
    sources = [f"{text} {name}" for text, name in zip(sentences(PLAIN, 20, 1), names(20), strict=True)]
    texts = [f"{source} {word}" for word in PLAIN[:10] for source in sources]
    real = [f"{text} {name}" for text, name in zip(sentences(PLAIN, 200, 2), names(220)[20:], strict=True)]
    assert (domain_shift(make_children(texts, sources), make_records(real)).auc_words or 1) < 0.75
    assert (domain_shift(make_records(texts), make_records(real)).auc_words or 0) > 0.95


def test_the_result_is_repeatable_and_does_not_depend_on_the_order_of_the_texts() -> None:
    synthetic = make_records(sentences([*FANCY, *PLAIN], 80, 1), LABELS)
    real = make_records(sentences(PLAIN, 90, 2), LABELS)
    synthetic_vectors, real_vectors = unit_vectors(80, 1), unit_vectors(90, 2)
    shift = measure_domain_shift(synthetic, real, synthetic_vectors, real_vectors, labels=LABELS, seed=3)
    assert measure_domain_shift(synthetic, real, synthetic_vectors, real_vectors, labels=LABELS, seed=3) == shift
    first, second = random.Random(1).sample(range(80), 80), random.Random(2).sample(range(90), 90)
    shuffled = measure_domain_shift(
        [synthetic[index] for index in first],
        [real[index] for index in second],
        synthetic_vectors[first],
        real_vectors[second],
        labels=LABELS,
        seed=3,
    )
    assert shuffled == shift


def test_length_histograms_share_their_edges_and_contain_every_text() -> None:
    synthetic = make_records([" ".join(["go"] * size) for size in range(1, 101)])
    length = domain_shift(synthetic, make_records(["stop it now", *[" ".join(["go"] * 900)] * 2])).length
    assert length.synthetic is not None
    assert length.real is not None
    assert (length.synthetic.mean, length.synthetic.median) == (50.5, 50.5)
    assert (length.synthetic.p10, length.synthetic.p90) == (10.9, 90.1)
    for side in (length.synthetic, length.real):
        assert len(side.histogram) == len(length.bin_edges) - 1
        assert sum(side.histogram) == pytest.approx(1, abs=0.005)
    assert length.real.histogram[-1] == pytest.approx(2 / 3, abs=1e-4)
    assert len(length.bin_edges) < 25


def test_texts_of_one_length_are_in_one_bin() -> None:
    length = domain_shift(make_records(["two words"] * 3), make_records(["more words"] * 2)).length
    assert length.bin_edges == (2, 3)
    assert length.real is not None
    assert length.real.histogram == (1.0,)


def test_vocabularies_are_counted_over_equally_many_words() -> None:
    synthetic = make_records([f"word{number} right on" for number in range(50)])
    vocabulary = domain_shift(synthetic, make_records(["left right on"])).vocabulary
    assert (vocabulary.synthetic, vocabulary.real, vocabulary.shared) == (3, 3, 0.5)


def test_label_shares_are_of_the_labelled_texts_in_the_declared_order() -> None:
    synthetic = make_records(["a", "b", "c", "d"], ["route", "route", "other", ""])
    labels = domain_shift(synthetic, make_records(["e"])).labels
    assert list(labels) == ["fare", "route", "other"]
    assert [share.synthetic for share in labels.values()] == [0.0, 0.6667, 0.3333]
    assert {share.real for share in labels.values()} == {None}


def test_each_of_several_labels_counts() -> None:
    synthetic = [Record(text, Provenance("step"), ("fare", "route")) for text in sentences(FANCY, 30, 1)]
    real = [Record(text, Provenance("step"), ("route", "fare")) for text in sentences(PLAIN, 30, 2)]
    shift = domain_shift(synthetic, real)
    assert [share.synthetic for share in shift.labels.values()] == [1.0, 1.0]
    assert (shift.texts_per_side, shift.notes) == (30, ())


def test_attributes_are_fields_with_few_values_except_reserved_ones() -> None:
    synthetic = [
        Record(
            "a text",
            Provenance("labelled", index=index),
            fields={"tone": tone, "source_text": "x", "id": str(index)},
        )
        for index, tone in enumerate([*["calm"] * 45, *["cross"] * 15])
    ]
    shift = domain_shift([*synthetic, Record("no tone", Provenance("labelled"))], make_records(["a text"]))
    assert shift.attributes == {"tone": {"calm": 0.75, "cross": 0.25}}
    assert f"'id' has 60 values and is not shown; at most {MAX_VALUES} are" in shift.notes[-1]


@pytest.mark.parametrize(("synthetic", "real"), [(0, 0), (0, 30), (30, 0), (1, 1), (19, 500)])
def test_with_too_few_texts_nothing_is_measured_and_a_note_says_so(synthetic: int, real: int) -> None:
    shift = domain_shift(make_records(sentences(FANCY, synthetic, 1)), make_records(sentences(PLAIN, real, 2)))
    assert (shift.auc_words, shift.auc_embeddings, shift.synthetic_words, shift.real_words) == (None, None, (), ())
    (note,) = shift.notes
    assert "it takes 20 texts a side" in note
    assert f"{synthetic} synthetic text" in note


def test_without_embeddings_only_words_are_measured() -> None:
    synthetic, real = make_records(sentences(FANCY, 30, 1)), make_records(sentences(PLAIN, 30, 2))
    shift = measure_domain_shift(synthetic, real, None, None, labels=[], seed=1)
    assert (shift.auc_words, shift.auc_embeddings) == (1.0, None)


def test_copies_of_one_text_are_not_measured() -> None:
    shift = domain_shift(make_records(["same"] * 30), make_records(["same"] * 30))
    assert (shift.auc_words, shift.synthetic_words) == (None, ())
    assert "copies of each other" in shift.notes[0]


@real_data
def test_texts_of_a_model_are_separated_from_real_ones_but_halves_of_real_ones_are_not() -> None:
    sides = []
    for name in ("generated_llama2_70b", "train"):
        with (DATA / "parrot_intimacy" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        sides.append(make_records([row["text"] for row in rows][:1000]))
    synthetic, real = sides
    shift = measure_domain_shift(synthetic, real, None, None, labels=[], seed=1)
    halves = measure_domain_shift(real[::2], real[1::2], None, None, labels=[], seed=1)
    assert (shift.auc_words or 0) > 0.75
    assert halves.auc_words == pytest.approx(0.5, abs=0.06)
    assert len(shift.real_words) > len(halves.real_words)
