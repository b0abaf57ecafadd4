"""The journal's file: its tables, how it is opened and locked, and one sentence for each of its troubles."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from pathlib import Path

from textsynth.core.errors import JournalError, RunLocked

FORMAT = 3
# Answers stand one after the other, in no order of their keys: so a commit writes few pages, a quarter of the time that
# one takes which puts each answer in its place among the keys. Which key stands where is found out by `Places`.
TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL, finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, failure TEXT,
    scores TEXT, engine TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
"""
# Columns that journals of format 1 lack.
LATER = {"scores": "TEXT", "engine": "TEXT NOT NULL DEFAULT ''"}


def make_tables(connection: sqlite3.Connection) -> None:
    """Make what tables and columns are missing."""
    connection.executescript(TABLES)
    there = {row[1] for row in connection.execute("PRAGMA table_info(answers)")}
    for name, kind in LATER.items():
        if name not in there:
            connection.execute(f"ALTER TABLE answers ADD COLUMN {name} {kind}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")


class AnswerIndex:
    """Where the answers of a journal stand, by key; kept outside memory, beside one connection.

    Journals of format 1 and 2 have their answers in the order of their keys, and need none.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Begin with nothing; `connection` is the one that will ask."""
        self._connection = connection
        self.ordered = any(column[5] for column in connection.execute("PRAGMA table_info(answers)"))
        self._last = 0
        connection.execute("CREATE TEMP TABLE places (key TEXT PRIMARY KEY, place INTEGER NOT NULL) WITHOUT ROWID")

    def refresh(self) -> None:
        """Take in the answers that were committed since the last time; the last of several with one key counts."""
        if self.ordered:
            return
        last = self._connection.execute("SELECT coalesce(max(rowid), 0) FROM answers").fetchone()[0]
        if last > self._last:
            self._connection.execute(
                "INSERT OR REPLACE INTO places SELECT key, rowid FROM answers WHERE rowid > ? AND rowid <= ?"
                " ORDER BY key, rowid",
                (self._last, last),
            )
            self._last = last


def read_answer(folder: Path, key: str) -> dict[str, object] | None:
    """Return one kept answer of a run (model, prompt, answer, finish, tokens, failure, scores, engine), or None.

    Opens the file read-only and takes no lock, so it works beside a run. Raises JournalError for a corrupt file.
    """
    path = folder / "journal.sqlite"
    if not path.is_file():
        return None
    try:
        reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            reader.row_factory = sqlite3.Row
            rows = reader.execute("SELECT * FROM answers WHERE key = ?", (key,)).fetchall()
        finally:
            reader.close()
    except sqlite3.Error as fault:
        raise journal_error(path, fault) from fault
    return {**dict(rows[-1]), "prompt": json.loads(rows[-1]["prompt"])} if rows else None


def move_aside(folder: Path) -> Path | None:
    """Move a run's journal out of the way (`--fresh`): returns its new path, or None where there was none."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return None
    number = 1
    while (aside := folder / f"journal-{number}.sqlite").exists():
        number += 1
    path.rename(aside)
    for tail in ("-wal", "-shm"):
        extra = folder / f"journal.sqlite{tail}"
        if extra.exists():
            extra.rename(folder / f"{aside.name}{tail}")
    return aside


def connect(path: Path) -> sqlite3.Connection:
    """Open the file; each statement commits by itself, and is on disk when it returns."""
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def lock(folder: Path) -> int:
    """Take the folder for this run. Raises RunLocked while another has it, JournalError where it cannot be opened."""
    try:
        held = os.open(folder, os.O_RDONLY)
    except OSError as fault:
        raise JournalError(f"{folder}: the run's folder cannot be opened: {fault.strerror}") from fault
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        os.close(held)
        raise RunLocked(
            f"{folder}: another run is at work in this folder; wait for it, or give this one a folder with --out"
        ) from fault
    return held


def journal_error(path: Path, fault: sqlite3.Error) -> JournalError:
    """Return what went wrong in one sentence, with what helps."""
    told = str(fault)
    if "disk is full" in told or "disk I/O" in told:
        hint = "the disk is full or failing; every answer kept so far is safe, free some room and run again"
    elif "readonly" in told or "unable to open" in told:
        hint = "the folder cannot be written; give another one with --out"
    elif isinstance(fault, sqlite3.DatabaseError) and ("malformed" in told or "not a database" in told):
        hint = "the file is damaged; move it away or run with --fresh, which keeps it beside the new one"
    else:
        hint = "run again to go on from the last kept answer"
    return JournalError(f"{path}: the journal failed: {told}; {hint}")
