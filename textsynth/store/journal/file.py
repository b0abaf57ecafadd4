"""The journal's file: its tables, how it is opened, locked and moved aside, and one sentence for each of its errors."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from pathlib import Path

from textsynth.core.errors import JournalError, RunLocked

FILE = "journal.sqlite"
FORMAT = 3
# Answers are stored in the order in which they arrive, not in the order of their keys: a commit then writes few pages
# and takes a quarter of the time. `AnswerIndex` maps keys to rows.
TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL, finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, failure TEXT,
    scores TEXT, engine TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
"""
# Columns that journals of format 1 lack.
ADDED_COLUMNS = {"scores": "TEXT", "engine": "TEXT NOT NULL DEFAULT ''"}


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables and columns that are missing."""
    connection.executescript(TABLES)
    existing = {row[1] for row in connection.execute("PRAGMA table_info(answers)")}
    for name, declaration in ADDED_COLUMNS.items():
        if name not in existing:
            connection.execute(f"ALTER TABLE answers ADD COLUMN {name} {declaration}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


class AnswerIndex:
    """An index of the answers by key, in a temporary table of one connection.

    Journals of format 1 and 2 store their answers in the order of their keys, and need no index (`ordered`).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Create an empty index on the connection that will look up answers."""
        self._connection = connection
        self.ordered = any(column[5] for column in connection.execute("PRAGMA table_info(answers)"))
        self._last_row = 0
        connection.execute(
            "CREATE TEMP TABLE answer_index (key TEXT PRIMARY KEY, answer_row INTEGER NOT NULL) WITHOUT ROWID"
        )

    def refresh(self) -> None:
        """Add the answers that were committed since the last call; of several with one key the last one counts."""
        if self.ordered:
            return
        last_row = self._connection.execute("SELECT coalesce(max(rowid), 0) FROM answers").fetchone()[0]
        if last_row > self._last_row:
            self._connection.execute(
                "INSERT OR REPLACE INTO answer_index SELECT key, rowid FROM answers WHERE rowid > ? AND rowid <= ?"
                " ORDER BY key, rowid",
                (self._last_row, last_row),
            )
            self._last_row = last_row


def read_answer(folder: Path, key: str) -> dict[str, object] | None:
    """Return one answer of a run (model, prompt, answer, finish, tokens, failure, scores, engine), or None.

    Opens the file read-only and takes no lock, so it works while a run writes. Raises JournalError for a corrupt file.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            reader.row_factory = sqlite3.Row
            rows = reader.execute("SELECT * FROM answers WHERE key = ?", (key,)).fetchall()
        finally:
            reader.close()
    except sqlite3.Error as error:
        raise journal_error(path, error) from error
    return {**dict(rows[-1]), "prompt": json.loads(rows[-1]["prompt"])} if rows else None


def move_aside(folder: Path) -> Path | None:
    """Rename a run's journal to `journal-N.sqlite` (`--fresh`); return its new path, or None where there is none."""
    path = folder / FILE
    if not path.exists():
        return None
    number = 1
    while (aside := folder / f"journal-{number}.sqlite").exists():
        number += 1
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        companion = folder / f"{FILE}{suffix}"
        if companion.exists():
            companion.rename(folder / f"{aside.name}{suffix}")
    return aside


def connect(path: Path) -> sqlite3.Connection:
    """Open the file; each statement is its own transaction, and is on disk when it returns."""
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def lock(folder: Path) -> int:
    """Lock the folder for this run and return the descriptor that holds the lock.

    Raises RunLocked while another run holds it, JournalError where the folder cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise JournalError(f"{folder}: the run's folder cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise RunLocked(
            f"{folder}: another run is using this folder; wait for it, or give this one a folder with --out"
        ) from error
    return descriptor


def journal_error(path: Path, error: sqlite3.Error) -> JournalError:
    """Return the error as one sentence with what to do about it."""
    message = str(error)
    if "disk is full" in message or "disk I/O" in message:
        hint = "the disk is full or failing; every answer stored so far is safe, free some space and run again"
    elif "readonly" in message or "unable to open" in message:
        hint = "the folder cannot be written; give another one with --out"
    elif isinstance(error, sqlite3.DatabaseError) and ("malformed" in message or "not a database" in message):
        hint = "the file is damaged; move it away, or run with --fresh, which keeps it beside the new one"
    else:
        hint = "run again to continue from the last stored answer"
    return JournalError(f"{path}: the journal failed: {message}; {hint}")
