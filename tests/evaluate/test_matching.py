from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.styled_texts import FANCY, PLAIN, make_children, make_records, sentences
from textsynth.core.records import Provenance, Record
from textsynth.evaluate.matching import FOLDS, MAX_TEXTS, match_strata
from textsynth.text.normalize import normal_form

SIDE = st.lists(
    st.builds(
        lambda text, label, parent, index: Record(
            text, Provenance("step", parent_ids=(parent,) if parent else (), index=index), (label,) if label else ()
        ),
        st.sampled_from([f"{word} {number}" for word in PLAIN for number in range(9)]),
        st.sampled_from(["", "fare", "route", "delay"]),
        st.sampled_from(["", "", "", "one", "two", "three"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(SIDE, SIDE, st.integers(0, 9))
def test_both_sides_have_the_same_labels_and_no_fold_splits_copies_or_families(
    synthetic: list[Record], real: list[Record], seed: int
) -> None:
    matched = match_strata(synthetic, real, seed=seed)
    ours, theirs = [synthetic[index] for index in matched.synthetic], [real[index] for index in matched.real]
    assert len(ours) == len(theirs)
    assert len(set(matched.synthetic)) == len(set(matched.real)) == len(ours)
    notes = " ".join(matched.notes)
    if "any label" not in notes:
        assert [record.labels for record in ours] == [record.labels for record in theirs]
        common = Counter(record.labels for record in synthetic) & Counter(record.labels for record in real)
        assert len(ours) == common.total()
    if not matched.folds:
        return
    assert max(matched.folds) < FOLDS
    folds_of: dict[str, set[int]] = {}
    for record, fold in [*zip(ours, matched.folds, strict=True), *zip(theirs, matched.folds, strict=True)]:
        ties = [normal_form(record.text)]
        if "only copies" not in notes:
            ties += record.provenance.parent_ids
        for tie in ties:
            folds_of.setdefault(tie, set()).add(fold)
    assert all(len(folds) == 1 for folds in folds_of.values())


@settings(deadline=None)
@given(SIDE, SIDE, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(
    synthetic: list[Record], real: list[Record], generator: random.Random
) -> None:
    def match(ours: list[Record], theirs: list[Record]) -> list[object]:
        matched = match_strata(ours, theirs, seed=4)
        return [
            [ours[index] for index in matched.synthetic],
            [theirs[index] for index in matched.real],
            matched.folds,
            matched.notes,
        ]

    ours, theirs = (list({record.id: record for record in side}.values()) for side in (synthetic, real))
    shuffled = match(generator.sample(ours, len(ours)), generator.sample(theirs, len(theirs)))
    assert match(ours, theirs) == shuffled


def test_a_label_of_one_side_is_left_out_and_the_smaller_side_sets_the_count() -> None:
    synthetic = make_records(sentences(FANCY, 90, 1), ["fare", "route", "delay"])
    real = make_records(sentences(PLAIN, 60, 2), ["fare", "fare", "route"])
    matched = match_strata(synthetic, real, seed=1)
    assert Counter(synthetic[index].label for index in matched.synthetic) == {"fare": 30, "route": 20}
    assert matched.notes == ()


@pytest.mark.parametrize("labels", [["parking"], [""]])
def test_sides_without_a_common_label_are_matched_without_labels_and_a_note_says_so(labels: list[str]) -> None:
    synthetic = make_records(sentences(FANCY, 50, 1), ["fare"])
    matched = match_strata(synthetic, make_records(sentences(PLAIN, 40, 2), labels), seed=1)
    assert len(matched.synthetic) == 40
    (note,) = matched.notes
    assert "make only 0 pairs" in note


def test_folds_have_similar_sizes_with_families_and_copies() -> None:
    seeds = [f"seed {number}" for number in range(25)]
    synthetic = make_children(sentences(FANCY, 1000, 1), seeds)
    real_texts = sentences(PLAIN, 950, 2)
    real = make_records(real_texts + real_texts[:50])
    sizes = Counter(match_strata(synthetic, real, seed=1).folds)
    assert sum(sizes.values()) == 1000
    assert max(sizes.values()) < 280


def test_a_family_of_most_texts_is_split_but_copies_are_not() -> None:
    texts = sentences(FANCY, 60, 1)
    synthetic = make_children([*texts, *texts[:10]], ["only"])
    matched = match_strata(synthetic, make_records(sentences(PLAIN, 70, 2)), seed=1)
    assert "one family" in matched.notes[0]
    pairs = list(zip(matched.synthetic, matched.folds, strict=True))
    fold_of = {synthetic[index].text: fold for index, fold in pairs}
    assert all(fold_of[synthetic[index].text] == fold for index, fold in pairs)
    assert len(set(matched.folds)) == FOLDS


def test_a_parent_on_the_real_side_is_of_the_family() -> None:
    real = make_records(sentences(PLAIN, 40, 2))
    synthetic = make_children(sentences(FANCY, 40, 1), [record.id for record in real])
    matched = match_strata(synthetic, real, seed=1)
    assert matched.notes == ()  # the pairs do not happen to tie most families together
    fold_of = {real[index].id: fold for index, fold in zip(matched.real, matched.folds, strict=True)}
    assert [fold_of[synthetic[index].provenance.parent_ids[0]] for index in matched.synthetic] == matched.folds


def test_copies_of_one_text_have_no_folds() -> None:
    synthetic, real = make_records(["one and the same"] * 30), make_records(["One and the same!"] * 30)
    assert match_strata(synthetic, real, seed=1).folds == []


def test_an_empty_side_has_no_matches() -> None:
    matched = match_strata([], make_records(["a text"]), seed=1)
    assert (matched.synthetic, matched.real, matched.folds, matched.notes) == ([], [], [], ())


def test_the_sample_is_limited_and_keeps_the_label_shares() -> None:
    size = 3 * MAX_TEXTS // 2
    synthetic = make_records([f"ours {number}" for number in range(size)], ["fare", "route", "route"])
    real = make_records([f"theirs {number}" for number in range(size)], ["fare", "route", "route"])
    matched = match_strata(synthetic, real, seed=1)
    counts = Counter(synthetic[index].label for index in matched.synthetic)
    assert len(matched.synthetic) == pytest.approx(MAX_TEXTS, abs=2)
    assert counts["route"] == pytest.approx(2 * counts["fare"], abs=2)
