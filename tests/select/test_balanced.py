from __future__ import annotations

from collections.abc import Sequence

from tests.contexts import context
from textsynth.core.records import Provenance, Record
from textsynth.select.balanced import Balanced


def record(number: int, label: str, tone: str = "", item: str = "labelled") -> Record:
    return Record(f"text {number}", Provenance(item), (label,), {"tone": tone} if tone else {})


def picked(records: Sequence[Record], quota: dict[str, int], *over: str) -> list[int]:
    ids = Balanced(over=over).select(records, quota, context())
    return [number for number, one in enumerate(records) if one.id in ids]


def test_the_first_of_each_attribute_are_taken_in_turn() -> None:
    tones = ["plain"] * 5 + ["angry"] * 2 + ["sad"]
    some = [record(number, "a", tone) for number, tone in enumerate(tones)]
    assert picked(some, {"a": 4}, "tone") == [0, 1, 5, 7]
    assert picked(some, {"a": 7}, "tone") == [0, 1, 2, 3, 5, 6, 7]
    assert picked(some, {"a": 99}, "tone") == list(range(8))


def test_left_out_it_is_even_over_the_items_of_the_recipe() -> None:
    some = [record(number, "a", item=item) for number, item in enumerate(["labelled"] * 4 + ["paraphrase"] * 4)]
    assert picked(some, {"a": 4}) == [0, 1, 4, 5]


def test_each_label_has_its_own_quota() -> None:
    some = [record(number, label) for number, label in enumerate("aabbb")]
    assert picked(some, {"a": 1, "b": 2}) == [0, 2, 3]
    assert picked(some, {"b": 0}) == []
    assert Balanced().select(some, {"a": 1, "b": 2}, context()) == [some[number].id for number in (0, 2, 3)]
