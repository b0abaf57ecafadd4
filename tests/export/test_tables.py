"""The columns and values of the three tables, by task."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pytest
from datasets import ClassLabel, Features, List, Value

from tests.export.outcomes import LABELS, record, run_result
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Provenance, Record
from textsynth.export.run_result import RunResult
from textsynth.export.splits import assign_splits
from textsynth.export.tables import ColumnTable, default_table, dropped_table, provenance_table


def provenance_of(row: Record, result: RunResult) -> ColumnTable[Record]:
    """Return the provenance table of one record."""
    return provenance_table([row], result, assign_splits([row], {"train": 1.0}, seed=0))


def features(table: ColumnTable[Record] | ColumnTable[DroppedRecord]) -> Features:
    """Return the types as `datasets` reads them from the schema, which is the one that it would write."""
    types = Features.from_arrow_schema(table.schema)
    assert types.arrow_schema.equals(table.schema, check_metadata=True)
    return types


def test_labels_are_codes_in_the_recipe_s_order_and_rows_are_sorted_by_id() -> None:
    result = run_result()
    table = default_table(result.selected, result)
    assert list(table.columns) == table.schema.names == ["id", "text", "label"]
    assert features(table)["label"] == ClassLabel(names=list(LABELS))
    assert table.columns["id"] == sorted(row.id for row in result.selected)
    by_id = {row.id: row for row in result.selected}
    for id_, text, code in zip(*table.columns.values(), strict=True):
        assert (text, list(LABELS)[code]) == (by_id[id_].text, by_id[id_].label)


def test_several_labels_are_a_list_of_codes_in_order() -> None:
    both = Record("both", Provenance("labelled"), ("delivery", "refund"))
    table = default_table([both], run_result(multi_label=True))
    assert features(table)["label"] == List(ClassLabel(names=list(LABELS)))
    assert table.columns["label"] == [[0, 1]]


def test_the_parts_of_a_table_together_are_its_columns() -> None:
    result = run_result()
    assigned = assign_splits(result.selected, result.splits, seed=0)
    tables: tuple[ColumnTable[Record] | ColumnTable[DroppedRecord], ...] = (
        default_table(result.selected, result),
        default_table(result.selected, result, assigned.is_in("validation")),
        provenance_table(result.selected, result, assigned),
        dropped_table(result),
    )
    for table in tables:
        parts = list(table.parts(4))
        assert [len(part["id"]) for part in parts] == [4] * (len(table) // 4) + [len(table) % 4]
        for name, cells in table.columns.items():
            assert [cell for part in parts for cell in part[name]] == cells


def test_texts_without_labels_have_no_label_column() -> None:
    assert list(default_table([record(1)], run_result(labels={})).columns) == ["id", "text"]


def test_a_paraphrase_has_its_original_in_the_column_text() -> None:
    row = Record("in other words", Provenance("paraphrase", ("p",)), ("refund",), {"source_text": "the original"})
    table = default_table([row], run_result(task="paraphrasing"))
    assert list(table.columns) == ["id", "text", "paraphrase", "label"]
    assert (table.columns["text"], table.columns["paraphrase"]) == (["the original"], ["in other words"])
    without_labels = default_table([row], run_result(task="paraphrasing", labels={}))
    assert list(without_labels.columns) == ["id", "text", "paraphrase"]


def test_a_summary_has_its_document_and_lone_surrogates_are_replaced() -> None:
    row = Record("short", Provenance("summary", ("p",)), (), {"document": "long and \ud800 long"})
    table = default_table([row], run_result(task="summarization", labels={}))
    assert list(table.columns) == ["id", "document", "summary"]
    assert (table.columns["document"], table.columns["summary"]) == (["long and ? long"], ["short"])


def test_the_provenance_of_a_text_has_request_scores_labels_split_and_family() -> None:
    row = record(4).with_scores({"length": 2})
    fields = {**row.fields, "intended_label": "refund", "chosen_label": "delivery", "document": "in its own column"}
    row = Record(row.text, row.provenance, row.labels, fields, row.scores)
    table = provenance_of(row, run_result())
    assert list(table.columns) == table.schema.names
    assert {name: cells[0] for name, cells in table.columns.items()} == {
        "id": row.id,
        "step": "labelled",
        "parent_ids": [],
        "example_ids": ["aaaa000011112222"],
        "request_key": "key1",
        "index": 1,
        "prompt": "labelled",
        "prompt_fingerprint": "f00d",
        "model": "SmolLM2@abc",
        "engine": "",
        "sampling": '{"temperature": 0.8}',
        "attributes": '{"tone": "plain"}',
        "scores": '{"agreement": 0.75, "length": 2}',
        "confidence": 0.75,
        "label": "refund",
        "intended_label": "refund",
        "predicted_label": "delivery",
        "split": "train",
        "family": row.id,
    }


@pytest.mark.parametrize(
    ("labellers", "confidence_steps", "confidence"),
    [
        (["choice"], ["agreement", "choice"], 0.9),
        ([], ["agreement"], 0.75),
        (["choice-2"], ["agreement", "choice-2"], 0.75),
        ([], [], None),
    ],
)
def test_the_confidence_is_the_score_of_the_last_step_that_measures_it(
    labellers: Sequence[str], confidence_steps: Sequence[str], confidence: float | None
) -> None:
    result = run_result(labellers=labellers, confidence_steps=confidence_steps)
    table = provenance_of(record(1).with_scores({"choice": 0.9, "length": 7}), result)
    assert table.columns["confidence"] == [confidence]


@pytest.mark.parametrize(
    ("decision", "chosen", "confidence"),
    [
        ("keep", "refund", 0.9),
        ("keep", "delivery", None),
        ("keep", "", 0.9),
        ("relabel", "refund", 0.9),
        ("relabel", "delivery", None),
        ("relabel", "", None),
    ],
)
def test_a_label_set_in_a_review_has_only_the_confidence_of_a_labeller_that_chose_it(
    decision: str, chosen: str, confidence: float | None
) -> None:
    plain = record(1).with_scores({"choice": 0.9})
    fields = {**plain.fields, "chosen_label": chosen, REVIEW_DECISION: decision}
    row = Record(plain.text, plain.provenance, ("refund",), fields, plain.scores)
    assert provenance_of(row, run_result(labellers=["choice"])).columns["confidence"] == [confidence]


@pytest.mark.parametrize(("decision", "confidence"), [("keep", 0.75), ("relabel", None)])
def test_a_relabel_removes_the_agreement_with_the_label_before(decision: str, confidence: float | None) -> None:
    plain = record(1)
    row = Record(plain.text, plain.provenance, plain.labels, {REVIEW_DECISION: decision}, plain.scores)
    assert provenance_of(row, run_result()).columns["confidence"] == [confidence]


def test_several_labels_are_compared_with_the_chosen_ones_in_any_order() -> None:
    fields = {"chosen_label": "delivery, refund", REVIEW_DECISION: "relabel"}
    row = Record("both", Provenance("labelled"), ("refund", "delivery"), fields, {"choice": 0.9})
    result = run_result(labellers=["choice"], multi_label=True)
    assert provenance_of(row, result).columns["confidence"] == [0.9]


def test_dropped_has_drops_reviews_and_surplus_texts_each_with_its_reason() -> None:
    result = run_result()
    table = dropped_table(result)
    assert list(table.columns) == table.schema.names
    rows = {row["id"]: row for row in pa.table(dict(table.columns), schema=table.schema).to_pylist()}
    assert len(rows) == 7
    duplicate = rows[record(101).id]
    assert (duplicate["section"], duplicate["step"]) == ("filter", "near_duplicate")
    assert (duplicate["score"], duplicate["limit"]) == (0.8, 0.7)
    assert duplicate["duplicate_of"] == result.selected[0].id
    assert (duplicate["text"], duplicate["label"], duplicate["raw_answer"]) == ("text 101", "refund", None)
    assert (duplicate["generator"], duplicate["request_key"]) == ("labelled", "key33")
    assert json.loads(duplicate["sampling"]) == {"temperature": 0.8}
    surplus = rows[record(110).id]
    assert (surplus["section"], surplus["step"]) == ("select", "diverse")
    assert surplus["reason"] == "not selected: quota full"
    (not_parsed,) = (row for row in rows.values() if row["section"] == "parse")
    assert (not_parsed["text"], not_parsed["raw_answer"], not_parsed["label"]) == ("", "raw ? junk", None)
    assert sum(row["section"] == "review" for row in rows.values()) == 1


def test_columns_have_their_types_also_where_every_cell_is_empty() -> None:
    drop = DroppedRecord(Record("x", Provenance("existing")), "filter", "length", "too short")
    types = features(dropped_table(run_result(surplus=(), dropped=[drop])))
    assert (types["score"], types["duplicate_of"], types["parent_ids"]) == (
        Value("float64"),
        Value("string"),
        List(Value("string")),
    )
    assert features(dropped_table(run_result(multi_label=True)))["label"] == List(Value("string"))
