"""The three tables of a data set: the rows people train on, the provenance, and what was dropped.

Rows are sorted by id, which is a hash: as good as shuffled, and the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textsynth.core.formatting import valid_unicode
from textsynth.core.records import REVIEW_DECISION, DroppedRecord, Record
from textsynth.export.run_result import RequestInfo, RunResult

if TYPE_CHECKING:
    import datasets

UNASKED = RequestInfo("", "", "", {})
NOT_PICKED = "not picked: quota full"
# what a rewriting generator puts into the fields, and a column of its own already
KEPT_ELSEWHERE = frozenset({"source_text", "document", "chosen_label", "intended_label"})


Columns = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class ColumnTable:
    """So many rows, the `datasets` features that give their types, in column order, and how a part becomes columns.

    Columns take more memory than the records they are made of, so only as many rows as are wanted at once become some.
    """

    length: int
    features: datasets.Features
    part: Callable[[slice], Columns]

    def __len__(self) -> int:
        return self.length

    @property
    def columns(self) -> Columns:
        """All rows as columns."""
        return self.part(slice(None))

    def parts(self, rows: int) -> Iterator[Columns]:
        """Return the columns of `rows` rows at a time, fewer at the end."""
        return (self.part(slice(start, start + rows)) for start in range(0, self.length, rows))


def default_table(records: Sequence[Record], outcome: RunResult) -> ColumnTable:
    """Return the rows that people train on, by task; labels become the integer codes of the recipe's order."""
    from datasets import ClassLabel, Features, List, Value

    rows = sorted(records, key=lambda one: one.id)
    text = Value("string")
    features: dict[str, object] = {"id": text, **dict.fromkeys(_texts([], outcome.task), text)}
    if _labelled(outcome):
        label = ClassLabel(names=list(outcome.labels))
        features["label"] = List(label) if outcome.multi_label else label
    if outcome.weight is not None:
        features["weight"] = Value("float32")
    return ColumnTable(len(rows), Features(features), lambda part: _row_columns(rows[part], outcome))


def _row_columns(rows: Sequence[Record], outcome: RunResult) -> Columns:
    columns: dict[str, Sequence[object]] = {"id": [row.id for row in rows], **_texts(rows, outcome.task)}
    if _labelled(outcome):
        codes = {name: code for code, name in enumerate(outcome.labels)}
        if outcome.multi_label:
            columns["label"] = [sorted(codes[name] for name in row.labels) for row in rows]
        else:
            columns["label"] = [codes[row.labels[0]] if row.labels else None for row in rows]
    if outcome.weight is not None:
        columns["weight"] = [outcome.weight] * len(rows)
    return columns


def _labelled(outcome: RunResult) -> bool:
    return bool(outcome.labels) and outcome.task != "summarization"


def _texts(rows: Sequence[Record], task: str) -> Columns:
    texts = [valid_unicode(row.text) for row in rows]
    if task == "paraphrase":
        return {"text": [valid_unicode(row.fields.get("source_text", "")) for row in rows], "paraphrase": texts}
    if task == "summarization":
        return {"document": [valid_unicode(row.fields.get("document", "")) for row in rows], "summary": texts}
    return {"text": texts}


def provenance_table(
    records: Sequence[Record], outcome: RunResult, split: Mapping[str, str], family: Mapping[str, str]
) -> ColumnTable:
    """Return one row a selected record: where it comes from and what was measured."""
    rows = sorted(records, key=lambda one: one.id)

    def columns(part: slice) -> Columns:
        some = rows[part]
        return {
            "id": [row.id for row in some],
            **_origins(some, outcome),
            "label": [list(row.labels) if outcome.multi_label else row.label for row in some],
            "intended_label": [row.fields.get("intended_label") for row in some],
            "predicted_label": [row.fields.get("chosen_label") for row in some],
            "split": [split[row.id] for row in some],
            "family": [family[row.id] for row in some],
        }

    return ColumnTable(len(rows), provenance_features(multi_label=outcome.multi_label), columns)


def provenance_features(*, multi_label: bool) -> datasets.Features:
    """Return the types of the config `provenance`; `label` is a list where texts may have several."""
    from datasets import Features, List, Value

    text = Value("string")
    label = List(text) if multi_label else text
    own = {"label": label, "intended_label": text, "predicted_label": text, "split": text, "family": text}
    return Features({"id": text, **_origin_features(), **own})


def dropped_table(outcome: RunResult) -> ColumnTable:
    """Return what is not in the data set: drops, texts in review, and the spare ones (section `select`).

    `text` is empty where an answer could not be read; then `raw` has it. `source` is what the text rewrites.
    """
    spare = (DroppedRecord(record, "select", outcome.selector, NOT_PICKED) for record in outcome.surplus)
    drops = sorted((*outcome.dropped, *spare), key=lambda one: (one.record.id, one.section, one.step, one.reason))
    return ColumnTable(
        len(drops), dropped_features(multi_label=outcome.multi_label), lambda part: _drop_columns(drops[part], outcome)
    )


