"""Reads the texts of a finished run from its folder, to write them in another format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.task import Task
from textsynth.export.formats import ExportedText, ExportInfo
from textsynth.store.dataset import DatasetReader, check_complete, row_fields, row_text, run_task
from textsynth.store.manifest import Manifest

CONFIGS = ("default", "provenance", "dropped")
PROVENANCE_COLUMNS = ("step", "prompt", "model", "parent_ids", "example_ids", "attributes", "scores")
DROPPED_COLUMNS = ("section", "step", "reason", "score", "limit", "duplicate_of")


def read_texts(run: Path, manifest: Manifest, config: str, split: str | None = None) -> list[ExportedText]:
    """Return the texts of one config in the order of the data set, all of them or those of one split.

    `default` and `provenance` are the selected texts; `provenance` adds where each comes from. `dropped` are the other
    texts with the reason why, and the answers that could not be parsed (section `parse`), whose text is the raw answer.
    Raises UsageError for an unknown config or split, and where there are no texts.
    """
    if config not in CONFIGS:
        raise UsageError(f"there is no config {config!r}{did_you_mean(config, CONFIGS)}")
    task = run_task(run, manifest)
    if config == "dropped":
        texts = _dropped(run, task)
    else:
        texts = _selected(run, task, PROVENANCE_COLUMNS if config == "provenance" else ())
    splits = list(dict.fromkeys(text.split for text in texts))
    if split is not None:
        if split not in splits:
            raise UsageError(f"{run}: config {config} has no split {split!r}{did_you_mean(split, splits)}")
        texts = [text for text in texts if text.split == split]
    if not texts:
        raise UsageError(f"{run}: config {config} has no texts to export")
    return texts


def export_info(run: Path, manifest: Manifest, instruction: str | None = None) -> ExportInfo:
    """Return what all texts of a run share; `instruction` replaces that of the task.

    Raises UsageError where rows of the data set are missing.
    """
    check_complete(run, manifest)
    task = run_task(run, manifest)
    readers = [DatasetReader(run / "dataset" / name) for name in ("data", "dropped")]
    descriptions = manifest["labels"]
    labels = {name: descriptions.get(name, "") for name in readers[0].names or descriptions}
    multi_label = any(isinstance(label, list) for reader in readers for label in islice(reader.values("label"), 1))
    if instruction is None:
        instruction = task.instruction(labels, multi_label=multi_label)
    return ExportInfo(manifest["name"], task, labels, multi_label, instruction)


def _selected(run: Path, task: Task, columns: Sequence[str]) -> list[ExportedText]:
    """Return the selected texts; `columns` are those of the provenance to add."""
    data, provenance = DatasetReader(run / "dataset" / "data"), DatasetReader(run / "dataset" / "provenance")
    origins = {row["id"]: row for row in provenance.rows_at(range(len(provenance)))}
    texts = []
    for row, split in zip(data.rows_at(range(len(data))), data.splits, strict=True):
        origin = origins[row["id"]]
        texts.append(
            ExportedText(
                id=row["id"],
                texts={column: str(row.get(column) or "") for column in task.columns},
                labels=_labels(row.get("label") or origin["label"]),
                confidence=origin["confidence"],
                split=split,
                extra={name: _cell(origin[name]) for name in columns},
            )
        )
    return texts


def _dropped(run: Path, task: Task) -> list[ExportedText]:
    rows = DatasetReader(run / "dataset" / "dropped")
    return [
        ExportedText(
            id=row["id"],
            texts=_dropped_texts(task, row),
            labels=_labels(row["label"]),
            confidence=row["confidence"],
            split="dropped",
            extra={name: _cell(row[name]) for name in DROPPED_COLUMNS},
        )
        for row in rows.rows_at(range(len(rows)))
    ]


def _dropped_texts(task: Task, row: Mapping[str, Any]) -> dict[str, str]:
    fields = row_fields(task, row)
    return {column: fields.get(field, "") if field else row_text(task, row) for column, field in task.columns.items()}


def _labels(label: object) -> tuple[str, ...]:
    if isinstance(label, list):
        return tuple(map(str, label))
    return () if label is None else (str(label),)


def _cell(value: object) -> str | float | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return float(value)
    return " ".join(map(str, value)) if isinstance(value, Sequence) else str(value)
