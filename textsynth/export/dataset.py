"""The data set on disk: a folder that `load_dataset` reads and the Hub takes as it is.

    README.md                                  the card
    data/train-00000-of-00001.parquet          config `default`, one file a split
    provenance/train-00000-of-00001.parquet     config `provenance`
    dropped/train-00000-of-00001.parquet       config `dropped`
    figures/*.svg                              the card's pictures

The folder is written beside and then put in place, so that a crash never leaves half a data set.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import RunError
from textsynth.core.formatting import valid_unicode
from textsynth.export.card import DatasetConfig, card
from textsynth.export.run_result import CardFigure, RunResult
from textsynth.export.splits import assign_splits
from textsynth.export.tables import ColumnTable, default_table, dropped_table, provenance_table
from textsynth.export.viewer_check import viewer_problems

FOLDERS = {"default": "data", "provenance": "provenance", "dropped": "dropped"}
# `passports` and `dropped` have no splits of their own, and `train` is what the Hub calls the only one.
ONLY = "train"
# Rows that are in memory at once while a file is written; a file with fewer has one group.
ROWS_A_GROUP = 50_000


class WrittenDataset(NamedTuple):
    """What stands on disk: rows by split (empty ones too), and what had to be left out, in sentences."""

    splits: Mapping[str, int]
    notes: tuple[str, ...]


def write_dataset(folder: Path, outcome: RunResult) -> WrittenDataset:
    """Write the data set into `folder` (a run's `dataset/`), in place of what is there.

    The same outcome gives the same bytes with the same pyarrow and datasets. Raises RunError if the disk does not
    take it; then what was there stays.
    """
    shares = outcome.splits or {ONLY: 1.0}
    parted = assign_splits(outcome.selected, shares, seed=outcome.seed, family_texts=outcome.task.family_texts)
    by_split = {name: [one for one in outcome.selected if parted.split[one.id] == name] for name in shares}
    # Each table is made when its turn to be written comes, as together they take more memory than the records.
    tables: dict[str, Callable[[], dict[str, ColumnTable]]] = {
        "default": lambda: {name: default_table(rows, outcome) for name, rows in by_split.items()},
        "provenance": lambda: {ONLY: provenance_table(outcome.selected, outcome, parted.split, parted.family)},
        "dropped": lambda: {ONLY: dropped_table(outcome)},
    }
    notes = [*parted.notes]
    configs: list[DatasetConfig] = []
    fresh = folder.with_name(f".{folder.name}.new")
    try:
        _recover(folder)
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name, make in tables.items():
            splits = make()
            notes += _left_out(name, splits)
            if any(map(len, splits.values())):
                configs.append(_config(fresh, name, splits))
            del splits
        write_figures(fresh, outcome.figures)
        text = valid_unicode(card(outcome, configs, by_split, notes))
        (fresh / "README.md").write_text(text, encoding="utf-8", newline="\n")
        faults = viewer_problems(fresh)
        if faults:
            raise RunError(f"{folder}: the Hub's viewer could not show the data set: {'; '.join(faults)}")
        _put_in_place(fresh, folder)
    except OSError as fault:
        shutil.rmtree(fresh, ignore_errors=True)
        raise RunError(f"{folder}: the data set cannot be written: {fault.strerror or fault}") from fault
    return WrittenDataset({name: len(rows) for name, rows in by_split.items()}, tuple(notes))


def write_figures(folder: Path, pictures: Sequence[CardFigure]) -> None:
    """Write a card's pictures to their places in the folder of its data set."""
    for one in pictures:
        (folder / one.path).parent.mkdir(exist_ok=True)
        (folder / one.path).write_text(valid_unicode(one.svg), encoding="utf-8", newline="\n")


def _left_out(config: str, splits: Mapping[str, ColumnTable]) -> list[str]:
    """Say which splits are empty, or that all are: they cannot be loaded, so the card does not list them."""
    if not any(map(len, splits.values())):
        return [f"config {config} is empty and left out"]
    return [f"split {name} is empty and left out" for name, table in splits.items() if not len(table)]


def _config(folder: Path, name: str, splits: Mapping[str, ColumnTable]) -> DatasetConfig:
    """Write the files of one config and return what the card says of it."""
    content = hashlib.sha256()
    files: dict[str, str] = {}
    for split, table in splits.items():
        if not len(table):
            continue
        path = folder / FOLDERS[name] / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        _write_parquet(path, table)
        content.update(f"{split}\0".encode())
        with path.open("rb") as written:
            while block := written.read(1 << 20):
                content.update(block)
        files[split] = path.relative_to(folder).as_posix()
    return DatasetConfig(name, files, content.hexdigest(), sum(map(len, splits.values())))


def _write_parquet(path: Path, table: ColumnTable) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = table.features.arrow_schema
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for columns in table.parts(ROWS_A_GROUP):
            writer.write_table(pa.table(dict(columns), schema=schema))


def _put_in_place(fresh: Path, folder: Path) -> None:
    old = _old(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _recover(folder: Path) -> None:
    """Put back what a crash between the two renames left aside."""
    old = _old(folder)
    if old.exists() and not folder.exists():
        old.rename(folder)


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
