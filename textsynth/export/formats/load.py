"""The texts of a finished run, read from its folder for another format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.records import REVIEW_DECISION
from textsynth.export.formats import ExportedText, ExportInfo
from textsynth.export.formats.messages import instruction_for
from textsynth.store.dataset import DatasetReader, check_complete, confidence_of, source_of, text_of
from textsynth.store.manifest import Manifest

CONFIGS = ("default", "provenance", "dropped")
PASSPORT = ("step", "prompt", "model", "parent_ids", "example_ids", "attributes", "scores")
DROPPED = ("section", "step", "reason", "score", "limit", "duplicate_of")


def read_texts(run: Path, config: str, split: str | None = None) -> list[ExportedText]:
    """Return the texts of one config, in the data set's order; those of `default` and `provenance` are the selected.

    `provenance` adds where each text comes from, `dropped` why it was dropped. An unread answer is no text and left
    out. Raises UsageError for a config or split that is not there, and where no text is left.
    """
    if config not in CONFIGS:
        raise UsageError(f"there is no config {config!r}{did_you_mean(config, CONFIGS)}")
    texts = _dropped(run) if config == "dropped" else _selected(run, passports=config == "provenance")
    splits = list(dict.fromkeys(one.split for one in texts))
    if split is not None:
        if split not in splits:
            raise UsageError(f"{run}: config {config} has no split {split!r}{did_you_mean(split, splits)}")
        texts = [one for one in texts if one.split == split]
    if not texts:
        raise UsageError(f"{run}: config {config} has no texts to export")
    return texts


def export_info(run: Path, manifest: Manifest, instruction: str | None = None) -> ExportInfo:
    """Return what is said of all texts of a run; `instruction` takes the place of the usual one for its task."""
    check_complete(run, manifest)
    rows = DatasetReader(run / "dataset" / "data")
    means = manifest["labels"]
    labels = {name: means.get(name, "") for name in rows.names or means}
    multi_label = any(isinstance(label, list) for label in rows.column("label")[:1])
    task = manifest["task"]
    told = instruction if instruction is not None else instruction_for(task, labels, multi_label=multi_label)
    return ExportInfo(manifest["name"], task, labels, multi_label, told)


def _selected(run: Path, *, passports: bool) -> list[ExportedText]:
    data, behind = DatasetReader(run / "dataset" / "data"), DatasetReader(run / "dataset" / "provenance")
    rows = data.rows_at(range(len(data)))
    of = {row["id"]: row for row in behind.rows_at(range(len(behind)))}
    return [
        ExportedText(
            id=row["id"],
            text=text_of(row),
            source=source_of(row),
            labels=_labels(row.get("label") or of[row["id"]]["label"]),
            confidence=_confidence(of[row["id"]]),
            split=split,
            more={name: _cell(of[row["id"]][name]) for name in PASSPORT} if passports else {},
        )
        for row, split in zip(rows, data.splits, strict=True)
    ]


def _dropped(run: Path) -> list[ExportedText]:
    rows = DatasetReader(run / "dataset" / "dropped")
    return [
        ExportedText(
            id=row["id"],
            text=text_of(row),
            source=row["source_text"],
            labels=_labels(row["label"]),
            confidence=_confidence(row),
            split="dropped",
            more={name: _cell(row[name]) for name in DROPPED},
        )
        for row in rows.rows_at(range(len(rows)))
        if row["section"] != "parse"
    ]


def _labels(label: object) -> tuple[str, ...]:
    if isinstance(label, list):
        return tuple(map(str, label))
    return () if label is None else (str(label),)


def _confidence(row: Mapping[str, Any]) -> float | None:
    """Return the labeller's confidence, else the agreement with the seeds.

    None where neither was measured, or only for a label that a person has replaced.
    """
    replaced = json.loads(row["attributes"] or "{}").get(REVIEW_DECISION) == "relabel"
    return confidence_of(row["confidence"], None if replaced else row["scores"])


def _cell(value: object) -> str | float | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return float(value)
    return " ".join(map(str, value)) if isinstance(value, Sequence) else str(value)
