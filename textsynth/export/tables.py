"""The three tables of a data set: the rows people train on, the passports, and what was dropped.

Rows are sorted by id, which is a hash: as good as shuffled, and the same on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textsynth.core.formatting import storable
from textsynth.core.records import DECIDED, Drop, Record
from textsynth.export.run_result import Asked, Outcome

if TYPE_CHECKING:
    import datasets

UNASKED = Asked("", "", "", {})
NOT_PICKED = "not picked: quota full"
# what a rewriting generator puts into the fields, and a column of its own already
KEPT_ELSEWHERE = frozenset({"source_text", "document", "chosen_label", "intended_label"})


Columns = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Table:
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


def rows_table(records: Sequence[Record], outcome: Outcome) -> Table:
    """Return the rows that people train on, by task; labels become the integer codes of the recipe's order."""
    from datasets import ClassLabel, Features, List, Value

    rows = sorted(records, key=lambda one: one.id)
    text = Value("string")
    features: dict[str, object] = {"id": text, **dict.fromkeys(_texts([], outcome.task), text)}
    if _labelled(outcome):
        label = ClassLabel(names=list(outcome.labels))
        features["label"] = List(label) if outcome.many else label
    if outcome.weight is not None:
        features["weight"] = Value("float32")
    return Table(len(rows), Features(features), lambda part: _row_columns(rows[part], outcome))


def _row_columns(rows: Sequence[Record], outcome: Outcome) -> Columns:
    columns: dict[str, Sequence[object]] = {"id": [row.id for row in rows], **_texts(rows, outcome.task)}
    if _labelled(outcome):
        codes = {name: code for code, name in enumerate(outcome.labels)}
        if outcome.many:
            columns["label"] = [sorted(codes[name] for name in row.labels) for row in rows]
        else:
            columns["label"] = [codes[row.labels[0]] if row.labels else None for row in rows]
    if outcome.weight is not None:
        columns["weight"] = [outcome.weight] * len(rows)
    return columns


def _labelled(outcome: Outcome) -> bool:
    return bool(outcome.labels) and outcome.task != "summarization"


def _texts(rows: Sequence[Record], task: str) -> Columns:
    texts = [storable(row.text) for row in rows]
    if task == "paraphrase":
        return {"text": [storable(row.fields.get("source_text", "")) for row in rows], "paraphrase": texts}
    if task == "summarization":
        return {"document": [storable(row.fields.get("document", "")) for row in rows], "summary": texts}
    return {"text": texts}


def passports_table(
    records: Sequence[Record], outcome: Outcome, split: Mapping[str, str], family: Mapping[str, str]
) -> Table:
    """Return one row a selected record: where it comes from and what was measured."""
    rows = sorted(records, key=lambda one: one.id)

    def columns(part: slice) -> Columns:
        some = rows[part]
        return {
            "id": [row.id for row in some],
            **_origins(some, outcome),
            "label": [list(row.labels) if outcome.many else row.label for row in some],
            "intended": [row.fields.get("intended_label") for row in some],
            "chosen": [row.fields.get("chosen_label") for row in some],
            "split": [split[row.id] for row in some],
            "family": [family[row.id] for row in some],
        }

    return Table(len(rows), passports_features(many=outcome.many), columns)


def passports_features(*, many: bool) -> datasets.Features:
    """Return the types of the config `passports`; `label` is a list where texts may have several."""
    from datasets import Features, List, Value

    text = Value("string")
    label = List(text) if many else text
    own = {"label": label, "intended": text, "chosen": text, "split": text, "family": text}
    return Features({"id": text, **_origin_features(), **own})


def dropped_table(outcome: Outcome) -> Table:
    """Return what is not in the data set: drops, texts in review, and the spare ones (section `select`).

    `text` is empty where an answer could not be read; then `raw` has it. `source` is what the text rewrites.
    """
    spare = (Drop(record, "select", outcome.selector, NOT_PICKED) for record in outcome.spare)
    drops = sorted((*outcome.dropped, *spare), key=lambda one: (one.record.id, one.section, one.item, one.reason))
    return Table(len(drops), dropped_features(many=outcome.many), lambda part: _drop_columns(drops[part], outcome))


