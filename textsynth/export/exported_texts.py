"""The texts of a finished run, read from its folder to be written in another format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.task import Task
from textsynth.export.formats import ExportedText, ExportInfo
from textsynth.store.dataset import DatasetReader, check_complete, row_fields, row_text, run_task
from textsynth.store.manifest import Manifest

CONFIGS = ("default", "provenance", "dropped")
PROVENANCE = ("step", "prompt", "model", "parent_ids", "example_ids", "attributes", "scores")
DROPPED = ("section", "step", "reason", "score", "limit", "duplicate_of")


def read_texts(run: Path, manifest: Manifest, config: str, split: str | None = None) -> list[ExportedText]:
    """Return the texts of one config, in the data set's order; those of `default` and `provenance` are the selected.

    `provenance` adds where each text comes from, `dropped` why it was dropped. An answer that could not be parsed is no
    text and left out. Raises UsageError for an unknown config or split, and where no text is left.
    """
    if config not in CONFIGS:
        raise UsageError(f"there is no config {config!r}{did_you_mean(config, CONFIGS)}")
    task = run_task(run, manifest)
    if config == "dropped":
        texts = _dropped(run, task)
    else:
        texts = _selected(run, task, PROVENANCE if config == "provenance" else ())
    splits = list(dict.fromkeys(text.split for text in texts))
    if split is not None:
        if split not in splits:
            raise UsageError(f"{run}: config {config} has no split {split!r}{did_you_mean(split, splits)}")
        texts = [text for text in texts if text.split == split]
    if not texts:
        raise UsageError(f"{run}: config {config} has no texts to export")
    return texts


def export_info(run: Path, manifest: Manifest, instruction: str | None = None) -> ExportInfo:
    """Return what all texts of a run share; `instruction` replaces the usual one of its task."""
    check_complete(run, manifest)
    task = run_task(run, manifest)
    rows = DatasetReader(run / "dataset" / "data")
    descriptions = manifest["labels"]
    labels = {name: descriptions.get(name, "") for name in rows.names or descriptions}
    multi_label = any(isinstance(label, list) for label in rows.column("label")[:1])
    if instruction is None:
        instruction = task.instruction(labels, multi_label=multi_label)
    return ExportInfo(manifest["name"], task, labels, multi_label, instruction)


def _selected(run: Path, task: Task, columns: Sequence[str]) -> list[ExportedText]:
    data, provenance = DatasetReader(run / "dataset" / "data"), DatasetReader(run / "dataset" / "provenance")
    rows = data.rows_at(range(len(data)))
    provenance_of = {row["id"]: row for row in provenance.rows_at(range(len(provenance)))}
    return [
        ExportedText(
            id=row["id"],
            texts={name: str(row.get(name) or "") for name in task.columns},
            labels=_labels(row.get("label") or provenance_of[row["id"]]["label"]),
            confidence=provenance_of[row["id"]]["confidence"],
            split=split,
            more={name: _cell(provenance_of[row["id"]][name]) for name in columns},
        )
        for row, split in zip(rows, data.splits, strict=True)
    ]


def _dropped(run: Path, task: Task) -> list[ExportedText]:
    rows = DatasetReader(run / "dataset" / "dropped")
    return [
        ExportedText(
            id=row["id"],
            texts=_dropped_texts(task, row),
            labels=_labels(row["label"]),
            confidence=row["confidence"],
            split="dropped",
            more={name: _cell(row[name]) for name in DROPPED},
        )
        for row in rows.rows_at(range(len(rows)))
        if row["section"] != "parse"
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
