"""The journal's file: its tables, how it is opened, locked and moved aside, and one sentence for each of its errors."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from pathlib import Path

from textsynth.core.errors import JournalError, RunLocked, UsageError
from textsynth.store.atomic import OWNER_ONLY_FILE
from textsynth.store.database_file import database_version, move_database_aside, refuse_other_database
from textsynth.store.journal.checksum import answer_checksum, vector_checksum

FILE = "journal.sqlite"
FORMAT = 4
DATABASE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the second where a message of its own quotes a damaged name that is no UTF-8."""
# Answers are stored in the order in which they arrive, not in the order of their keys: a commit then writes few pages
# and takes a quarter of the time. `AnswerIndex` maps keys to rows.
TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL, finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, failure TEXT,
    scores TEXT, engine TEXT NOT NULL DEFAULT '', checksum INTEGER);
CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL, checksum INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run_time (id INTEGER PRIMARY KEY, seconds REAL NOT NULL);
"""
# Columns that journals of format 1 lack, and the checksums, which came with format 4.
ADDED_COLUMNS = {
    "answers": {"scores": "TEXT", "engine": "TEXT NOT NULL DEFAULT ''", "checksum": "INTEGER"},
    "embeddings": {"checksum": "INTEGER"},
}
FIRST_COLUMNS = ("key", "model", "prompt", "answer", "finish", "prompt_tokens", "completion_tokens", "failure")
"""The columns of answers in journals of every format."""
CHECKED_COLUMNS = "key, answer, finish, prompt_tokens, completion_tokens, failure, scores, engine"


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables and columns that are missing; rows without a checksum, of earlier formats, get theirs."""
    connection.executescript(TABLES)
    is_current = connection.execute("PRAGMA user_version").fetchone()[0] == FORMAT
    if is_current:
        return
    connection.create_function("answer_checksum", 8, answer_checksum, deterministic=True)
    connection.create_function("vector_checksum", 2, vector_checksum, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table, columns in ADDED_COLUMNS.items():
            existing = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for name, declaration in columns.items():
                if name not in existing:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {declaration}")
        connection.execute(f"UPDATE answers SET checksum = answer_checksum({CHECKED_COLUMNS}) WHERE checksum IS NULL")
        connection.execute("UPDATE embeddings SET checksum = vector_checksum(key, vector) WHERE checksum IS NULL")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")


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
        reader = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            reader.row_factory = sqlite3.Row
            rows = reader.execute("SELECT * FROM answers WHERE key = ?", (key,)).fetchall()
        finally:
            reader.close()
    except DATABASE_ERRORS as error:
        raise journal_error(path, error) from error
    if not rows:
        return None
    answer = dict(rows[-1])
    stored = answer.pop("checksum", None)
    try:
        is_damaged = stored is not None and stored != answer_checksum(*(answer[name] for name in _CHECKED_NAMES))
        prompt = json.loads(answer["prompt"])
        is_damaged |= not _is_prompt(prompt)
    except (KeyError, TypeError, ValueError, RecursionError):
        is_damaged = True
    if is_damaged:
        raise JournalError(f"{path}: the answer {key!r} is damaged; run the recipe again, which requests it again")
    return {**answer, "prompt": prompt}


_CHECKED_NAMES = CHECKED_COLUMNS.split(", ")


def _is_prompt(value: object) -> bool:
    """Whether a value is a prompt as it is stored: one text, or a list of turns, each a role and a text."""
    if isinstance(value, str):
        return True
    return isinstance(value, list) and all(
        isinstance(turn, list) and [type(part) for part in turn] == [str, str] for turn in value
    )


def refuse_other_file(folder: Path) -> None:
    """Raise UsageError where the journal's place holds a link, a folder, or a database of another program or format."""
    path = folder / FILE
    refuse_other_database(path, "answers", FIRST_COLUMNS, "the journal")
    version = database_version(path)
    if version > FORMAT:
        raise UsageError(
            f"{path}: is a journal of a later version of TextSynth (format {version}, this version reads up to "
            f"{FORMAT}); update TextSynth, or name another folder with --out"
        )


def move_aside(folder: Path) -> Path | None:
    """Rename a run's journal to `journal-N.sqlite` (`--fresh`); return its new path, or None where there is none.

    Raises JournalError where it cannot be renamed, as on a file system that is read-only.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        return move_database_aside(path)
    except OSError as error:
        raise JournalError(
            f"{path}: the journal of earlier runs cannot be moved aside: {error.strerror or error}; name another "
            "folder with --out"
        ) from error


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, which only its owner can read; each statement is a transaction, on disk when it returns."""
    with contextlib.suppress(OSError):  # SQLite has the better error
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, OWNER_ONLY_FILE))
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
    connection.execute("PRAGMA cell_size_check = ON")
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


def journal_error(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
    """Return the error as one sentence with what to do about it."""
    message = "its tables have damaged names" if isinstance(error, UnicodeDecodeError) else str(error)
    if "disk is full" in message or "disk I/O" in message:
        hint = "the disk is full or failing; every answer stored so far is safe, free some space and run again"
    elif ("readonly" in message and not os.access(path, os.W_OK)) or "unable to open" in message:
        hint = "the folder cannot be written; give another one with --out"
    elif "locked" in message or "busy" in message:
        hint = "another program has it open; close that, and run again to continue from the last stored answer"
    else:
        hint = "the file is damaged; move it away, or run with --fresh, which keeps it beside the new one"
    return JournalError(f"{path}: the journal failed: {message}; {hint}")
