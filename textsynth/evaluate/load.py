"""Loads the texts to evaluate: the folder of a finished run, or a file of labelled texts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.options import Texts
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.task import Task
from textsynth.evaluate.data import SyntheticSet
from textsynth.evaluate.origins import RequestOrigin, RequestOrigins
from textsynth.sources.columns import TableSource
from textsynth.sources.folder import read_rows
from textsynth.store.dataset import DatasetReader, check_complete, row_fields, row_text, run_task
from textsynth.store.manifest import Manifest, read_manifest

# Sections whose drops are not texts: completions that could not be parsed, requests that failed.
SECTIONS_WITHOUT_TEXTS = frozenset({"parse", "model"})


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A finished run as read from its folder: its texts sorted by id, the labels in recipe order, the manifest."""

    synthetic: SyntheticSet
    labels: Sequence[str]
    multi_label: bool
    manifest: Manifest
    task: Task
    origins: RequestOrigins


def load_run(folder: Path) -> LoadedRun:
    """Load the texts of a finished run. Raises UsageError for a missing or damaged run, or one of another task."""
    manifest = read_manifest(folder)
    task = run_task(folder, manifest)
    if not task.evaluates:
        raise UsageError(
            f"{folder}: the run's task is {manifest['task']!r}; evaluate scores texts with labels to predict"
        )
    check_complete(folder, manifest)
    data = DatasetReader(folder / "dataset" / "data")
    provenance = DatasetReader(folder / "dataset" / "provenance")
    selected = _selected_records(task, data, provenance)
    surplus, drops = _unselected_records(task, DatasetReader(folder / "dataset" / "dropped"))
    selected, surplus, drops = without_steps(_real_steps(data, provenance), selected, surplus, drops)
    multi_label = any(isinstance(label, list) for label in data.column("label")[:1])
    synthetic = SyntheticSet(manifest["name"], selected, surplus, drops)
    return LoadedRun(synthetic, data.names, multi_label, manifest, task, _origins(provenance, manifest))


def _origins(provenance: DatasetReader, manifest: Manifest) -> RequestOrigins:
    """Return the model and prompt of the requests of the selected texts, and what all requests of the run took."""
    columns = (provenance.values(name) for name in ("request_key", "model", "prompt"))
    requests = {key: RequestOrigin(model, prompt) for key, model, prompt in zip(*columns, strict=True) if key}
    return RequestOrigins(requests, manifest.get("costs", ()))


def _real_steps(data: DatasetReader, provenance: DatasetReader) -> set[str]:
    """Return the steps whose texts are real rows; the data set then has the column `origin`."""
    if "origin" not in data.columns:
        return set()
    real = {id_ for id_, origin in zip(data.values("id"), data.values("origin"), strict=True) if origin == "real"}
    steps = zip(provenance.values("id"), provenance.values("step"), strict=True)
    return {step for id_, step in steps if id_ in real}


def without_steps(
    steps: Collection[str], selected: Sequence[Record], surplus: Sequence[Record], drops: Sequence[DroppedRecord]
) -> tuple[list[Record], list[Record], list[DroppedRecord]]:
    """Return the texts of other steps: where a run adds to real rows, an evaluation is about what it adds."""
    return (
        [record for record in selected if record.provenance.step not in steps],
        [record for record in surplus if record.provenance.step not in steps],
        [drop for drop in drops if drop.record.provenance.step not in steps],
    )


class FileTexts(Task):
    """The task of the rows of files: texts with labels. `fields` hold the texts of a row after its first one."""

    fields: Texts = ()

    @property
    def required_fields(self) -> tuple[str, ...]:
        """The value of `fields`."""
        return tuple(self.fields)

    def texts(self, record: Record) -> tuple[str, ...]:
        """Return the record's own text and those in `fields`."""
        return (record.text, *map(record.field_text, self.fields))


class SourceColumns(TypedDict, total=False):
    """The options of a source that name columns; `fields` maps fields to columns."""

    text: str
    fields: dict[str, str]
    label: str


def source_options(columns: Mapping[str, str], task: Task | None = None) -> SourceColumns:
    """Return the options of a source for the columns `text` and `label` of rows, each left out where it has no name.

    Rows with several texts have the names of their columns in `text`, separated by commas. For the rows of a run, its
    `task` gives the fields of the texts, in the order of its columns, and the columns that are not named. Raises
    UsageError where the task has another number of texts.
    """
    label: SourceColumns = {"label": columns["label"]} if "label" in columns else {}
    names = [name.strip() for name in columns.get("text", "").split(",") if name.strip()]
    if task is None:
        texts: SourceColumns = {"text": names[0], "fields": {name: name for name in names[1:]}} if names else {}
        return {**texts, **label}
    fields = dict(task.source_fields)
    if len(names) > 1:
        if len(names) != len(task.columns):
            raise UsageError(
                f"--text names {len(names)} columns, but a row of the run has "
                f"{pluralize(len(task.columns), 'text')}: {', '.join(task.columns)}"
            )
        column_of = dict(zip(task.columns.values(), names, strict=True))
        return {"text": column_of.pop(""), "fields": column_of, **label}
    return {"text": names[0] if names else task.source_text_column, "fields": fields, **label}


def load_file(path: Path, options: TableSource, name: str) -> list[Record]:
    """Load the labelled rows of a file; `name` is that of their set. Raises SourceError with file and line."""
    return list(options.table_rows(read_rows(str(path), Path()), name=name, seed=0))


def _selected_records(task: Task, data: DatasetReader, provenance: DatasetReader) -> list[Record]:
    provenance_of = {row["id"]: row for row in provenance.rows_at(range(len(provenance)))}
    rows = sorted(data.rows_at(range(len(data))), key=lambda row: str(row["id"]))
    return [_record(task, row, provenance_of[row["id"]], provenance_of[row["id"]]["step"]) for row in rows]


def _unselected_records(task: Task, dropped: DatasetReader) -> tuple[list[Record], list[DroppedRecord]]:
    """Return the surplus, and the dropped texts that have a label."""
    surplus, drops = [], []
    for row in dropped.rows_at(range(len(dropped))):
        if row["section"] in SECTIONS_WITHOUT_TEXTS:
            continue
        record = _record(task, row, row, row["generator"])
        if row["section"] == "select":
            surplus.append(record)
        elif record.labels:
            drops.append(
                DroppedRecord(
                    record, row["section"], row["step"], row["reason"], row["score"], row["limit"], row["duplicate_of"]
                )
            )
    return surplus, drops


def _record(task: Task, row: Mapping[str, Any], origin: Mapping[str, Any], generator: str) -> Record:
    """Return the record of a row; `origin` is the row with its provenance."""
    label = row.get("label")
    labels = tuple(label) if isinstance(label, list) else () if label is None else (label,)
    fields = json.loads(origin["attributes"] or "{}")
    fields |= row_fields(task, row)
    provenance = Provenance(
        generator,
        tuple(origin["parent_ids"]),
        tuple(origin["example_ids"]),
        origin["request_key"] or "",
        origin["index"] or 0,
    )
    return Record(row_text(task, row), provenance, labels, fields)
