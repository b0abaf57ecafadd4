"""The three tables of a data set: the rows to train on, their provenance, and the texts that are not in the data set.

Rows are sorted by id. Ids are hashes, so the order is as good as random, and the same on every machine.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import TYPE_CHECKING, Generic, TypeVar

from textsynth.core.formatting import valid_unicode
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, JsonValue, Record
from textsynth.core.task import PARENT_TEXT_FIELDS
from textsynth.export.column_types import (
    INTEGER,
    NUMBER,
    SINGLE,
    TEXT,
    ColumnType,
    arrow_schema,
    label_type,
    list_type,
)
from textsynth.export.run_result import RequestInfo, RunResult
from textsynth.store.record_spool import drop_key, in_id_order

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from textsynth.export.splits import SplitAssignment

NO_REQUEST = RequestInfo("", "", "", {})
NOT_SELECTED = "not selected: quota full"
# Record fields that labellers set. They have columns of their own.
LABEL_FIELDS = ("chosen_label", "intended_label")

Columns = Mapping[str, Sequence[object]]
Row = TypeVar("Row", Record, DroppedRecord)


@dataclass(frozen=True, slots=True)
class ColumnTable(Generic[Row]):
    """A table of `length` rows. `schema` has the types of its columns.

    `rows` yields the rows in order, from memory or from the disk; `convert` returns some of them as columns, and is
    passed the index of the first one. Columns take more memory than the records they are made from, so rows are
    converted a part at a time.
    """

    length: int
    schema: pa.Schema
    rows: Callable[[], Iterator[Row]]
    convert: Callable[[Sequence[Row], int], Columns]

    def __len__(self) -> int:
        return self.length

    @property
    def columns(self) -> Columns:
        """All rows as columns."""
        return self.convert(list(self.rows()), 0)

    def parts(self, rows: int) -> Iterator[Columns]:
        """Yield the columns of `rows` rows at a time, fewer at the end."""
        remaining = self.rows()
        for start in range(0, self.length, rows):
            yield self.convert(list(islice(remaining, rows)), start)


AnyTable = ColumnTable[Record] | ColumnTable[DroppedRecord]


def default_table(
    records: Sequence[Record], result: RunResult, in_split: NDArray[np.bool_] | None = None
) -> ColumnTable[Record]:
    """Return the rows to train on: the task's columns, and labels as integer codes in the recipe's order.

    `in_split` says which of the records to take, in the order of their ids; None: all of them.
    """
    types = {"id": TEXT, **dict.fromkeys(result.task.columns, TEXT)}
    if result.task.has_labels(result.labels):
        label = label_type(list(result.labels))
        types["label"] = list_type(label) if result.multi_label else label
    if result.real_steps:
        types["origin"] = TEXT
    if result.weight is not None:
        types["weight"] = SINGLE
    length = len(records) if in_split is None else int(in_split.sum())

    def rows() -> Iterator[Record]:
        ordered = in_id_order(records)
        return ordered if in_split is None else compress(ordered, in_split)

    return ColumnTable(length, arrow_schema(types), rows, lambda part, _: _default_columns(part, result))


def _default_columns(rows: Sequence[Record], result: RunResult) -> Columns:
    columns: dict[str, Sequence[object]] = {"id": [row.id for row in rows]}
    for name, field in result.task.columns.items():
        columns[name] = [valid_unicode(row.field_text(field) if field else row.text) for row in rows]
    if result.task.has_labels(result.labels):
        codes = {name: code for code, name in enumerate(result.labels)}
        if result.multi_label:
            columns["label"] = [sorted(codes[name] for name in row.labels) for row in rows]
        else:
            columns["label"] = [codes[row.labels[0]] if row.labels else None for row in rows]
    if result.real_steps or result.weight is not None:
        is_real = [row.provenance.step in result.real_steps for row in rows]
        if result.real_steps:
            columns["origin"] = ["real" if real else "synthetic" for real in is_real]
        if result.weight is not None:
            columns["weight"] = [1.0 if real else result.weight for real in is_real]
    return columns


def provenance_table(records: Sequence[Record], result: RunResult, assigned: SplitAssignment) -> ColumnTable[Record]:
    """Return one row per selected record: where it comes from, its scores, its split and family."""

    def columns(group: Sequence[Record], start: int) -> Columns:
        part = slice(start, start + len(group))
        return {
            "id": [row.id for row in group],
            **_provenance_columns(group, result),
            "label": [list(row.labels) if result.multi_label else row.label for row in group],
            "intended_label": [row.fields.get("intended_label") for row in group],
            "predicted_label": [row.fields.get("chosen_label") for row in group],
            "split": assigned.splits_of(part),
            "family": assigned.families_of(part),
        }

    schema = provenance_schema(multi_label=result.multi_label)
    return ColumnTable(len(records), schema, lambda: in_id_order(records), columns)


def provenance_schema(*, multi_label: bool) -> pa.Schema:
    """Return the types of the config `provenance`; `label` is a list where texts may have several."""
    label = list_type(TEXT) if multi_label else TEXT
    own = {"label": label, "intended_label": TEXT, "predicted_label": TEXT, "split": TEXT, "family": TEXT}
    return arrow_schema({"id": TEXT, **_provenance_types(), **own})


def dropped_table(result: RunResult) -> ColumnTable[DroppedRecord]:
    """Return the texts that are not in the data set: dropped, in review, or surplus (section `select`).

    `text` is empty for an answer that could not be parsed, and `raw_answer` has the answer. `source_text` is the text
    that the record rewrites or belongs to.
    """

    def rows() -> Iterator[DroppedRecord]:
        dropped = in_id_order(result.dropped)
        if not result.surplus:
            return dropped
        surplus = in_id_order(result.surplus)
        not_selected = (DroppedRecord(record, "select", result.selector, NOT_SELECTED) for record in surplus)
        return heapq.merge(dropped, not_selected, key=drop_key)

    length = len(result.dropped) + len(result.surplus)
    schema = dropped_schema(multi_label=result.multi_label)
    return ColumnTable(length, schema, rows, lambda part, _: _dropped_columns(part, result))


def _dropped_columns(drops: Sequence[DroppedRecord], result: RunResult) -> Columns:
    unparsed = [drop.section == "parse" for drop in drops]
    rows = [drop.record for drop in drops]
    source_fields = dict.fromkeys((*result.task.required_fields, *reversed(PARENT_TEXT_FIELDS)))
    provenance = _provenance_columns(rows, result)
    return {
        "id": [row.id for row in rows],
        "text": ["" if raw else valid_unicode(row.text) for row, raw in zip(rows, unparsed, strict=True)],
        "label": [list(row.labels) if result.multi_label else row.label for row in rows],
        "section": [drop.section for drop in drops],
        "step": [drop.step for drop in drops],
        "reason": [valid_unicode(drop.reason) for drop in drops],
        "score": [_number(drop.score) for drop in drops],
        "limit": [_number(drop.limit) for drop in drops],
        "duplicate_of": [drop.duplicate_of for drop in drops],
        "raw_answer": [valid_unicode(row.text) if raw else None for row, raw in zip(rows, unparsed, strict=True)],
        "source_text": [_source_text(row, source_fields) for row in rows],
        "generator": provenance.pop("step"),
        **provenance,
    }


def dropped_schema(*, multi_label: bool) -> pa.Schema:
    """Return the types of the config `dropped`; `label` is a list where texts may have several."""
    label = list_type(TEXT) if multi_label else TEXT
    own = {"id": TEXT, "text": TEXT, "label": label, "section": TEXT, "step": TEXT, "reason": TEXT}
    own |= {"score": NUMBER, "limit": NUMBER, "duplicate_of": TEXT}
    own |= dict.fromkeys(("raw_answer", "source_text", "generator"), TEXT)
    provenance = _provenance_types()
    del provenance["step"]
    return arrow_schema({**own, **provenance})


def _provenance_columns(rows: Sequence[Record], result: RunResult) -> dict[str, Sequence[object]]:
    origins = [row.provenance for row in rows]
    requests = [result.requests.get(origin.request_key, NO_REQUEST) for origin in origins]
    sampling = {id(request): as_json(request.sampling) for request in {id(each): each for each in requests}.values()}
    # Many rows have equal examples and attributes: they share one list and one string, which saves memory.
    texts: dict[str, str] = {}
    own_columns = {*PARENT_TEXT_FIELDS, *LABEL_FIELDS, *result.task.required_fields}
    attributes = (as_json(_attributes(row, own_columns)) if row.fields else "{}" for row in rows)
    return {
        "step": [origin.step for origin in origins],
        "parent_ids": _shared_lists([origin.parent_ids for origin in origins]),
        "example_ids": _shared_lists([origin.example_ids for origin in origins]),
        "request_key": [origin.request_key for origin in origins],
        "index": [origin.index for origin in origins],
        "prompt": [request.prompt for request in requests],
        "prompt_fingerprint": [request.fingerprint for request in requests],
        "model": [request.model for request in requests],
        "engine": [request.engine for request in requests],
        "sampling": [sampling[id(request)] for request in requests],
        "attributes": [texts.setdefault(text, text) for text in attributes],
        "scores": [as_json(row.scores) if row.scores else "{}" for row in rows],
        "confidence": [_confidence(row, result) if row.scores else None for row in rows],
    }


def _shared_lists(rows: Sequence[tuple[str, ...]]) -> list[list[str]]:
    lists = {ids: list(ids) for ids in set(rows)}
    return [lists[ids] for ids in rows]


def _provenance_types() -> dict[str, ColumnType]:
    ids = list_type(TEXT)
    first = {"step": TEXT, "parent_ids": ids, "example_ids": ids, "request_key": TEXT, "index": INTEGER}
    names = ("prompt", "prompt_fingerprint", "model", "engine", "sampling", "attributes", "scores")
    return {**first, **dict.fromkeys(names, TEXT), "confidence": NUMBER}


def _source_text(record: Record, fields: Iterable[str]) -> str | None:
    """Return the first of the fields that holds a text."""
    if not record.fields:
        return None
    return next((valid_unicode(text) for text in map(record.field_text, fields) if text), None)


def _attributes(record: Record, own_columns: Iterable[str]) -> dict[str, JsonValue]:
    return {name: _valid(value) for name, value in record.fields.items() if name not in own_columns}


def _valid(value: JsonValue) -> JsonValue:
    """Return a JSON value whose texts are valid Unicode."""
    if isinstance(value, str):
        return valid_unicode(value)
    if isinstance(value, Mapping):
        return {valid_unicode(name): _valid(part) for name, part in value.items()}
    return [_valid(part) for part in value] if isinstance(value, Sequence) else value


def _confidence(record: Record, result: RunResult) -> float | None:
    """Return the confidence in the record's labels: its score by the last of the result's `confidence_steps`.

    None where there is no such score, and where the score is about other labels: a person kept the labels against the
    labeller's choice, or set other labels than the labeller chose. Labels that a person set have the score of a
    labeller only: that of any other step is about the labels before.
    """
    if not record.scores:
        return None
    decision = record.fields.get(REVIEW_DECISION)
    chosen = record.field_text("chosen_label") if decision is not None else ""
    is_about_choice = decision == "relabel" or (decision == "keep" and chosen)
    if is_about_choice and _split_names(chosen) != _split_names(", ".join(record.labels)):
        return None
    steps = result.confidence_steps
    if decision == "relabel":
        steps = [step for step in steps if step in result.labellers]
    scores = [record.scores[step] for step in steps if step in record.scores]
    return float(scores[-1]) if scores else None


def _split_names(labels: str) -> list[str]:
    return sorted(labels.split(", "))


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def as_json(values: Mapping[str, object]) -> str:
    """Return one line of JSON with sorted keys, "{}" for nothing."""
    return json.dumps(dict(values), sort_keys=True, ensure_ascii=False) if values else "{}"