def _drop_columns(drops: Sequence[DroppedRecord], outcome: RunResult) -> Columns:
    unread = [drop.section == "parse" for drop in drops]
    rows = [drop.record for drop in drops]
    origins = _origins(rows, outcome)
    return {
        "id": [row.id for row in rows],
        "text": ["" if raw else valid_unicode(row.text) for row, raw in zip(rows, unread, strict=True)],
        "label": [list(row.labels) if outcome.multi_label else row.label for row in rows],
        "section": [drop.section for drop in drops],
        "step": [drop.step for drop in drops],
        "reason": [valid_unicode(drop.reason) for drop in drops],
        "score": [_number(drop.score) for drop in drops],
        "limit": [_number(drop.limit) for drop in drops],
        "duplicate_of": [drop.duplicate_of for drop in drops],
        "raw_answer": [valid_unicode(row.text) if raw else None for row, raw in zip(rows, unread, strict=True)],
        "source_text": [_source(row) for row in rows],
        "generator": origins.pop("step"),
        **origins,
    }


def dropped_features(*, multi_label: bool) -> datasets.Features:
    """Return the types of the config `dropped`; `label` is a list where texts may have several."""
    from datasets import Features, List, Value

    text, number = Value("string"), Value("float64")
    label = List(text) if multi_label else text
    own = {"id": text, "text": text, "label": label, "section": text, "step": text, "reason": text}
    own |= {
        "score": number,
        "limit": number,
        "duplicate_of": text,
        "raw_answer": text,
        "source_text": text,
        "generator": text,
    }
    more = _origin_features()
    del more["step"]
    return Features({**own, **more})


def _origins(rows: Sequence[Record], outcome: RunResult) -> dict[str, Sequence[object]]:
    asked = [outcome.requests.get(row.provenance.request_key, UNASKED) for row in rows]
    sampling = {id(one): as_json(one.sampling) for one in asked}
    # Most rows share what they show and what was asked of them: one list, one text for all of them.
    lists: dict[tuple[str, ...], list[str]] = {}
    texts: dict[str, str] = {}
    return {
        "step": [row.provenance.step for row in rows],
        "parent_ids": [_one(lists, row.provenance.parent_ids) for row in rows],
        "example_ids": [_one(lists, row.provenance.example_ids) for row in rows],
        "request_key": [row.provenance.request_key for row in rows],
        "index": [row.provenance.index for row in rows],
        "prompt": [one.prompt for one in asked],
        "prompt_fingerprint": [one.fingerprint for one in asked],
        "model": [one.model for one in asked],
        "engine": [one.engine for one in asked],
        "sampling": [sampling[id(one)] for one in asked],
        "attributes": [texts.setdefault(told, told) for told in (as_json(_attributes(row)) for row in rows)],
        "scores": [as_json(row.scores) for row in rows],
        "confidence": [_confidence(row, outcome.labellers) for row in rows],
    }


def _one(lists: dict[tuple[str, ...], list[str]], ids: tuple[str, ...]) -> list[str]:
    found = lists.get(ids)
    return lists.setdefault(ids, list(ids)) if found is None else found


def _origin_features() -> dict[str, object]:
    from datasets import List, Value

    text = Value("string")
    texts = dict.fromkeys(("prompt", "prompt_fingerprint", "model", "engine", "sampling", "attributes", "scores"), text)
    first = {
        "step": text,
        "parent_ids": List(text),
        "example_ids": List(text),
        "request_key": text,
        "index": Value("int64"),
    }
    return {**first, **texts, "confidence": Value("float64")}


def _source(record: Record) -> str | None:
    source = record.fields.get("document") or record.fields.get("source_text")
    return valid_unicode(source) if source else None


def _attributes(record: Record) -> dict[str, str]:
    return {key: valid_unicode(value) for key, value in record.fields.items() if key not in KEPT_ELSEWHERE}


def _confidence(record: Record, labellers: Iterable[str]) -> float | None:
    """Return how sure the last labeller is of the record's label, None where a person set another than it chose."""
    chosen = record.fields.get("chosen_label")
    if REVIEW_DECISION in record.fields and chosen and _names(chosen) != _names(", ".join(record.labels)):
        return None
    found = [record.scores[item] for item in labellers if item in record.scores]
    return float(found[-1]) if found else None


def _names(labels: str) -> list[str]:
    return sorted(labels.split(", "))


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def as_json(values: Mapping[str, object]) -> str:
    """Return one line of JSON with sorted keys, "{}" for nothing."""
    return json.dumps(dict(values), sort_keys=True, ensure_ascii=False) if values else "{}"
