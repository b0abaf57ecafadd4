"""Several files as one table, in the order in which they are given; file types may be mixed.

Every file must have the columns that are used.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from textsynth.core.errors import SourceError
from textsynth.core.protocols import SourceFile
from textsynth.sources.columns import SourceTable, one_based
from textsynth.sources.files import read_table
from textsynth.sources.locations import local_copy, source_files


@dataclass(frozen=True, slots=True)
class JoinedTable(SourceTable):
    """Several tables as one. `starts` holds the index of each part's first row."""

    parts: Sequence[SourceTable] = field(default=())
    starts: Sequence[int] = field(default=())

    def position(self, row: int) -> str:
        """Return the position of a row within its own file."""
        part = bisect_right(self.starts, row) - 1
        return self.parts[part].position(row - self.starts[part])


def read_rows(path: str, base: Path, *, limit: int | None = None) -> SourceTable:
    """Return the first `limit` rows (None: all) of the files that `path` names, in the order of their names.

    A path is relative to `base`, and named in messages as it is. Raises SourceError as `source_files` and `read_table`
    do.
    """
    files = source_files(path, base)
    if files[0].name == path:
        return read_file(files[0], limit=limit)
    parts: list[SourceTable] = []
    rows = 0
    for file in files:
        if limit is not None and rows >= limit:
            break
        parts.append(read_file(file, limit=None if limit is None else limit - rows))
        rows += _row_count(parts[-1])
    return _join(parts, path)


def read_file(file: SourceFile, *, limit: int | None = None) -> SourceTable:
    """Return the first `limit` rows (None: all) of one file. Raises SourceError."""
    with local_copy(file) as path:
        return read_table(path, where=file.name, limit=limit)


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
