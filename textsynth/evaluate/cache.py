"""What an evaluation has computed before: predictions and embeddings by content, in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.core.errors import RunError

FILE = "evaluate.sqlite"
A_QUERY = 500


class PredictionCache:
    """Bytes by key, in the file `evaluate.sqlite` of a folder; with no folder nothing outlives the process.

    A file that cannot be used is made anew: everything in it can be computed again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._kept = _open(folder)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is kept among `keys`."""
        found: dict[bytes, bytes] = {}
        try:
            for start in range(0, len(keys), A_QUERY):
                some = keys[start : start + A_QUERY]
                marks = ", ".join("?" * len(some))
                found.update(self._kept.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", some))
        except sqlite3.DatabaseError as fault:
            self._begin_anew(fault)
            return {}
        return found

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values, all or none. Raises RunError where the file cannot be written."""
        try:
            self._write(values)
        except sqlite3.DatabaseError as fault:
            self._begin_anew(fault)
            self._write(values)

    def close(self) -> None:
        """Close the file."""
        self._kept.close()

    def _write(self, values: Mapping[bytes, bytes]) -> None:
        with self._kept:
            self._kept.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())

    def _begin_anew(self, fault: sqlite3.DatabaseError) -> None:
        """Make a damaged file anew. A full disk or a file that another process writes to is no damage: RunError."""
        if self._folder is None or isinstance(fault, sqlite3.OperationalError):
            raise _trouble(self._folder, fault) from fault
        self._kept.close()
        (self._folder / FILE).unlink(missing_ok=True)
        self._kept = _open(self._folder)


def _open(folder: Path | None) -> sqlite3.Connection:
    if folder is None:
        return _made(":memory:")
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _made(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            return _made(path)
    except (OSError, sqlite3.Error) as fault:
        raise _trouble(folder, fault) from fault


def _made(path: Path | str) -> sqlite3.Connection:
    kept = sqlite3.connect(path)
    try:
        kept.execute("PRAGMA journal_mode=WAL")
        kept.execute("PRAGMA synchronous=NORMAL")
        kept.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        kept.execute("SELECT key, value FROM kept LIMIT 1").fetchall()
    except sqlite3.Error:
        kept.close()
        raise
    return kept


def _trouble(folder: Path | None, fault: Exception) -> RunError:
    where = "memory" if folder is None else folder / FILE
    return RunError(f"{where}: what was computed cannot be kept: {fault}; free some space or give another --out")
