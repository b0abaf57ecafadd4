"""A folder of files as one table: its files by name, one after the other; kinds may be mixed.

Every file must have the columns that are used, and nothing else may lie in the folder (names that begin with a dot
aside): what is not understood is told, never passed over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from textsynth.core.errors import SourceError
from textsynth.sources.columns import SourceTable, from_one
from textsynth.sources.files import read_table


@dataclass(frozen=True, slots=True)
class JoinedRows(SourceTable):
    """Several tables as one; a row is told by its own file."""

    parts: Sequence[SourceTable] = field(default=())
    starts: Sequence[int] = field(default=())

    def at(self, row: int) -> str:
        """Return where the row stands, in its own file."""
        part = bisect_right(self.starts, row) - 1
        return self.parts[part].at(row - self.starts[part])


def read_rows(path: Path, *, where: str, limit: int | None = None) -> SourceTable:
    """Return the first `limit` rows (None: all) of a file, or of the files of a folder in the order of their names.

    Raises SourceError as `read_table` does, and for a folder that holds no file, or a folder.
    """
    if not path.is_dir():
        return read_table(path, where=where, limit=limit)
    parts: list[SourceTable] = []
    rows = 0
    for file in _files(path, where):
        if limit is not None and rows >= limit:
            break
        left = None if limit is None else limit - rows
        parts.append(read_table(file, where=f"{where.rstrip('/')}/{file.name}", limit=left))
        rows += _rows(parts[-1])
    return _joined(parts, where)


def _files(folder: Path, where: str) -> list[Path]:
    try:
        found = sorted(one for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as fault:
        raise SourceError(f"{where}: cannot be read: {fault.strerror or fault}") from fault
    inner = next((one.name for one in found if one.is_dir()), None)
    if inner is not None:
        raise SourceError(f"{where}: holds the folder {inner!r}; name it, or move it elsewhere: only files are read")
    if not found:
        raise SourceError(f"{where}: is an empty folder; at least one file is needed")
    return found


def _rows(table: SourceTable) -> int:
    return len(table.column(table.names[0])) if table.names else 0


def _joined(parts: Sequence[SourceTable], where: str) -> SourceTable:
    names = list(dict.fromkeys(name for part in parts for name in part.names))

    def column(name: str) -> Sequence[object]:
        lacking = next((part.where for part in parts if name not in part.names), None)
        if lacking is not None:
            having = next(part.where for part in parts if name in part.names)
            raise SourceError(f"{lacking}: no column {name!r}, which {having} has; every file needs it")
        return [cell for part in parts for cell in _named(part, name)]

    starts = [0, *accumulate(map(_rows, parts))][:-1]
    return JoinedRows(where, names, column, from_one, parts=parts, starts=starts)


def _named(part: SourceTable, name: str) -> Sequence[object]:
    """Return the cells of a column, its integers as the names that they stand for in that file."""
    cells, names = part.column(name), part.codes.get(name)
    return cells if names is None else [_name(cell, names) for cell in cells]


def _name(cell: object, names: Sequence[str]) -> object:
    if isinstance(cell, list):
        return [_name(one, names) for one in cell]
    if isinstance(cell, int) and not isinstance(cell, bool) and 0 <= cell < len(names):
        return names[cell]
    return cell
