"""SQLite files in the folder of a run: one that is not ours is refused, a damaged one is moved aside, never removed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError

COMPANIONS = ("-wal", "-shm")
"""The suffixes of the files that SQLite keeps beside a database in use."""


def refuse_other_database(path: Path, table: str, columns: Collection[str], content: str) -> None:
    """Raise UsageError where a link, a folder, or a database without `table` and its `columns` has the path.

    `content` is what would be written there: `the journal`. Damaged files are not refused: those in which no table is
    found, or half of the columns at least.
    """
    for suffix in ("", *COMPANIONS):
        file = path.with_name(f"{path.name}{suffix}")
        if os.path.lexists(file) and not stat.S_ISREG(file.lstat().st_mode):
            kind = "a symbolic link" if file.is_symlink() else "no regular file"
            raise UsageError(f"{file}: is {kind}, and {content} would be written there; name another --out")
    tables = _table_names(path)
    if tables and table not in tables:
        raise UsageError(
            f"{path}: is a database of another program, or damaged (it has the table {sorted(tables)[0]!r}), and "
            f"{content} would be written there; move it away, or name another folder with --out"
        )
    missing = sorted(set(columns) - _column_names(path, table)) if table in tables else []
    if 2 * len(missing) > len(columns):
        raise UsageError(
            f"{path}: is a database of another program (its table {table!r} has no column {missing[0]!r}), and "
            f"{content} would be written there; move it away, or name another folder with --out"
        )


def database_version(path: Path) -> int:
    """Return the version that a database's program gave it (`PRAGMA user_version`), 0 where none can be read."""
    return next(iter(_first_column(path, "PRAGMA user_version")), 0)


def move_database_aside(path: Path) -> Path:
    """Rename `name.sqlite` and its companions to `name-N.sqlite`, and return the new path. Raises OSError."""
    number = 1
    while any(os.path.lexists(path.with_name(f"{path.stem}-{number}.sqlite{suffix}")) for suffix in ("", *COMPANIONS)):
        number += 1
    aside = path.with_name(f"{path.stem}-{number}.sqlite")
    path.rename(aside)
    for suffix in COMPANIONS:
        companion = path.with_name(f"{path.name}{suffix}")
        if companion.exists():
            companion.rename(path.with_name(f"{aside.name}{suffix}"))
    return aside


def _table_names(path: Path) -> set[str]:
    """Return the names of a database's tables, none where the file is missing, empty or damaged; changes nothing."""
    return _first_column(path, "SELECT name FROM sqlite_master WHERE type = 'table'")


def _column_names(path: Path, table: str) -> set[str]:
    """Return the names of a table's columns; changes nothing."""
    return _first_column(path, f"SELECT name FROM pragma_table_info('{table}')")


def _first_column(path: Path, query: str) -> set[Any]:
    if not path.is_file():
        return set()
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as reader:
            reader.text_factory = lambda name: name.decode("utf-8", "replace")
            return {name for (name,) in reader.execute(query)}
    except (sqlite3.Error, UnicodeDecodeError):
        return set()
