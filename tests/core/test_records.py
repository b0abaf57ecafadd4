from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import LedgerError
from textsynth.core.records import Message, Provenance, Record, RecordLedger, RenderedPrompt, Verdict, reason_category

ENDS = ("accepted", "dropped", "review")
origins = st.builds(
    Provenance,
    st.text(max_size=8),
    st.lists(st.text(max_size=4), max_size=2).map(tuple),
    st.just(()),
    st.text(max_size=4),
    st.integers(0, 9),
)


@given(st.text(), origins, st.lists(st.text(), max_size=2), st.dictionaries(st.text(), st.text(), max_size=2))
def test_an_id_is_of_the_text_and_where_it_comes_from_alone(
    text: str, origin: Provenance, labels: list[str], fields: dict[str, str]
) -> None:
    record = Record(text, origin)
    assert len(record.id) == 16
    assert int(record.id, 16) >= 0
    more = Record(text, dataclasses.replace(origin, example_ids=("x",)), tuple(labels), fields).with_scores({"a": 1.0})
    assert more.with_labels(["other"]).id == record.id
    assert Record(text + "x", origin).id != record.id
    assert Record(text, dataclasses.replace(origin, index=origin.index + 1)).id != record.id


def test_a_record_of_odd_text_has_an_id() -> None:
    assert Record("half \ud800 a pair", Provenance("x")).id != Record("half  a pair", Provenance("x")).id


def test_measures_are_added_and_nothing_is_changed() -> None:
    record = Record("a", Provenance("x"), ("refund",), {"tone": "plain"})
    measured = record.with_scores({"agreement": 0.5}).with_scores({"length": 3.0})
    assert dict(measured.scores) == {"agreement": 0.5, "length": 3.0}
    assert dict(record.scores) == {}
    assert record.with_scores({}) is record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.text = "b"  # type: ignore[misc]


def test_what_a_quota_counts() -> None:
    record = Record("a", Provenance("x"), ("refund", "late"), {"tone": "plain"})
    assert (record.label, record.quota_value("label"), record.quota_value("tone"), record.quota_value("place")) == (
        "refund",
        "refund",
        "plain",
        None,
    )
    assert Record("a", Provenance("x")).label is None


def test_a_verdict_without_a_reason_keeps() -> None:
    assert Verdict(None, 0.5).keeps
    assert not Verdict("too short").keeps


def test_a_prompt_is_chat_or_completion() -> None:
    assert RenderedPrompt("p", "f", (Message("user", "hello"),)).mode == "chat"
    assert RenderedPrompt("p", "f", text="1.").mode == "completion"


def records(count: int) -> list[Record]:
    return [Record(f"text {number}", Provenance("x")) for number in range(count)]


@given(st.lists(st.sampled_from(ENDS), max_size=12))
def test_a_census_in_which_all_end_once_is_whole(ends: list[str]) -> None:
    census = RecordLedger()
    batch = records(len(ends))
    census.register(batch)
    kept = next((record.id for record, end in zip(batch, ends, strict=True) if end == "accepted"), None)
    for record, end in zip(batch, ends, strict=True):
        census.resolve(record, end, twin=kept if end == "dropped" else None)
    census.verify()


@given(st.integers(1, 8), st.data())
def test_a_census_finds_the_one_that_is_lost(count: int, data: st.DataObject) -> None:
    census = RecordLedger()
    batch = records(count)
    census.register(batch)
    lost = data.draw(st.integers(0, count - 1))
    for place, record in enumerate(batch):
        if place != lost:
            census.resolve(record, "accepted")
    with pytest.raises(LedgerError, match=batch[lost].id):
        census.verify()


def test_a_census_lets_none_enter_or_end_twice() -> None:
    census = RecordLedger()
    one = records(1)
    census.register(one)
    with pytest.raises(LedgerError, match="became a candidate twice"):
        census.register(one)
    census.resolve(one[0], "accepted")
    with pytest.raises(LedgerError, match="ended twice: 'accepted', then 'dropped'"):
        census.resolve(one[0], "dropped")
    stranger = Record("never read", Provenance("x"))
    with pytest.raises(LedgerError, match="never was a candidate"):
        census.resolve(stranger, "accepted")


def test_a_twin_must_be_accepted_or_given() -> None:
    first, second = records(2)
    for end, known, told in (("dropped", (), "'dropped'"), ("accepted", (), None), ("dropped", (first.id,), None)):
        census = RecordLedger()
        census.register([first, second])
        census.resolve(first, end)
        census.resolve(second, "dropped", twin=first.id)
        if told is None:
            census.verify(known)
        else:
            with pytest.raises(LedgerError, match=told):
                census.verify(known)
    census = RecordLedger()
    census.register([second])
    census.resolve(second, "dropped", twin=first.id)
    with pytest.raises(LedgerError, match="unknown"):
        census.verify()


def test_a_kind_of_reason_is_what_stands_before_the_colon() -> None:
    assert reason_category("names what the document does not: Paris") == "names what the document does not"
    assert reason_category("the key 'text' is missing; there are: title, body") == "the key 'text' is missing"
    assert reason_category("the same text was accepted before") == "the same text was accepted before"
