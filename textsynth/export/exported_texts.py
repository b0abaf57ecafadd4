"""Reads the texts of a finished run from its folder, to write them in another format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.task import Task
from textsynth.export.formats import ExportedBatch, ExportedTexts, ExportInfo
from textsynth.store.dataset import DatasetReader, check_complete, row_fields, row_text, run_task
from textsynth.store.manifest import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

CONFIGS = ("default", "provenance", "dropped")
PROVENANCE_COLUMNS = ("step", "prompt", "model", "parent_ids", "example_ids", "attributes", "scores")
DROPPED_TEXT_COLUMNS = ("text", "raw_answer", "source_text")
DROPPED_COLUMNS = ("section", "step", "reason", "score", "limit", "duplicate_of")


def read_texts(run: Path, manifest: Manifest, config: str, split: str | None = None) -> ExportedTexts:
    """Return the texts of one config in the order of the data set, all of them or those of one split.

    `default` and `provenance` are the selected texts; `provenance` adds where each comes from. `dropped` are the other
    texts with the reason why, and the answers that could not be parsed (section `parse`), whose text is the raw answer.
    Rows are read as they are used. Raises UsageError for an unknown config or split, and where there are no texts.
    """
    if config not in CONFIGS:
        raise UsageError(f"there is no config {config!r}{did_you_mean(config, CONFIGS)}")
    task = run_task(run, manifest)
    data = DatasetReader(run / "dataset" / ("dropped" if config == "dropped" else "data"))
    sizes = {name: size for name, size in data.split_sizes.items() if size}
    if config == "dropped" and sizes:
        sizes = {"dropped": len(data)}
    if split is not None and split not in sizes:
        raise UsageError(f"{run}: config {config} has no split {split!r}{did_you_mean(split, list(sizes))}")
    splits = list(sizes) if split is None else [split]
    if not splits:
        raise UsageError(f"{run}: config {config} has no texts to export")
    if config == "dropped":
        return ExportedTexts(lambda: _dropped(data, task), len(data))
    columns = PROVENANCE_COLUMNS if config == "provenance" else ()
    provenance = DatasetReader(run / "dataset" / "provenance")
    return ExportedTexts(
        lambda: (batch for name in splits for batch in _selected(run, (data, provenance), task, name, columns)),
        sum(map(sizes.__getitem__, splits)),
    )


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


def _selected(
    run: Path, readers: tuple[DatasetReader, DatasetReader], task: Task, split: str, columns: Sequence[str]
) -> Iterator[ExportedBatch]:
    """Yield the selected texts of a split; `columns` are those of the provenance to add.

    The rows of both configs are in the order of their ids, so that those of one split are paired one by one.
    """
    data, provenance = readers
    origins = _Rows(provenance.rows_of_split(["id", "label", "confidence", *columns], split))
    for batch in data.batches(["id", "label", *task.columns], split):
        ids = batch["id"]
        origin = origins.take(len(ids))
        if origin["id"] != ids:
            raise UsageError(
                f"{run / 'dataset'}: the configs default and provenance differ in their texts of the split {split!r}; "
                "run the recipe again, which takes every answer from the journal"
            )
        labels = batch["label"] if "label" in batch else origin["label"]
        yield ExportedBatch(
            ids=ids,
            texts={name: [str(cell or "") for cell in batch.get(name, [""] * len(ids))] for name in task.columns},
            labels=[_labels(label or other) for label, other in zip(labels, origin["label"], strict=True)],
            confidence=origin["confidence"],
            splits=[split] * len(ids),
            extra={name: list(map(_cell, origin[name])) for name in columns},
        )


class _Rows:
    """Rows that are taken in order from batches of any length."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._ready: list[pa.RecordBatch] = []

    def take(self, count: int) -> dict[str, list[Any]]:
        """Return the columns of the next `count` rows, of fewer at the end."""
        import pyarrow as pa

        while sum(map(len, self._ready)) < count and (batch := next(self._batches, None)) is not None:
            self._ready.append(batch)
        table = pa.Table.from_batches(self._ready)
        self._ready = table.slice(count).to_batches()
        columns: dict[str, list[Any]] = table.slice(0, count).to_pydict()
        return columns


def _dropped(reader: DatasetReader, task: Task) -> Iterator[ExportedBatch]:
    for batch in reader.batches([*DROPPED_TEXT_COLUMNS, "id", "label", "confidence", *DROPPED_COLUMNS]):
        rows = [dict(zip(batch, cells, strict=True)) for cells in zip(*batch.values(), strict=True)]
        texts = [_dropped_texts(task, row) for row in rows]
        yield ExportedBatch(
            ids=batch["id"],
            texts={name: [row[name] for row in texts] for name in task.columns},
            labels=list(map(_labels, batch["label"])),
            confidence=batch["confidence"],
            splits=["dropped"] * len(rows),
            extra={name: list(map(_cell, batch[name])) for name in DROPPED_COLUMNS},
        )


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