def _drop_columns(drops: Sequence[Drop], outcome: Outcome) -> Columns:
    unread = [drop.section == "parse" for drop in drops]
    rows = [drop.record for drop in drops]
    origins = _origins(rows, outcome)
    return {
        "id": [row.id for row in rows],
        "text": ["" if raw else storable(row.text) for row, raw in zip(rows, unread, strict=True)],
        "label": [list(row.labels) if outcome.many else row.label for row in rows],
        "section": [drop.section for drop in drops],
        "item": [drop.item for drop in drops],
        "reason": [storable(drop.reason) for drop in drops],
        "measured": [_number(drop.measured) for drop in drops],
        "limit": [_number(drop.limit) for drop in drops],
        "twin": [drop.twin for drop in drops],
        "raw": [storable(row.text) if raw else None for row, raw in zip(rows, unread, strict=True)],
        "source": [_source(row) for row in rows],
        "generator": origins.pop("item"),
        **origins,
    }


def dropped_features(*, many: bool) -> datasets.Features:
    """Return the types of the config `dropped`; `label` is a list where texts may have several."""
    from datasets import Features, List, Value

    text, number = Value("string"), Value("float64")
    label = List(text) if many else text
    own = {"id": text, "text": text, "label": label, "section": text, "item": text, "reason": text}
    own |= {"measured": number, "limit": number, "twin": text, "raw": text, "source": text, "generator": text}
    more = _origin_features()
    del more["item"]
    return Features({**own, **more})


def _origins(rows: Sequence[Record], outcome: Outcome) -> dict[str, Sequence[object]]:
    asked = [outcome.asked.get(row.origin.request, UNASKED) for row in rows]
    sampling = {id(one): as_json(one.sampling) for one in asked}
    # Most rows share what they show and what was asked of them: one list, one text for all of them.
    lists: dict[tuple[str, ...], list[str]] = {}
    texts: dict[str, str] = {}
    return {
        "item": [row.origin.item for row in rows],
        "parents": [_one(lists, row.origin.parents) for row in rows],
        "shown": [_one(lists, row.origin.shown) for row in rows],
        "request": [row.origin.request for row in rows],
        "draw": [row.origin.draw for row in rows],
        "prompt": [one.prompt for one in asked],
        "fingerprint": [one.fingerprint for one in asked],
        "model": [one.model for one in asked],
        "engine": [one.engine for one in asked],
        "sampling": [sampling[id(one)] for one in asked],
        "attributes": [texts.setdefault(told, told) for told in (as_json(_attributes(row)) for row in rows)],
        "measures": [as_json(row.measures) for row in rows],
        "confidence": [_confidence(row, outcome.labellers) for row in rows],
    }


def _one(lists: dict[tuple[str, ...], list[str]], ids: tuple[str, ...]) -> list[str]:
    found = lists.get(ids)
    return lists.setdefault(ids, list(ids)) if found is None else found


def _origin_features() -> dict[str, object]:
    from datasets import List, Value

    text = Value("string")
    texts = dict.fromkeys(("prompt", "fingerprint", "model", "engine", "sampling", "attributes", "measures"), text)
    first = {"item": text, "parents": List(text), "shown": List(text), "request": text, "draw": Value("int64")}
    return {**first, **texts, "confidence": Value("float64")}


def _source(record: Record) -> str | None:
    source = record.fields.get("document") or record.fields.get("source_text")
    return storable(source) if source else None


def _attributes(record: Record) -> dict[str, str]:
    return {key: storable(value) for key, value in record.fields.items() if key not in KEPT_ELSEWHERE}


def _confidence(record: Record, labellers: Iterable[str]) -> float | None:
    """Return how sure the last labeller is of the record's label, None where a person set another than it chose."""
    chosen = record.fields.get("chosen_label")
    if DECIDED in record.fields and chosen and _names(chosen) != _names(", ".join(record.labels)):
        return None
    found = [record.measures[item] for item in labellers if item in record.measures]
    return float(found[-1]) if found else None


def _names(labels: str) -> list[str]:
    return sorted(labels.split(", "))


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def as_json(values: Mapping[str, object]) -> str:
    """Return one line of JSON with sorted keys, "{}" for nothing."""
    return json.dumps(dict(values), sort_keys=True, ensure_ascii=False) if values else "{}"
