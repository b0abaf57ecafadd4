"""The columns of the three tables, by task."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from datasets import ClassLabel, List, Value

from tests.export.outcomes import LABELS, outcome, record
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Provenance, Record
from textsynth.export.tables import default_table, dropped_table, provenance_table


def test_labels_are_codes_in_the_recipe_s_order_and_rows_stand_by_id() -> None:
    told = outcome()
    table = default_table(told.selected, told)
    assert list(table.columns) == list(table.features) == ["id", "text", "label"]
    assert table.features["label"] == ClassLabel(names=list(LABELS))
    assert table.columns["id"] == sorted(one.id for one in told.selected)
    by_id = {one.id: one for one in told.selected}
    for one, text, code in zip(*table.columns.values(), strict=True):
        assert (text, list(LABELS)[code]) == (by_id[one].text, by_id[one].label)


def test_several_labels_are_a_list_of_codes_in_order() -> None:
    one = Record("both", Provenance("labelled"), ("delivery", "refund"))
    table = default_table([one], outcome(multi_label=True))
    assert table.features["label"] == List(ClassLabel(names=list(LABELS)))
    assert table.columns["label"] == [[0, 1]]


def test_columns_are_made_of_a_few_rows_at_a_time() -> None:
    told = outcome()
    split = {one.id: "train" for one in told.selected}
    tables = (
        default_table(told.selected, told),
        provenance_table(told.selected, told, split, split),
        dropped_table(told),
    )
    for table in tables:
        parts = list(table.parts(4))
        assert [len(part["id"]) for part in parts] == [4] * (len(table) // 4) + [len(table) % 4]
        for name, cells in table.columns.items():
            assert [cell for part in parts for cell in part[name]] == cells


def test_texts_without_labels_have_no_label_column() -> None:
    assert list(default_table([record(1)], outcome(labels={})).columns) == ["id", "text"]


def test_a_paraphrase_stands_beside_its_original() -> None:
    one = Record("in other words", Provenance("paraphrase", ("p",)), ("refund",), {"source_text": "the original"})
    table = default_table([one], outcome(task="paraphrase"))
    assert list(table.columns) == ["id", "text", "paraphrase", "label"]
    assert (table.columns["text"], table.columns["paraphrase"]) == (["the original"], ["in other words"])
    assert list(default_table([one], outcome(task="paraphrase", labels={})).columns) == ["id", "text", "paraphrase"]


def test_a_summary_stands_beside_its_document() -> None:
    one = Record("short", Provenance("summary", ("p",)), (), {"document": "long and \ud800 long"})
    table = default_table([one], outcome(task="summarization", labels={}))
    assert list(table.columns) == ["id", "document", "summary"]
    assert (table.columns["document"], table.columns["summary"]) == (["long and ? long"], ["short"])


def test_a_passport_has_everything_behind_a_text() -> None:
    one = record(4).with_scores({"length": 2})
    fields = {**one.fields, "intended_label": "refund", "chosen_label": "delivery", "document": "kept elsewhere"}
    one = Record(one.text, one.provenance, one.labels, fields, one.scores)
    table = provenance_table([one], outcome(), {one.id: "train"}, {one.id: "f"})
    assert list(table.columns) == list(table.features)
    assert {name: cells[0] for name, cells in table.columns.items()} == {
        "id": one.id,
        "item": "labelled",
        "parents": [],
        "shown": ["aaaa000011112222"],
        "request": "key1",
        "draw": 1,
        "prompt": "labelled",
        "fingerprint": "f00d",
        "model": "SmolLM2@abc",
        "engine": "",
        "sampling": '{"temperature": 0.8}',
        "attributes": '{"tone": "plain"}',
        "measures": '{"agreement": 0.75, "length": 2}',
        "confidence": 0.75,
        "label": "refund",
        "intended": "refund",
        "chosen": "delivery",
        "split": "train",
        "family": "f",
    }


def test_confidence_is_the_last_labeller_s_and_null_without_one() -> None:
    one = record(1).with_scores({"choice": 0.9})
    split = {one.id: "train"}
    assert provenance_table([one], outcome(labellers=("agreement", "choice")), split, split).columns["confidence"] == [
        0.9
    ]
    assert provenance_table([one], outcome(labellers=()), split, split).columns["confidence"] == [None]


@pytest.mark.parametrize(
    ("say", "chosen", "confidence"),
    [("keep", "delivery", None), ("relabel", "delivery", None), ("relabel", "refund", 0.9), ("keep", "refund", 0.9)],
)
def test_a_label_that_a_person_set_has_no_confidence_of_another(
    say: str, chosen: str, confidence: float | None
) -> None:
    plain = record(1).with_scores({"choice": 0.9})
    fields = {**plain.fields, "chosen_label": chosen, REVIEW_DECISION: say}
    one = Record(plain.text, plain.provenance, ("refund",), fields, plain.scores)
    split = {one.id: "train"}
    told = provenance_table([one], outcome(labellers=("choice",)), split, split).columns
    assert told["confidence"] == [confidence]


def test_dropped_has_drops_reviews_and_spare_ones_each_with_its_reason() -> None:
    told = outcome()
    table = dropped_table(told)
    assert list(table.columns) == list(table.features)
    rows = {row["id"]: row for row in pa.table(dict(table.columns), schema=table.features.arrow_schema).to_pylist()}
    assert len(rows) == 7
    twin = rows[record(101).id]
    assert (twin["section"], twin["step"], twin["score"], twin["limit"]) == ("filter", "near_duplicate", 0.8, 0.7)
    assert (twin["duplicate_of"], twin["text"], twin["label"], twin["raw_answer"]) == (
        told.selected[0].id,
        "text 101",
        "refund",
        None,
    )
    assert (twin["generator"], twin["request"], json.loads(twin["sampling"])) == (
        "labelled",
        "key33",
        {"temperature": 0.8},
    )
    spare = rows[record(110).id]
    assert (spare["section"], spare["step"], spare["reason"]) == ("select", "diverse", "not picked: quota full")
    (unread,) = (row for row in rows.values() if row["section"] == "parse")
    assert (unread["text"], unread["raw_answer"], unread["label"]) == ("", "raw ? junk", None)
    assert sum(row["section"] == "review" for row in rows.values()) == 1


def test_types_are_said_even_where_every_cell_is_empty() -> None:
    told = outcome(
        surplus=(), dropped=[DroppedRecord(Record("x", Provenance("existing")), "filter", "length", "too short")]
    )
    features = dropped_table(told).features
    assert (features["score"], features["duplicate_of"], features["parent_ids"]) == (
        Value("float64"),
        Value("string"),
        List(Value("string")),
    )
    assert dropped_table(outcome(multi_label=True)).features["label"] == List(Value("string"))
