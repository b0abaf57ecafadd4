"""The data set on disk: a folder that `load_dataset` reads and the Hub takes as it is.

    README.md                                  the card
    data/train-00000-of-00001.parquet          config `default`, one file a split
    provenance/train-00000-of-00001.parquet    config `provenance`
    dropped/train-00000-of-00001.parquet       config `dropped`
    figures/*.svg                              the figures of the card

The folder is written next to the old one and then moved in its place, so that a crash never leaves half a data set.
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
# `provenance` and `dropped` have no splits, and the Hub calls the only one `train`.
ONLY_SPLIT = "train"
# Rows per row group, and in memory at once while a file is written.
ROWS_PER_GROUP = 50_000


class WrittenDataset(NamedTuple):
    """What was written: the number of rows by split (empty ones too), and sentences on what was left out."""

    splits: Mapping[str, int]
    notes: tuple[str, ...]


def write_dataset(folder: Path, result: RunResult) -> WrittenDataset:
    """Write the data set into `folder` (a run's `dataset/`), in place of an earlier one.

    The same result gives the same bytes with the same pyarrow and datasets. Raises RunError where writing fails; the
    earlier data set then stays.
    """
    shares = result.splits or {ONLY_SPLIT: 1.0}
    assigned = assign_splits(result.selected, shares, seed=result.seed, family_texts=result.task.family_texts)
    by_split = {name: [record for record in result.selected if assigned.split[record.id] == name] for name in shares}
    # Each table is made just before it is written: together they take more memory than the records.
    tables: dict[str, Callable[[], dict[str, ColumnTable]]] = {
        "default": lambda: {name: default_table(rows, result) for name, rows in by_split.items()},
        "provenance": lambda: {ONLY_SPLIT: provenance_table(result.selected, result, assigned.split, assigned.family)},
        "dropped": lambda: {ONLY_SPLIT: dropped_table(result)},
    }
    notes = [*assigned.notes]
    configs: list[DatasetConfig] = []
    new_folder = folder.with_name(f".{folder.name}.new")
    try:
        _recover(folder)
        shutil.rmtree(new_folder, ignore_errors=True)
        new_folder.mkdir(parents=True)
        for name, make_splits in tables.items():
            splits = make_splits()
            notes += _empty_parts(name, splits)
            if any(map(len, splits.values())):
                configs.append(_write_config(new_folder, name, splits))
            del splits
        write_figures(new_folder, result.figures)
        text = valid_unicode(card(result, configs, by_split, notes))
        (new_folder / "README.md").write_text(text, encoding="utf-8", newline="\n")
        problems = viewer_problems(new_folder)
        if problems:
            raise RunError(f"{folder}: the Hub's viewer could not show the data set: {'; '.join(problems)}")
        _replace(folder, new_folder)
    except OSError as error:
        shutil.rmtree(new_folder, ignore_errors=True)
        raise RunError(f"{folder}: the data set cannot be written: {error.strerror or error}") from error
    return WrittenDataset({name: len(rows) for name, rows in by_split.items()}, tuple(notes))


def write_figures(folder: Path, figures: Sequence[CardFigure]) -> None:
    """Write the figures of a card into the folder of its data set."""
    for figure in figures:
        (folder / figure.path).parent.mkdir(exist_ok=True)
        (folder / figure.path).write_text(valid_unicode(figure.svg), encoding="utf-8", newline="\n")


def _empty_parts(config: str, splits: Mapping[str, ColumnTable]) -> list[str]:
    """Return which splits are empty, or that all are: they cannot be loaded, so the card does not list them."""
    if not any(map(len, splits.values())):
        return [f"config {config} is empty and left out"]
    return [f"split {name} is empty and left out" for name, table in splits.items() if not len(table)]


def _write_config(folder: Path, name: str, splits: Mapping[str, ColumnTable]) -> DatasetConfig:
    """Write the files of one config and return its entry for the card."""
    content = hashlib.sha256()
    files: dict[str, str] = {}
    for split, table in splits.items():
        if not len(table):
            continue
        path = folder / FOLDERS[name] / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        _write_parquet(path, table)
        content.update(f"{split}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                content.update(block)
        files[split] = path.relative_to(folder).as_posix()
    return DatasetConfig(name, files, content.hexdigest(), sum(map(len, splits.values())))


def _write_parquet(path: Path, table: ColumnTable) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = table.features.arrow_schema
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for columns in table.parts(ROWS_PER_GROUP):
            writer.write_table(pa.table(dict(columns), schema=schema))


def _replace(folder: Path, new_folder: Path) -> None:
    """Move the new folder in the place of the old one."""
    old_folder = _old_folder(folder)
    shutil.rmtree(old_folder, ignore_errors=True)
    if folder.exists():
        folder.rename(old_folder)
    new_folder.rename(folder)
    shutil.rmtree(old_folder, ignore_errors=True)


def _recover(folder: Path) -> None:
    """Move back the old folder where a crash came between the two renames."""
    old_folder = _old_folder(folder)
    if old_folder.exists() and not folder.exists():
        old_folder.rename(folder)


def _old_folder(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
