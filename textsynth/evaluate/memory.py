"""What an evaluation has computed before: predictions and embeddings by content, in one SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.errors import RunError

FILE = "evaluate.sqlite"
A_QUERY = 500


class Memory:
    """Bytes by key, in the file `evaluate.sqlite` of a folder; with no folder nothing outlives the process.

    A file that cannot be used is made anew: everything in it can be computed again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._kept = _made(":memory:") if folder is None else _open(folder)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return what is kept among `keys`."""
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), A_QUERY):
            some = keys[start : start + A_QUERY]
            marks = ", ".join("?" * len(some))
            found.update(self._kept.execute(f"SELECT key, value FROM kept WHERE key IN ({marks})", some))
        return found

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Keep values, all or none."""
        with self._kept:
            self._kept.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", values.items())

    def close(self) -> None:
        """Close the file."""
        self._kept.close()


def _open(folder: Path) -> sqlite3.Connection:
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _made(path)
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            return _made(path)
    except (OSError, sqlite3.Error) as fault:
        raise RunError(
            f"{path}: what was computed cannot be kept: {fault}; free some space or give another --out"
        ) from fault


def _made(path: Path | str) -> sqlite3.Connection:
    kept = sqlite3.connect(path)
    kept.execute("PRAGMA journal_mode=WAL")
    kept.execute("PRAGMA synchronous=NORMAL")
    kept.execute("CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
    return kept
