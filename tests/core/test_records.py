from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import LedgerError
from textsynth.core.records import (
    JsonValue,
    Message,
    Provenance,
    Record,
    RecordLedger,
    RenderedPrompt,
    Verdict,
    reason_category,
)

OUTCOMES = ("accepted", "dropped", "review")
provenances = st.builds(
    Provenance,
    st.text(max_size=8),
    st.lists(st.text(max_size=4), max_size=2).map(tuple),
    st.just(()),
    st.text(max_size=4),
    st.integers(0, 9),
)


@given(st.text(), provenances, st.lists(st.text(), max_size=2), st.dictionaries(st.text(), st.text(), max_size=2))
def test_an_id_depends_on_the_text_and_its_provenance_alone(
    text: str, provenance: Provenance, labels: list[str], fields: dict[str, JsonValue]
) -> None:
    record = Record(text, provenance)
    assert len(record.id) == 16
    assert int(record.id, 16) >= 0
    with_examples = dataclasses.replace(provenance, example_ids=("x",))
    same = Record(text, with_examples, tuple(labels), fields).with_scores({"a": 1.0}).with_labels(["other"])
    assert same.id == record.id
    assert Record(text + "x", provenance).id != record.id
    assert Record(text, dataclasses.replace(provenance, index=provenance.index + 1)).id != record.id


def test_a_record_of_half_a_surrogate_pair_has_an_id() -> None:
    assert Record("half \ud800 a pair", Provenance("x")).id != Record("half  a pair", Provenance("x")).id


def test_scores_are_added_to_a_new_record() -> None:
    record = Record("a", Provenance("x"), ("refund",), {"tone": "plain"})
    scored = record.with_scores({"agreement": 0.5}).with_scores({"length": 3.0})
    assert dict(scored.scores) == {"agreement": 0.5, "length": 3.0}
    assert dict(record.scores) == {}
    assert record.with_scores({}) is record
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.text = "b"  # type: ignore[misc]


def test_a_quota_counts_the_label_and_text_fields() -> None:
    record = Record("a", Provenance("x"), ("refund", "late"), {"tone": "plain", "turns": ["hello"]})
    assert record.label == "refund"
    values = {key: record.quota_value(key) for key in ("label", "tone", "turns", "missing")}
    assert values == {"label": "refund", "tone": "plain", "turns": None, "missing": None}
    assert Record("a", Provenance("x")).label is None


def test_only_a_field_that_is_text_has_text() -> None:
    record = Record("a", Provenance("x"), fields={"document": "b", "turns": ["c"], "rating": 4})
    assert [record.field_text(name) for name in ("document", "turns", "rating", "missing")] == ["b", "", "", ""]


def test_a_view_has_another_text_and_the_same_id() -> None:
    record = Record("a", Provenance("x"), ("refund",), {"tone": "plain"}, {"length": 1.0})
    view = record.viewed_as("b")
    assert (view.text, view.id, view.labels, view.fields, view.scores) == (
        "b", record.id, record.labels, record.fields, record.scores,
    )  # fmt: skip
    assert record.text == "a"


def test_a_verdict_without_a_reason_keeps_the_record() -> None:
    assert Verdict(None, 0.5).keeps
    assert not Verdict("too short").keeps


def test_a_prompt_is_chat_or_completion() -> None:
    assert RenderedPrompt("p", "f", (Message("user", "hello"),)).mode == "chat"
    assert RenderedPrompt("p", "f", text="1.").mode == "completion"


def records(count: int) -> list[Record]:
    return [Record(f"text {number}", Provenance("x")) for number in range(count)]


@given(st.lists(st.sampled_from(OUTCOMES), max_size=12))
def test_a_ledger_in_which_every_record_has_one_outcome_is_valid(outcomes: list[str]) -> None:
    ledger = RecordLedger()
    batch = records(len(outcomes))
    ledger.register(batch)
    accepted = (record.id for record, outcome in zip(batch, outcomes, strict=True) if outcome == "accepted")
    original = next(accepted, None)
    for record, outcome in zip(batch, outcomes, strict=True):
        ledger.resolve(record, outcome, duplicate_of=original if outcome == "dropped" else None)
    ledger.verify()


