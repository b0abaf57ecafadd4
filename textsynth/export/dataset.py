"""The data set on disk: a folder that `load_dataset` reads and the Hub takes as it is.

    README.md                                  the card
    data/train-00000-of-00001.parquet          config `default`, one file per split
    provenance/train-00000-of-00001.parquet    config `provenance`
    dropped/train-00000-of-00001.parquet       config `dropped`
    figures/*.svg                              the figures of the card

The folder is written next to the earlier one and then exchanged with it in one step, so that neither a crash nor a
reader ever meets half a data set or none. Only files that an earlier run wrote here are replaced (`OwnedFiles`).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import RunError, write_error_reason
from textsynth.core.formatting import valid_unicode
from textsynth.export.card import DatasetConfig, card
from textsynth.export.parquet import FILE_NAME, write_parquet
from textsynth.export.run_result import CardFigure, RunResult
from textsynth.export.splits import assign_splits
from textsynth.export.tables import AnyTable, default_table, dropped_table, provenance_table
from textsynth.export.viewer_check import viewer_problems
from textsynth.store.atomic import OWNER_ONLY_FILE, OWNER_ONLY_FOLDER
from textsynth.store.dataset_hash import content_hash
from textsynth.store.owned_files import OwnedFiles, file_hash
from textsynth.store.swap import exchange

FOLDERS = {"default": "data", "provenance": "provenance", "dropped": "dropped"}
# `provenance` and `dropped` have no splits, and the Hub calls the only one `train`.
ONLY_SPLIT = "train"
CARD = "README.md"
# What a data set may hold, by folder: a suffix. Of a data set that was not finished, nothing else is removed.
LAYOUT = {"": CARD, "data": ".parquet", "provenance": ".parquet", "dropped": ".parquet", "figures": ".svg"}


class WrittenDataset(NamedTuple):
    """What was written: the number of rows by split, and notes on empty splits and on shares that were not met.

    `sha256` is the hash of the content of all configs, "" where there are no rows at all.
    """

    splits: Mapping[str, int]
    notes: tuple[str, ...]
    sha256: str = ""


def write_dataset(folder: Path, result: RunResult) -> WrittenDataset:
    """Write the data set into `folder` (a run's `dataset/`), replacing an earlier one.

    The same result gives the same bytes with the same version of pyarrow. Only the owner can read it.
    Raises UsageError where the folder holds a file that no run here wrote, RunError where writing fails; the earlier
    data set then stays.
    """
    shares = result.splits or {ONLY_SPLIT: 1.0}
    assigned = assign_splits(result.selected, shares, seed=result.seed, family_texts=result.task.family_texts)
    in_splits = {name: assigned.is_in(name) if len(shares) > 1 else None for name in shares}
    # Each table is built just before it is written: together they take more memory than the records.
    builders: dict[str, Callable[[], Mapping[str, AnyTable]]] = {
        "default": lambda: {name: default_table(result.selected, result, rows) for name, rows in in_splits.items()},
        "provenance": lambda: {ONLY_SPLIT: provenance_table(result.selected, result, assigned)},
        "dropped": lambda: {ONLY_SPLIT: dropped_table(result)},
    }
    notes = [*assigned.notes]
    configs: list[DatasetConfig] = []
    files = OwnedFiles(folder.parent)
    files.refuse_obstacles([folder.name])
    new_folder = folder.with_name(f".{folder.name}.new-{secrets.token_hex(8)}")
    try:
        _remove_unfinished(files, folder.name)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY_FOLDER)
        files.add_temporary_folder(new_folder.name)
        new_folder.mkdir(mode=OWNER_ONLY_FOLDER)
        try:
            for name, build in builders.items():
                splits = build()
                notes += _notes_on_empty(name, splits)
                if any(map(len, splits.values())):
                    configs.append(_write_config(new_folder, name, splits, result))
                del splits
            write_figures(new_folder, result.figures)
            _write_text(new_folder / CARD, result.secrets.redact(card(result, configs, assigned.counts, notes)))
            _check_viewer(folder, new_folder)
            hashes = {name: file_hash(new_folder / name) for name in _file_names(new_folder)}
            files.add({f"{folder.name}/{name}": value for name, value in hashes.items()})
            _replace(files, folder, new_folder)
        finally:
            _remove_layout(new_folder)  # there only where something failed
    except OSError as error:
        raise RunError(f"{folder}: the data set cannot be written: {write_error_reason(error)}") from error
    sha256 = content_hash({name: value for name, value in hashes.items() if name.endswith(".parquet")})
    return WrittenDataset({name: count.texts for name, count in assigned.counts.items()}, tuple(notes), sha256)


def write_figures(folder: Path, figures: Sequence[CardFigure]) -> None:
    """Write the figures of a card into the folder of its data set."""
    for figure in figures:
        (folder / figure.path).parent.mkdir(exist_ok=True, mode=OWNER_ONLY_FOLDER)
        _write_text(folder / figure.path, figure.svg)


def _notes_on_empty(config: str, splits: Mapping[str, AnyTable]) -> list[str]:
    """Return a note for each empty split, or one where all are empty: what has no rows cannot be loaded."""
    if not any(map(len, splits.values())):
        return [f"config {config} is empty and left out"]
    return [f"split {name} is empty and left out" for name, table in splits.items() if not len(table)]


def _write_config(folder: Path, name: str, splits: Mapping[str, AnyTable], result: RunResult) -> DatasetConfig:
    """Write the files of one config and return what the card states about it."""
    content = hashlib.sha256()
    files: dict[str, str] = {}
    for split, table in splits.items():
        if not len(table):
            continue
        path = folder / FOLDERS[name] / FILE_NAME.format(split=split, number=0, count=1)
        path.parent.mkdir(exist_ok=True, mode=OWNER_ONLY_FOLDER)
        _write_parquet(path, table, result)
        content.update(f"{split}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                content.update(block)
        files[split] = path.relative_to(folder).as_posix()
    return DatasetConfig(name, files, content.hexdigest(), sum(map(len, splits.values())))


def _write_parquet(path: Path, table: AnyTable, result: RunResult) -> None:
    with open(_create(path), "wb") as file:
        write_parquet(file, table, result)


def _write_text(path: Path, text: str) -> None:
    with open(_create(path), "w", encoding="utf-8", newline="\n") as file:
        file.write(valid_unicode(text))


def _create(path: Path) -> int:
    """Return the descriptor of a new file that only its owner can read."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE)


def _file_names(folder: Path) -> list[str]:
    """Return the paths of all files in a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


def _check_viewer(folder: Path, new_folder: Path) -> None:
    problems = viewer_problems(new_folder)
    if problems:
        raise RunError(f"{folder}: the Hub's viewer cannot show the data set: {'; '.join(problems)}")


def _replace(files: OwnedFiles, folder: Path, new_folder: Path) -> None:
    """Put the new folder in the place of the old one, in one step where the system can; then remove the old files."""
    files.refuse_obstacles([folder.name])  # again: it took a while to write the new one
    if not folder.exists():
        new_folder.rename(folder)
        return
    if not exchange(new_folder, folder):
        old_folder = new_folder.with_name(f"{new_folder.name}-old")
        files.add_temporary_folder(old_folder.name)
        folder.rename(old_folder)
        new_folder.rename(folder)
        new_folder = old_folder
    _remove_layout(new_folder)


def _remove_unfinished(files: OwnedFiles, name: str) -> None:
    """Remove what a killed run left of its new data set, and restore the old one where it was about to be replaced."""
    for temporary in sorted(files.temporary_folders):
        path = files.folder / temporary
        if not temporary.startswith(f".{name}.new-") or path.is_symlink() or not path.is_dir():
            continue
        if temporary.endswith("-old") and not os.path.lexists(files.folder / name):
            path.rename(files.folder / name)
        else:
            _remove_layout(path)


def _remove_layout(folder: Path) -> None:
    """Remove the files of a data set from a folder that this program made, and the folder if it is empty then."""
    for name, suffix in LAYOUT.items():
        part = folder / name
        if part.is_symlink() or not part.is_dir():
            continue
        for path in part.iterdir():
            if path.name.endswith(suffix) and path.is_file() and not path.is_symlink():
                path.unlink()
        if name:
            _remove_if_empty(part)
    _remove_if_empty(folder)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
