from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluate.sides import FANCY, PLAIN, children, records, sentences
from textsynth.core.records import Provenance, Record
from textsynth.evaluate import matching as matched
from textsynth.evaluate.matching import match_strata
from textsynth.text.normalize import normal_form

SIDE = st.lists(
    st.builds(
        lambda text, label, parent, draw: Record(
            text, Provenance("any", parent_ids=(parent,) if parent else (), index=draw), (label,) if label else ()
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
def test_both_sides_have_the_same_labels_in_every_fold_and_nothing_straddles(
    synthetic: list[Record], real: list[Record], seed: int
) -> None:
    found = match_strata(synthetic, real, seed=seed)
    ours, theirs = [synthetic[at] for at in found.synthetic], [real[at] for at in found.real]
    assert len(ours) == len(theirs)
    assert len(set(found.synthetic)) == len(set(found.real)) == len(ours)
    told = " ".join(found.notes)
    if "any label" not in told:
        assert [one.labels for one in ours] == [one.labels for one in theirs]
        least = (Counter(one.labels for one in synthetic) & Counter(one.labels for one in real)).total()
        assert len(ours) == least
    if not found.folds:
        return
    assert max(found.folds) < matched.FOLDS
    homes: dict[str, set[int]] = {}
    for one, fold in [*zip(ours, found.folds, strict=True), *zip(theirs, found.folds, strict=True)]:
        ties = [normal_form(one.text)] if "only copies" in told else [normal_form(one.text), *one.provenance.parent_ids]
        for tie in ties:
            homes.setdefault(tie, set()).add(fold)
    assert all(len(folds) == 1 for folds in homes.values())


@settings(deadline=None)
@given(SIDE, SIDE, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    synthetic: list[Record], real: list[Record], chance: random.Random
) -> None:
    def told(ours: list[Record], theirs: list[Record]) -> list[object]:
        found = match_strata(ours, theirs, seed=4)
        return [[ours[at] for at in found.synthetic], [theirs[at] for at in found.real], found.folds, found.notes]

    ours, theirs = ({one.id: one for one in side} for side in (synthetic, real))
    some, others = list(ours.values()), list(theirs.values())
    assert told(some, others) == told(chance.sample(some, len(some)), chance.sample(others, len(others)))


def test_a_label_of_one_side_stays_out_and_the_rarer_side_sets_the_count() -> None:
    ours = records(sentences(FANCY, 90, 1), ["fare", "route", "delay"])
    theirs = records(sentences(PLAIN, 60, 2), ["fare", "fare", "route"])
    found = match_strata(ours, theirs, seed=1)
    assert Counter(ours[at].label for at in found.synthetic) == {"fare": 30, "route": 20}
    assert found.notes == ()


@pytest.mark.parametrize("labels", [["parking"], [""]])
def test_sides_without_common_labels_are_matched_without_them_and_it_is_said(labels: list[str]) -> None:
    found = match_strata(records(sentences(FANCY, 50, 1), ["fare"]), records(sentences(PLAIN, 40, 2), labels), seed=1)
    assert len(found.synthetic) == 40
    (note,) = found.notes
    assert "make only 0 pairs" in note


def test_folds_are_of_one_size_also_with_families_and_copies() -> None:
    seeds = [f"seed {number}" for number in range(25)]
    ours = children(sentences(FANCY, 1000, 1), seeds)
    real_texts = sentences(PLAIN, 950, 2)
    theirs = records(real_texts + real_texts[:50])
    sizes = Counter(match_strata(ours, theirs, seed=1).folds)
    assert sum(sizes.values()) == 1000
    assert max(sizes.values()) < 280


def test_one_family_that_takes_most_of_the_texts_is_let_go_but_copies_are_not() -> None:
    texts = sentences(FANCY, 60, 1)
    ours = children([*texts, *texts[:10]], ["only"])
    found = match_strata(ours, records(sentences(PLAIN, 70, 2)), seed=1)
    assert "one family" in found.notes[0]
    fold = {ours[at].text: fold for at, fold in zip(found.synthetic, found.folds, strict=True)}
    assert all(fold[ours[at].text] == there for at, there in zip(found.synthetic, found.folds, strict=True))
    assert len(set(found.folds)) == matched.FOLDS


def test_a_parent_on_the_real_side_is_of_the_family() -> None:
    theirs = records(sentences(PLAIN, 40, 2))
    ours = children(sentences(FANCY, 40, 1), [one.id for one in theirs])
    found = match_strata(ours, theirs, seed=1)
    fold = {theirs[at].id: fold for at, fold in zip(found.real, found.folds, strict=True)}
    assert [fold[ours[at].provenance.parent_ids[0]] for at in found.synthetic] == found.folds


def test_copies_of_one_text_make_no_folds() -> None:
    assert match_strata(records(["one and the same"] * 30), records(["One and the same!"] * 30), seed=1).folds == []


def test_nothing_matches_nothing() -> None:
    found = match_strata([], records(["a text"]), seed=1)
    assert (found.synthetic, found.real, found.folds, found.notes) == ([], [], [], ())


def test_no_more_are_drawn_than_anyone_needs_and_labels_keep_their_shares() -> None:
    size = 3 * matched.MOST // 2
    ours = records([f"ours {number}" for number in range(size)], ["fare", "route", "route"])
    theirs = records([f"theirs {number}" for number in range(size)], ["fare", "route", "route"])
    found = match_strata(ours, theirs, seed=1)
    counts = Counter(ours[at].label for at in found.synthetic)
    assert len(found.synthetic) == pytest.approx(matched.MOST, abs=2)
    assert counts["route"] == pytest.approx(2 * counts["fare"], abs=2)
