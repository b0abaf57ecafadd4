"""A folder of files as one table: the files in the order of their names; file types may be mixed.

Every file must have the columns that are used. The folder may contain nothing but data files (names that start with a
dot are ignored): anything else is an error, so that no data is skipped silently.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from textsynth.core.errors import SourceError
from textsynth.sources.columns import SourceTable, one_based
from textsynth.sources.files import read_table


@dataclass(frozen=True, slots=True)
class JoinedTable(SourceTable):
    """Several tables as one. `starts` holds the index of each part's first row."""

    parts: Sequence[SourceTable] = field(default=())
    starts: Sequence[int] = field(default=())

    def position(self, row: int) -> str:
        """Return the position of a row within its own file."""
        part = bisect_right(self.starts, row) - 1
        return self.parts[part].position(row - self.starts[part])


def read_rows(path: Path, *, where: str, limit: int | None = None) -> SourceTable:
    """Return the first `limit` rows (None: all) of a file, or of the files of a folder in the order of their names.

    Raises SourceError as `read_table` does, and if the folder contains no file, or contains a folder.
    """
    if not path.is_dir():
        return read_table(path, where=where, limit=limit)
    parts: list[SourceTable] = []
    rows = 0
    for file in data_files(path, where):
        if limit is not None and rows >= limit:
            break
        remaining = None if limit is None else limit - rows
        parts.append(read_table(file, where=f"{where.rstrip('/')}/{file.name}", limit=remaining))
        rows += _row_count(parts[-1])
    return _join(parts, where)


def data_files(folder: Path, where: str) -> list[Path]:
    """Return the files of a folder in the order of their names; of a file the file itself. Raises SourceError."""
    if not folder.is_dir():
        return [folder]
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise SourceError(f"{where}: cannot be read: {error.strerror or error}") from error
    subfolder = next((path.name for path in paths if path.is_dir()), None)
    if subfolder is not None:
        raise SourceError(
            f"{where}: contains the folder {subfolder!r}, and only files are read; use its path, or move it elsewhere"
        )
    if not paths:
        raise SourceError(f"{where}: is an empty folder; at least one file is needed")
    return paths


def _row_count(table: SourceTable) -> int:
    return len(table.column(table.names[0])) if table.names else 0


def _join(parts: Sequence[SourceTable], where: str) -> SourceTable:
    names = list(dict.fromkeys(name for part in parts for name in part.names))

    def read_column(name: str) -> Sequence[object]:
        without = next((part.where for part in parts if name not in part.names), None)
        if without is not None:
            owner = next(part.where for part in parts if name in part.names)
            raise SourceError(f"{without}: no column {name!r}, which {owner} has; every file must have it")
        return [cell for part in parts for cell in _named_cells(part, name)]

    starts = [0, *accumulate(map(_row_count, parts))][:-1]
    return JoinedTable(where, names, read_column, one_based, parts=parts, starts=starts)


def _named_cells(part: SourceTable, name: str) -> Sequence[object]:
    """Return the cells of a column, its integer labels as their names, which may differ from file to file."""
    cells, label_names = part.column(name), part.label_names.get(name)
    return cells if label_names is None else [_label_name(cell, label_names) for cell in cells]


def _label_name(cell: object, names: Sequence[str]) -> object:
    if isinstance(cell, list):
        return [_label_name(code, names) for code in cell]
    if isinstance(cell, int) and not isinstance(cell, bool) and 0 <= cell < len(names):
        return names[cell]
    return cell
