"""Reads what is to be evaluated: the folder of a run, or a file of labelled texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.core.task import Task
from textsynth.evaluate.data import SyntheticSet
from textsynth.sources.columns import TableSource
from textsynth.sources.folder import read_rows
from textsynth.store.dataset import DatasetReader, check_complete, row_context, row_text, run_task
from textsynth.store.manifest import Manifest, read_manifest

# sections whose drops are no texts: an answer that could not be read, a request that failed
NO_TEXT = frozenset({"parse", "model"})


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A finished run as its folder tells it: its texts by id, the labels in the recipe's order, and the manifest."""

    synthetic: SyntheticSet
    labels: Sequence[str]
    multi_label: bool
    manifest: Manifest
    task: Task


def read_run(folder: Path) -> LoadedRun:
    """Read the texts of a finished run. Raises UsageError for no or a damaged run, or one of another task."""
    manifest = read_manifest(folder)
    task = run_task(folder, manifest)
    if not task.evaluates:
        raise UsageError(
            f"{folder}: the run's task is {manifest['task']!r}; evaluate scores texts with labels to predict"
        )
    check_complete(folder, manifest)
    data, passports = DatasetReader(folder / "dataset" / "data"), DatasetReader(folder / "dataset" / "provenance")
    dropped = DatasetReader(folder / "dataset" / "dropped")
    behind = {row["id"]: row for row in passports.rows_at(range(len(passports)))}
    rows = sorted(data.rows_at(range(len(data))), key=lambda row: str(row["id"]))
    selected = [_record(task, row, behind[row["id"]], behind[row["id"]]["step"]) for row in rows]
    spare, drops = [], []
    for row in dropped.rows_at(range(len(dropped))):
        if row["section"] in NO_TEXT:
            continue
        record = _record(task, row, row, row["generator"])
        if row["section"] == "select":
            spare.append(record)
        elif record.labels:
            drops.append(
                DroppedRecord(
                    record, row["section"], row["step"], row["reason"], row["score"], row["limit"], row["duplicate_of"]
                )
            )
    multi_label = any(isinstance(label, list) for label in data.column("label")[:1])
    return LoadedRun(SyntheticSet(manifest["name"], selected, spare, drops), data.names, multi_label, manifest, task)


def read_file(path: Path, options: TableSource, name: str) -> list[Record]:
    """Read the labelled rows of a file; `name` says what they are for. Raises SourceError with file and line."""
    return options.records(read_rows(path, where=str(path)), name=name, seed=0)


def _record(task: Task, row: Mapping[str, Any], origin: Mapping[str, Any], item: str) -> Record:
    label = row.get("label")
    labels = tuple(label) if isinstance(label, list) else () if label is None else (label,)
    fields = json.loads(origin["attributes"] or "{}")
    source = row_context(task, row)
    if source is not None:
        fields["source_text"] = source
    told = Provenance(
        item,
        tuple(origin["parent_ids"]),
        tuple(origin["example_ids"]),
        origin["request_key"] or "",
        origin["index"] or 0,
    )
    return Record(row_text(task, row), told, labels, fields)
