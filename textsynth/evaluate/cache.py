"""The prediction cache: earlier predictions and embeddings of an evaluation, by content, in one SQLite file.

Each value has a checksum in front, so that a damaged one is computed again and never used.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from textsynth.core.errors import RunError
from textsynth.store.atomic import OWNER_ONLY_FILE
from textsynth.store.database_file import move_database_aside, refuse_other_database
from textsynth.store.journal.checksum import vector_checksum

FILE = "evaluate.sqlite"
KEYS_PER_QUERY = 500
CHECKSUM_BYTES = 4
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises; the second where a message of its own quotes a damaged name that is no UTF-8."""


class PredictionCache:
    """Bytes by key in the file `evaluate.sqlite` of a folder; without a folder, in memory for as long as the process.

    A damaged file is moved aside as `evaluate-N.sqlite` and an empty one takes its place, because everything in it can
    be computed again, and nothing says whether it was damaged or somebody else's. Raises UsageError for a link, a
    folder and a database of another program.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._connection = _open(folder)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the cached values among `keys`, without those that are damaged."""
        cached: dict[bytes, bytes] = {}
        try:
            for start in range(0, len(keys), KEYS_PER_QUERY):
                batch = keys[start : start + KEYS_PER_QUERY]
                marks = ", ".join("?" * len(batch))
                rows = self._connection.execute(f"SELECT key, value FROM cache WHERE key IN ({marks})", batch)
                cached.update((key, stored[CHECKSUM_BYTES:]) for key, stored in rows if _is_intact(key, stored))
        except DAMAGE as error:
            self._replace_file(error)
            return {}
        return cached

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Store values, all or none. Raises RunError where the file cannot be written."""
        try:
            self._write(values)
        except DAMAGE as error:
            self._replace_file(error)
            self._write(values)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write(self, values: Mapping[bytes, bytes]) -> None:
        with self._connection:
            rows = ((key, _checksum(key, value) + value) for key, value in values.items())
            self._connection.executemany("INSERT OR REPLACE INTO cache VALUES (?, ?)", rows)

    def _replace_file(self, error: sqlite3.DatabaseError | UnicodeDecodeError) -> None:
        """Move a damaged file aside, and begin an empty one.

        Raises RunError for a full disk and for a file that another process writes to: these are not damage.
        """
        if self._folder is None or isinstance(error, sqlite3.OperationalError):
            raise _write_error(self._folder, error) from error
        self._connection.close()
        move_database_aside(self._folder / FILE)
        self._connection = _open(self._folder)


def _checksum(key: bytes, value: bytes) -> bytes:
    return vector_checksum(key, value).to_bytes(CHECKSUM_BYTES)


def _is_intact(key: object, stored: object) -> bool:
    """Whether a row is as it was written; a flipped bit can change the types of its cells too."""
    if not isinstance(key, bytes) or not isinstance(stored, bytes):
        return False
    return stored[:CHECKSUM_BYTES] == _checksum(key, stored[CHECKSUM_BYTES:])


def _open(folder: Path | None) -> sqlite3.Connection:
    if folder is None:
        return _connect(":memory:")
    path = folder / FILE
    refuse_other_database(path, "cache", ("key", "value"), "the prediction cache")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # For the owner only, as everything in the folder of a run; SQLite gives its other files the same permissions.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY_FILE))
        try:
            return _connect(path)
        except sqlite3.OperationalError:  # a full disk, or another process that writes: no damage
            raise
        except DAMAGE:
            move_database_aside(path)
            return _connect(path)
    except (OSError, sqlite3.Error) as error:
        raise _write_error(folder, error) from error


def _connect(path: Path | str) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes  # a damaged cell may be text that cannot be decoded
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS cache (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
        connection.execute("SELECT key, value FROM cache LIMIT 1").fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        connection.close()
        raise
    return connection


def _write_error(folder: Path | None, error: Exception) -> RunError:
    where = "memory" if folder is None else folder / FILE
    return RunError(
        f"{where}: the prediction cache cannot be written: {error}; free some space or choose another folder"
    )
