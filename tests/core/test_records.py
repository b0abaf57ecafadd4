from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import CensusBroken
from textsynth.core.records import Census, Message, Origin, Record, Rendered, Verdict, reason_kind

ENDS = ("accepted", "dropped", "review")
origins = st.builds(
    Origin,
    st.text(max_size=8),
    st.lists(st.text(max_size=4), max_size=2).map(tuple),
    st.just(()),
    st.text(max_size=4),
    st.integers(0, 9),
)


@given(st.text(), origins, st.lists(st.text(), max_size=2), st.dictionaries(st.text(), st.text(), max_size=2))
def test_an_id_is_of_the_text_and_where_it_comes_from_alone(
    text: str, origin: Origin, labels: list[str], fields: dict[str, str]
) -> None:
    record = Record(text, origin)
    assert len(record.id) == 16
    assert int(record.id, 16) >= 0
    more = Record(text, dataclasses.replace(origin, shown=("x",)), tuple(labels), fields).with_measures({"a": 1.0})
    assert more.with_labels(["other"]).id == record.id
    assert Record(text + "x", origin).id != record.id
    assert Record(text, dataclasses.replace(origin, draw=origin.draw + 1)).id != record.id


def test_a_record_of_odd_text_has_an_id() -> None:
    assert Record("half \ud800 a pair", Origin("x")).id != Record("half  a pair", Origin("x")).id


def test_measures_are_added_and_nothing_is_changed() -> None:
    record = Record("a", Origin("x"), ("refund",), {"tone": "plain"})
    measured = record.with_measures({"agreement": 0.5}).with_measures({"length": 3.0})
    assert dict(measured.measures) == {"agreement": 0.5, "length": 3.0}
    assert dict(record.measures) == {}
    assert record.with_measures({}) is record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.text = "b"  # type: ignore[misc]


def test_what_a_quota_counts() -> None:
    record = Record("a", Origin("x"), ("refund", "late"), {"tone": "plain"})
    assert (record.label, record.value("label"), record.value("tone"), record.value("place")) == (
        "refund",
        "refund",
        "plain",
        None,
    )
    assert Record("a", Origin("x")).label is None


def test_a_verdict_without_a_reason_keeps() -> None:
    assert Verdict(None, 0.5).keeps
    assert not Verdict("too short").keeps


def test_a_prompt_is_chat_or_completion() -> None:
    assert Rendered("p", "f", (Message("user", "hello"),)).mode == "chat"
    assert Rendered("p", "f", text="1.").mode == "completion"


def records(count: int) -> list[Record]:
    return [Record(f"text {number}", Origin("x")) for number in range(count)]


@given(st.lists(st.sampled_from(ENDS), max_size=12))
def test_a_census_in_which_all_end_once_is_whole(ends: list[str]) -> None:
    census = Census()
    batch = records(len(ends))
    census.enter(batch)
    kept = next((record.id for record, end in zip(batch, ends, strict=True) if end == "accepted"), None)
    for record, end in zip(batch, ends, strict=True):
        census.end(record, end, twin=kept if end == "dropped" else None)
    census.close()


@given(st.integers(1, 8), st.data())
def test_a_census_finds_the_one_that_is_lost(count: int, data: st.DataObject) -> None:
    census = Census()
    batch = records(count)
    census.enter(batch)
    lost = data.draw(st.integers(0, count - 1))
    for place, record in enumerate(batch):
        if place != lost:
            census.end(record, "accepted")
    with pytest.raises(CensusBroken, match=batch[lost].id):
        census.close()


def test_a_census_lets_none_enter_or_end_twice() -> None:
    census = Census()
    one = records(1)
    census.enter(one)
    with pytest.raises(CensusBroken, match="became a candidate twice"):
        census.enter(one)
    census.end(one[0], "accepted")
    with pytest.raises(CensusBroken, match="ended twice: 'accepted', then 'dropped'"):
        census.end(one[0], "dropped")
    stranger = Record("never read", Origin("x"))
    with pytest.raises(CensusBroken, match="never was a candidate"):
        census.end(stranger, "accepted")


def test_a_twin_must_be_accepted_or_given() -> None:
    first, second = records(2)
    for end, known, told in (("dropped", (), "'dropped'"), ("accepted", (), None), ("dropped", (first.id,), None)):
        census = Census()
        census.enter([first, second])
        census.end(first, end)
        census.end(second, "dropped", twin=first.id)
        if told is None:
            census.close(known)
        else:
            with pytest.raises(CensusBroken, match=told):
                census.close(known)
    census = Census()
    census.enter([second])
    census.end(second, "dropped", twin=first.id)
    with pytest.raises(CensusBroken, match="unknown"):
        census.close()


def test_a_kind_of_reason_is_what_stands_before_the_colon() -> None:
    assert reason_kind("names what the document does not: Paris") == "names what the document does not"
    assert reason_kind("the key 'text' is missing; there are: title, body") == "the key 'text' is missing"
    assert reason_kind("the same text was accepted before") == "the same text was accepted before"
