"""Families are never parted, shares are met to the text where families allow, and order changes nothing."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.core.records import Provenance, Record
from textsynth.export.splits import assign_splits, families

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def single(number: int, label: str = "a") -> Record:
    return Record(f"text {number}", Provenance("labelled", request_key=f"key{number}"), (label,))


def rewritten(number: int, parent: str, label: str = "a") -> Record:
    return Record(f"in other words {number}", Provenance("paraphrase", (parent,), request_key=f"p{number}"), (label,))


@st.composite
def record_sets(draw: st.DrawFn) -> list[Record]:
    """Draw texts alone, children of one parent, parents that are there themselves, and items of one answer."""
    found: dict[str, Record] = {}
    for number in range(draw(st.integers(0, 20))):
        parents = draw(st.lists(st.sampled_from([*list(found)[:5], "p1", "p2", "p3"]), max_size=2))
        request = draw(st.sampled_from(["", "", "k1", "k2", f"own{number}"]))
        origin = Provenance("item", tuple(parents), ("shown",), request, number)
        labels = draw(st.lists(st.sampled_from("abc"), max_size=2, unique=True))
        one = Record(f"text {number}", origin, tuple(labels), {"source_text": draw(st.sampled_from(["", "s1", "s2"]))})
        found[one.id] = one
    return list(found.values())


@settings(deadline=None, max_examples=60)
@given(record_sets(), st.sampled_from([SHARES, {"train": 1.0}, {"train": 0.5, "test": 0.5}]))
def test_families_are_whole_and_the_order_of_records_changes_nothing(
    records: list[Record], shares: dict[str, float]
) -> None:
    parted = assign_splits(records, shares, seed=7)
    assert parted.split.keys() == parted.family.keys() == {one.id for one in records}
    assert set(parted.split.values()) <= set(shares)
    whole = {(parted.family[one], parted.split[one]) for one in parted.split}
    assert len(whole) == len(set(parted.family.values()))
    for one in records:
        for other in records:
            tied = set(one.provenance.parent_ids) & {*other.provenance.parent_ids, other.id} or (
                one.provenance.request_key and one.provenance.request_key == other.provenance.request_key
            )
            if tied:
                assert parted.family[one.id] == parted.family[other.id]
    random.Random(3).shuffle(records)
    again = assign_splits(records, shares, seed=7)
    assert (again.split, again.family) == (parted.split, parted.family)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 30)), st.sampled_from([SHARES, {"a": 0.7, "b": 0.3}])
)
def test_singles_meet_the_shares_in_total_and_for_each_label_to_one_text(
    sizes: dict[str, int], shares: dict[str, float]
) -> None:
    records = [
        single(number * 100 + place, label) for place, label in enumerate(sizes) for number in range(sizes[label])
    ]
    split = assign_splits(records, shares, seed=7).split
    total = Counter(split.values())
    for name, share in shares.items():
        assert abs(total[name] - len(records) * share) < 1
        for label, size in sizes.items():
            have = sum(split[one.id] == name for one in records if one.label == label)
            assert abs(have - size * share) <= 1


def test_nine_to_one_of_five_a_label_leaves_a_tenth() -> None:
    records = [single(number, f"label{number // 5}") for number in range(100)]
    assert Counter(assign_splits(records, {"train": 0.9, "validation": 0.1}, seed=7).split.values()) == {
        "train": 90,
        "validation": 10,
    }


def test_a_seed_parts_otherwise() -> None:
    records = [single(number) for number in range(50)]
    assert assign_splits(records, SHARES, seed=1).split != assign_splits(records, SHARES, seed=2).split


def test_shown_examples_are_no_parents() -> None:
    records = [
        Record(f"t{n}", Provenance("labelled", example_ids=("s1", "s2"), request_key=f"k{n}"), ("a",)) for n in range(9)
    ]
    assert len(set(families(records).values())) == 9


def test_a_text_and_its_paraphrases_and_theirs_are_one_family_named_by_the_smallest_id() -> None:
    given_text = single(1)
    child = rewritten(1, given_text.id)
    grandchild = rewritten(2, child.id)
    family = families([grandchild, single(2), child, given_text])
    names = {family[one.id] for one in (given_text, child, grandchild)}
    assert names == {min(given_text.id, child.id, grandchild.id)}
    assert len(set(family.values())) == 2


def test_equal_source_texts_tie_even_if_their_rows_differ() -> None:
    records = [
        Record(f"t{n}", Provenance("paraphrase", (f"row{n}",)), ("a",), {"source_text": "the same"}) for n in range(3)
    ]
    assert len(set(families(records).values())) == 1


def test_what_families_forbid_is_said() -> None:
    records = [rewritten(number, "one parent") for number in range(10)]
    parted = assign_splits(records, {"train": 0.9, "validation": 0.1}, seed=7)
    assert set(parted.split.values()) == {"train"}
    assert parted.notes == (
        "split train has 10 texts where its share is 9: families are never parted",
        "split validation has 0 texts where its share is 1: families are never parted",
    )


def test_a_label_that_a_split_lacks_is_said() -> None:
    records = [*(single(number, "a") for number in range(20)), single(99, "b")]
    assert assign_splits(records, {"train": 0.9, "validation": 0.1}, seed=7).notes == (
        "split validation has no text of 1 of 2 labels: b",
    )


def test_large_families_come_first_so_that_singles_even_out() -> None:
    records = [rewritten(number, f"parent{number // 9}") for number in range(36)]
    records += [single(number) for number in range(64)]
    assert Counter(assign_splits(records, SHARES, seed=7).split.values()) == {"train": 80, "validation": 10, "test": 10}


def test_of_many_labels_the_rarest_counts() -> None:
    records = [
        Record(f"t{n}", Provenance("labelled", index=n), ("common", "rare") if n < 10 else ("common",))
        for n in range(100)
    ]
    split = assign_splits(records, {"train": 0.8, "test": 0.2}, seed=7).split
    assert sum(split[one.id] == "test" for one in records if "rare" in one.labels) == 2


@pytest.mark.parametrize("shares", [SHARES, {"train": 1.0}])
def test_no_records_no_splits(shares: dict[str, float]) -> None:
    assert assign_splits([], shares, seed=7) == ({}, {}, ())
