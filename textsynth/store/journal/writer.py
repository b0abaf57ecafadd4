"""The journal's writer: one thread that commits everything that was queued since its last commit (group commit).

Each batch is one call into SQLite. After each call the thread waits for the interpreter lock, which takes milliseconds
while a window is parsed and filtered; and until its answer is on disk, a request occupies a slot of the concurrency
limit.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import JournalError
from textsynth.store.journal.file import DATABASE_ERRORS, connect, journal_error

INSERT_ANSWERS = "INSERT OR REPLACE INTO answers VALUES "
INSERT_VECTORS = "INSERT OR REPLACE INTO embeddings VALUES "
INSERT_RUN_TIME = "INSERT OR REPLACE INTO run_time VALUES "


class RowBatch(NamedTuple):
    """Rows for one table, and the futures to resolve when they are on disk: of `loop`, or of threads (loop None)."""

    statement: str
    rows: list[tuple[object, ...]]
    futures: list[asyncio.Future[None]] | list[Future[None]]
    loop: asyncio.AbstractEventLoop | None


class Writer:
    """Writes batches of rows to the file at `path`. After an error it writes nothing more, and every future fails."""

    def __init__(self, path: Path) -> None:
        """Open the file and start the thread. Raises sqlite3.Error where the file cannot be opened."""
        self._path = path
        self._connection = connect(path)
        self._queue: queue.SimpleQueue[RowBatch | None] = queue.SimpleQueue()
        self._error: JournalError | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def put(self, batch: RowBatch) -> None:
        """Queue a batch; its futures are resolved when it is on disk, or fail with the reason."""
        self._queue.put(batch)

    def close(self) -> None:
        """Commit what was queued and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            is_open = True
            while is_open:
                batches, is_open = self._take_queued()
                _resolve_all(batches, self._error or self._commit(batches))
        finally:
            self._connection.close()

    def _take_queued(self) -> tuple[list[RowBatch], bool]:
        """Wait for a batch; return all that are queued, and whether more may come."""
        batches: list[RowBatch] = []
        batch = self._queue.get()
        while batch is not None:
            batches.append(batch)
            try:
                batch = self._queue.get_nowait()
            except queue.Empty:
                return batches, True
        return batches, False

    def _commit(self, batches: Sequence[RowBatch]) -> JournalError | None:
        try:
            for statement in dict.fromkeys(batch.statement for batch in batches if batch.rows):
                self._insert(
                    statement, [row for batch in batches if batch.statement == statement for row in batch.rows]
                )
        except DATABASE_ERRORS as error:
            # What was not committed is not on disk, so nothing after it may be reported as stored either.
            self._error = journal_error(self._path, error)
        return self._error

    def _insert(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        width = len(rows[0])
        max_rows = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width
        for start in range(0, len(rows), max_rows):
            part = rows[start : start + max_rows]
            placeholders = ", ".join([f"({', '.join('?' * width)})"] * len(part))
            self._connection.execute(statement + placeholders, [value for row in part for value in row])


def _resolve_all(batches: Sequence[RowBatch], error: JournalError | None) -> None:
    """Resolve the futures of all batches: those of an event loop in its thread, with one call for each loop."""
    for loop in dict.fromkeys(batch.loop for batch in batches):
        futures = [future for batch in batches if batch.loop is loop for future in batch.futures]
        if loop is None:
            _resolve(futures, error)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, futures, error)


def _resolve(futures: Sequence[asyncio.Future[None] | Future[None]], error: JournalError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
