from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.records import Provenance, Record
from textsynth.evaluate.fidelity import (
    FEATURES,
    LENGTHS,
    Fidelity,
    category_coverage,
    ks_complement,
    measure_fidelity,
    tv_complement,
)

SAMPLES = st.lists(st.integers(0, 6), min_size=1, max_size=40)


def make_record(text: str, label: str = "", number: int = 0, **fields: str) -> Record:
    return Record(text, Provenance("rows", index=number), (label,) if label else (), fields)


def measured(synthetic: list[Record], real: list[Record]) -> Fidelity:
    fidelity = measure_fidelity(synthetic, real, seed=0)
    assert fidelity is not None
    return fidelity


def column_score(fidelity: Fidelity, column: str) -> float:
    return next(row.score for row in fidelity.columns if row.column == column)


@given(SAMPLES, SAMPLES)
def test_the_score_of_numbers_is_that_of_kolmogorov_and_smirnov(synthetic: list[int], real: list[int]) -> None:
    ours, theirs = np.array(synthetic, np.float64), np.array(real, np.float64)
    largest = max(abs((ours <= value).mean() - (theirs <= value).mean()) for value in range(7))
    assert ks_complement(ours, theirs) == pytest.approx(1 - largest)
    assert ks_complement(ours, theirs) == pytest.approx(ks_complement(theirs, ours))


@given(SAMPLES, SAMPLES)
def test_the_score_of_categories_is_the_probability_that_both_sides_share(
    synthetic: list[int], real: list[int]
) -> None:
    shared = sum(min(synthetic.count(value) / len(synthetic), real.count(value) / len(real)) for value in range(7))
    assert tv_complement(np.array(synthetic), np.array(real)) == pytest.approx(shared)
    assert category_coverage(np.array(synthetic), np.array(real)) == pytest.approx(
        len({*synthetic} & {*real}) / len({*real})
    )


def test_equal_rows_score_one_in_every_column_and_pair() -> None:
    rows = [make_record(f"Is parcel {number} here?", "post", number, tone="calm") for number in range(6)]
    rows += [make_record(f"i lost letter {number}!", "loss", number, tone="cross") for number in range(9)]
    fidelity = measured(rows, rows)
    assert {column.score for column in fidelity.columns} == {1.0}
    assert (fidelity.surface_score, fidelity.pair_score, fidelity.worst_pair.score) == (1.0, 1.0, 1.0)
    assert [column.column for column in fidelity.columns] == ["label", "attribute tone", *LENGTHS, *FEATURES]


def test_the_column_that_differs_most_is_named() -> None:
    real = [make_record(f"the parcel of {name}", "post", number) for number, name in enumerate(["Ann", "Eve", "Tom"])]
    synthetic = [replace(record, text=f"{record.text[:-1]}!") for record in real]
    fidelity = measured([real[0], *synthetic], real)
    worst = fidelity.worst_column
    assert (worst.column, worst.measure, worst.score) == ("exclamation mark", "TVComplement", 0.25)
    assert (worst.synthetic, worst.real, worst.category_coverage) == (0.75, 0.0, 1.0)
    assert column_score(fidelity, "end mark") == 0.25
    assert {column_score(fidelity, name) for name in LENGTHS} == {1.0}


def test_values_that_the_synthetic_rows_lack_lower_the_coverage_of_label_and_attribute() -> None:
    real = [make_record("a text", label, number, tone=label) for number, label in enumerate("aabbccdd")]
    synthetic = [make_record("a text", "a", number, tone="a") for number in range(5)]
    fidelity = measured(synthetic, real)
    label, tone = fidelity.columns[:2]
    assert (label.score, label.category_coverage, label.synthetic) == (0.25, 0.25, None)
    assert (tone.column, tone.score) == ("attribute tone", 0.25)
    assert fidelity.worst_column == label


def test_a_pair_can_differ_where_its_columns_do_not() -> None:
    pairs = [("yes", "long"), ("no", "short")]
    real = [make_record("a text", label, number, tone=tone) for number, (label, tone) in enumerate(pairs * 4)]
    crossed = [("yes", "short"), ("no", "long")]
    synthetic = [make_record("a text", label, number, tone=tone) for number, (label, tone) in enumerate(crossed * 4)]
    fidelity = measured(synthetic, real)
    assert fidelity.worst_column.score == 1.0
    assert (fidelity.worst_pair.columns, fidelity.worst_pair.score) == (("label", "attribute tone"), 0.0)


def test_only_fields_of_both_sides_with_few_values_are_attributes() -> None:
    real = [make_record("a text", "a", number, tone="calm", ticket=str(number), other="x") for number in range(60)]
    synthetic = [make_record("a text", "a", number, tone="cross", ticket=str(number)) for number in range(60)]
    assert [row.column for row in measured(synthetic, real).columns][:3] == ["label", "attribute tone", *LENGTHS][:3]
    without = measure_fidelity(synthetic, real, seed=0, other_fields={"tone"})
    assert without is not None
    assert "attribute tone" not in [row.column for row in without.columns]


def test_the_order_of_the_rows_does_not_matter_and_halves_of_real_rows_are_near_one() -> None:
    words = ["parcel", "letter", "stamp", "courier", "Box?", "no!", "i", "7"]
    draw = random.Random(3)
    real = [make_record(" ".join(draw.choices(words, k=6)), draw.choice("ab"), number) for number in range(400)]
    synthetic = [make_record(" ".join(draw.choices(words, k=6)), "a", number) for number in range(100)]
    fidelity = measured(synthetic, real)
    assert fidelity == measured(synthetic[::-1], real[::-1])
    assert fidelity.real_surface_score is not None
    assert fidelity.real_surface_score > 0.93
    assert fidelity.real_pair_score is not None
    assert fidelity.real_pair_score > fidelity.pair_score


def test_rows_without_labels_have_no_column_of_labels_and_no_rows_have_no_fidelity() -> None:
    record = make_record("a text")
    fidelity = measured([record], [make_record("a text", "a")])
    assert [row.column for row in fidelity.columns] == [*LENGTHS, *FEATURES]
    assert fidelity.real_surface_score is None
    assert measure_fidelity([], [record], seed=0) is None
    assert measure_fidelity([record], [], seed=0) is None