@given(st.integers(1, 8), st.data())
def test_a_ledger_names_a_record_without_an_outcome(count: int, data: st.DataObject) -> None:
    ledger = RecordLedger()
    batch = records(count)
    ledger.register(batch)
    lost = data.draw(st.integers(0, count - 1))
    for index, record in enumerate(batch):
        if index != lost:
            ledger.resolve(record, "accepted")
    with pytest.raises(LedgerError, match=batch[lost].id):
        ledger.verify()


def test_a_record_is_registered_and_resolved_once() -> None:
    ledger = RecordLedger()
    (record,) = records(1)
    ledger.register([record])
    with pytest.raises(LedgerError, match="became a candidate twice"):
        ledger.register([record])
    ledger.resolve(record, "accepted")
    with pytest.raises(LedgerError, match="was resolved twice: 'accepted', then 'dropped'"):
        ledger.resolve(record, "dropped")
    with pytest.raises(LedgerError, match="never was a candidate"):
        ledger.resolve(Record("never parsed", Provenance("x")), "accepted")


@pytest.mark.parametrize(
    ("outcome", "is_source", "message"),
    [("dropped", False, "'dropped'"), ("accepted", False, None), ("dropped", True, None)],
)
def test_the_original_of_a_duplicate_is_accepted_or_a_source_record(
    outcome: str, is_source: bool, message: str | None
) -> None:
    original, duplicate = records(2)
    source_ids = (original.id,) if is_source else ()
    ledger = RecordLedger()
    ledger.register([original, duplicate])
    ledger.resolve(original, outcome)
    ledger.resolve(duplicate, "dropped", duplicate_of=original.id)
    if message is None:
        ledger.verify(source_ids)
        return
    with pytest.raises(LedgerError, match=message):
        ledger.verify(source_ids)


def test_an_original_that_was_no_candidate_is_unknown() -> None:
    original, duplicate = records(2)
    ledger = RecordLedger()
    ledger.register([duplicate])
    ledger.resolve(duplicate, "dropped", duplicate_of=original.id)
    with pytest.raises(LedgerError, match="unknown"):
        ledger.verify()


def packed_ledger(outcome: str) -> tuple[RecordLedger, Record]:
    """Return a ledger that knows of a record only whether it was accepted, and the record."""
    ledger = RecordLedger(max_recent=0)
    original = Record("the original", Provenance("x"))
    ledger.register([original])
    ledger.resolve(original, outcome)
    ledger.verify()
    assert not ledger.outcomes
    return ledger, original


def test_a_record_of_an_earlier_window_is_registered_and_resolved_once() -> None:
    ledger, original = packed_ledger("accepted")
    with pytest.raises(LedgerError, match="became a candidate twice"):
        ledger.register([*records(2), original])
    with pytest.raises(LedgerError, match="was resolved twice: 'accepted', then 'dropped'"):
        ledger.resolve(original, "dropped")
    with pytest.raises(LedgerError, match="never was a candidate"):
        ledger.resolve(Record("never parsed", Provenance("x")), "accepted")
    lost, _ = batch = records(2)
    ledger.register(batch)
    ledger.resolve(batch[1], "accepted")
    with pytest.raises(LedgerError, match=f"3 candidates but 2 outcomes; one without is {lost.id}"):
        ledger.verify()


@pytest.mark.parametrize(
    ("outcome", "original_id", "message"),
    [("accepted", None, None), ("dropped", None, "'not accepted'"), ("accepted", "no id at all", "'unknown'")],
)
def test_the_original_of_a_duplicate_may_be_of_an_earlier_window(
    outcome: str, original_id: str | None, message: str | None
) -> None:
    ledger, original = packed_ledger(outcome)
    (duplicate,) = records(1)
    ledger.register([duplicate])
    ledger.resolve(duplicate, "dropped", duplicate_of=original_id or original.id)
    if message is None:
        ledger.verify()
        return
    with pytest.raises(LedgerError, match=message):
        ledger.verify()


def test_the_category_of_a_reason_is_the_part_before_its_colon() -> None:
    assert reason_category("names what the document does not: Paris") == "names what the document does not"
    assert reason_category("the key 'text' is missing; there are: title, body") == "the key 'text' is missing"
    assert reason_category("the same text was accepted before") == "the same text was accepted before"
