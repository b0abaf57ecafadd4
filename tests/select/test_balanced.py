from __future__ import annotations

from collections.abc import Sequence

from tests.contexts import context
from textsynth.core.records import Provenance, Record
from textsynth.select.balanced import Balanced


def record(number: int, label: str, tone: str = "", step: str = "labelled") -> Record:
    return Record(f"text {number}", Provenance(step), (label,), {"tone": tone} if tone else {})


def selected(records: Sequence[Record], quota: dict[str, int], *over: str) -> list[int]:
    """Return the indices of the selected records."""
    ids = Balanced(over=over).select(records, quota, context())
    return [index for index, candidate in enumerate(records) if candidate.id in ids]


def test_the_values_of_an_attribute_take_turns() -> None:
    tones = ["plain"] * 5 + ["angry"] * 2 + ["sad"]
    records = [record(number, "a", tone) for number, tone in enumerate(tones)]
    assert selected(records, {"a": 4}, "tone") == [0, 1, 5, 7]
    assert selected(records, {"a": 7}, "tone") == [0, 1, 2, 3, 5, 6, 7]
    assert selected(records, {"a": 99}, "tone") == list(range(8))


def test_by_default_the_generators_of_the_recipe_take_turns() -> None:
    records = [record(number, "a", step=step) for number, step in enumerate(["labelled"] * 4 + ["paraphrase"] * 4)]
    assert selected(records, {"a": 4}) == [0, 1, 4, 5]


def test_each_label_has_its_own_quota() -> None:
    records = [record(number, label) for number, label in enumerate("aabbb")]
    assert selected(records, {"a": 1, "b": 2}) == [0, 2, 3]
    assert selected(records, {"b": 0}) == []
    assert Balanced().select(records, {"a": 1, "b": 2}, context()) == [records[number].id for number in (0, 2, 3)]
