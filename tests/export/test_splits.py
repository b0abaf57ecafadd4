"""Families are never divided, shares are met to one text where families allow, and order makes no difference."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.export.outcomes import bundled_task, by_id
from textsynth.core.records import Provenance, Record
from textsynth.core.task import Task
from textsynth.export.splits import assign_splits, families
from textsynth.text.normalize import normal_form

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_the_same_text_is_never_in_two_splits_whatever_its_label_and_spelling() -> None:
    texts = [f"{text} {number}" for number in range(20) for text in ("Not today!", "not  today", "not today…")]
    records = [
        Record(text, Provenance("existing", index=row), (("yes", "no")[row % 2],)) for row, text in enumerate(texts)
    ]
    family_texts = bundled_task("classification").family_texts
    assigned = assign_splits(records, {"train": 0.5, "test": 0.5}, seed=0, family_texts=family_texts)
    split, family = by_id(records, assigned)
    assert len(set(family.values())) == 20
    splits = [{split[record.id] for record in records[row : row + 3]} for row in range(0, 60, 3)]
    assert [len(names) for names in splits] == [1] * 20
    assert set.union(*splits) == {"train", "test"}


def single(number: int, label: str = "a") -> Record:
    """Return a text that is a family of its own."""
    return Record(f"text {number}", Provenance("labelled", request_key=f"key{number}"), (label,))


def rewritten(number: int, parent: str, label: str = "a") -> Record:
    """Return a paraphrase of the record with the id `parent`."""
    return Record(f"in other words {number}", Provenance("paraphrase", (parent,), request_key=f"p{number}"), (label,))


@st.composite
def record_lists(draw: st.DrawFn) -> list[Record]:
    """Draw single texts, children of one parent, parents that are in the list themselves, and texts of one answer."""
    records: dict[str, Record] = {}
    for number in range(draw(st.integers(0, 20))):
        parents = draw(st.lists(st.sampled_from([*list(records)[:5], "p1", "p2", "p3"]), max_size=2))
        request = draw(st.sampled_from(["", "", "k1", "k2", f"own{number}"]))
        provenance = Provenance("step", tuple(parents), ("example",), request, number)
        labels = draw(st.lists(st.sampled_from("abc"), max_size=2, unique=True))
        fields = {"source_text": draw(st.sampled_from(["", "s1", "s2"])), "pair": draw(st.sampled_from(["", "q1"]))}
        record = Record(f"text {number}", provenance, tuple(labels), fields)
        records[record.id] = record
    return list(records.values())


class Pairs(Task):
    """A task whose records belong to the text in their field `pair`."""

    columns: ClassVar = {"first": "pair", "second": ""}
    generator: ClassVar = "existing"


def connected(first: Record, second: Record, task: Task) -> bool:
    """Whether two records must be in one family."""
    parents, key = set(first.provenance.parent_ids), first.provenance.request_key
    return bool(
        parents & {*second.provenance.parent_ids, second.id}
        or first.id in second.provenance.parent_ids
        or (key and key == second.provenance.request_key)
        or set(map(normal_form, task.family_texts(first))) & set(map(normal_form, task.family_texts(second)))
    )


@settings(deadline=None, max_examples=60)
@given(
    record_lists(),
    st.sampled_from([SHARES, {"train": 1.0}, {"train": 0.5, "test": 0.5}]),
    st.sampled_from([bundled_task("classification"), bundled_task("paraphrasing"), Pairs()]),
)
def test_families_are_never_divided_and_the_order_of_records_makes_no_difference(
    records: list[Record], shares: dict[str, float], task: Task
) -> None:
    assigned = assign_splits(records, shares, seed=7, family_texts=task.family_texts)
    split, family = by_id(records, assigned)
    assert split.keys() == family.keys() == {record.id for record in records}
    assert set(split.values()) <= set(shares)
    assert len({(family[id_], split[id_]) for id_ in split}) == len(set(family.values()))
    for first, second in combinations(records, 2):
        if connected(first, second, task):
            assert family[first.id] == family[second.id]
    random.Random(3).shuffle(records)
    again = assign_splits(records, shares, seed=7, family_texts=task.family_texts)
    assert by_id(records, again) == (split, family)


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 30)), st.sampled_from([SHARES, {"a": 0.7, "b": 0.3}])
)
def test_single_texts_meet_the_shares_to_one_text_in_total_and_for_each_label(
    sizes: dict[str, int], shares: dict[str, float]
) -> None:
    records = [
        single(number * 100 + index, label) for index, label in enumerate(sizes) for number in range(sizes[label])
    ]
    split, _ = by_id(records, assign_splits(records, shares, seed=7))
    totals = Counter(split.values())
    for name, share in shares.items():
        assert abs(totals[name] - len(records) * share) < 1
        for label, size in sizes.items():
            count = sum(split[record.id] == name for record in records if record.label == label)
            assert abs(count - size * share) <= 1


def test_a_tenth_of_twenty_labels_with_five_texts_each_is_ten_texts() -> None:
    records = [single(number, f"label{number // 5}") for number in range(100)]
    counts = assign_splits(records, {"train": 0.9, "validation": 0.1}, seed=7).counts
    assert {name: count.texts for name, count in counts.items()} == {"train": 90, "validation": 10}


def test_another_seed_gives_other_splits() -> None:
    records = [single(number) for number in range(50)]
    first, second = (by_id(records, assign_splits(records, SHARES, seed=seed)) for seed in (1, 2))
    assert first != second


def test_examples_in_a_prompt_do_not_connect_records() -> None:
    records = [
        Record(f"t{n}", Provenance("labelled", example_ids=("s1", "s2"), request_key=f"k{n}"), ("a",)) for n in range(9)
    ]
    assert len(set(families(records).values())) == 9


def test_a_text_its_paraphrases_and_theirs_are_one_family_named_by_the_smallest_id() -> None:
    original = single(1)
    child = rewritten(1, original.id)
    grandchild = rewritten(2, child.id)
    family = families([grandchild, single(2), child, original])
    names = {family[record.id] for record in (original, child, grandchild)}
    assert names == {min(original.id, child.id, grandchild.id)}
    assert len(set(family.values())) == 2


@pytest.mark.parametrize("field", ["source_text", "document"])
def test_equal_texts_that_were_rewritten_connect_records_although_their_rows_differ(field: str) -> None:
    records = [Record(f"t{n}", Provenance("paraphrase", (f"row{n}",)), ("a",), {field: "the same"}) for n in range(3)]
    assert len(set(families(records).values())) == 1


def test_a_text_that_records_belong_to_connects_them_only_in_a_task_with_a_column_for_it() -> None:
    records = [Record(f"t{n}", Provenance("existing", index=n), ("a",), {"pair": "the same"}) for n in range(3)]
    assert len(set(families(records).values())) == 3
    assert len(set(families(records, Pairs().family_texts).values())) == 1


def test_a_share_that_families_do_not_allow_is_noted() -> None:
    records = [rewritten(number, "one parent") for number in range(10)]
    assigned = assign_splits(records, {"train": 0.9, "validation": 0.1}, seed=7)
    assert set(assigned.splits_of(slice(None))) == {"train"}
    assert assigned.notes == (
        "split train has 10 texts where its share is 9: families are never split",
        "split validation has 0 texts where its share is 1: families are never split",
    )


def test_a_label_without_a_text_in_a_split_is_noted() -> None:
    records = [*(single(number, "a") for number in range(20)), single(99, "b")]
    assert assign_splits(records, {"train": 0.9, "validation": 0.1}, seed=7).notes == (
        "split validation has no text of 1 of 2 labels: b",
    )


def test_large_families_are_assigned_first_so_that_single_texts_even_out_the_shares() -> None:
    records = [rewritten(number, f"parent{number // 9}") for number in range(36)]
    records += [single(number) for number in range(64)]
    counts = assign_splits(records, SHARES, seed=7).counts
    assert {name: count.texts for name, count in counts.items()} == {"train": 80, "validation": 10, "test": 10}


def test_a_text_with_several_labels_counts_under_the_rarest() -> None:
    records = [
        Record(f"t{n}", Provenance("labelled", index=n), ("common", "rare") if n < 10 else ("common",))
        for n in range(100)
    ]
    split, _ = by_id(records, assign_splits(records, {"train": 0.8, "test": 0.2}, seed=7))
    assert sum(split[record.id] == "test" for record in records if "rare" in record.labels) == 2


def test_label_sets_are_divided_evenly_and_a_label_of_any_text_of_a_split_is_not_missing_there() -> None:
    label_sets = [("a", "b")] * 20 + [("a",)] * 30 + [("a", "b", "c")] * 10
    records = [Record(f"t{n}", Provenance("labelled", index=n), labels) for n, labels in enumerate(label_sets)]
    assigned = assign_splits(records, {"train": 0.8, "test": 0.2}, seed=7)
    split, _ = by_id(records, assigned)
    in_test = Counter(label for record in records if split[record.id] == "test" for label in record.labels)
    assert in_test == {"a": 12, "b": 6, "c": 2}
    assert assigned.notes == ()
    assert assigned.counts["test"] == (12, in_test)


@pytest.mark.parametrize("shares", [SHARES, {"train": 1.0}])
def test_without_records_there_is_nothing_to_assign(shares: dict[str, float]) -> None:
    assigned = assign_splits([], shares, seed=7)
    assert (by_id([], assigned), assigned.notes) == (({}, {}), ())
