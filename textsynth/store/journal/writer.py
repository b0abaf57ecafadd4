"""The journal's one writer: a thread that commits whatever has gathered since its last commit.

It commits in one call. After each call a thread waits for the interpreter, which takes milliseconds while a window is
read and judged; and until an answer is on disk its place in flight is taken.
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
from textsynth.store.journal.file import connect, journal_error

PUT_ANSWERS = "INSERT OR REPLACE INTO answers VALUES "
PUT_VECTORS = "INSERT OR REPLACE INTO embeddings VALUES "


class Rows(NamedTuple):
    """Rows for one table, and those who wait until they are on disk: futures of `loop`, or of threads."""

    put: str
    rows: list[tuple[object, ...]]
    waiting: list[asyncio.Future[None]] | list[Future[None]]
    loop: asyncio.AbstractEventLoop | None


class Writer:
    """Puts rows into the file at `path`. After a fault nothing more is put, and all who wait are told of it."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises sqlite3.Error where it cannot be."""
        self._path = path
        self._connection = connect(path)
        self._queue: queue.SimpleQueue[Rows | None] = queue.SimpleQueue()
        self._broken: JournalError | None = None
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def put(self, rows: Rows) -> None:
        """Take rows in; those who wait for them are told when they are on disk, or why they cannot be."""
        self._queue.put(rows)

    def close(self) -> None:
        """Commit what has gathered and end."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            goes_on = True
            while goes_on:
                group, goes_on = self._gather()
                _tell(group, self._broken or self._commit(group))
        finally:
            self._connection.close()

    def _gather(self) -> tuple[list[Rows], bool]:
        """Return what has come, having waited for the first, and whether more may come."""
        group: list[Rows] = []
        one = self._queue.get()
        while one is not None:
            group.append(one)
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return group, True
        return group, False

    def _commit(self, group: Sequence[Rows]) -> JournalError | None:
        try:
            for put in dict.fromkeys(some.put for some in group if some.rows):
                self._put(put, [row for some in group if some.put == put for row in some.rows])
        except sqlite3.Error as fault:
            # What was not committed is not on disk: nothing after it may count either.
            self._broken = journal_error(self._path, fault)
        return self._broken

    def _put(self, put: str, rows: Sequence[tuple[object, ...]]) -> None:
        width = len(rows[0])
        most = self._connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // width
        for some in (rows[start : start + most] for start in range(0, len(rows), most)):
            places = ", ".join([f"({', '.join('?' * width)})"] * len(some))
            self._connection.execute(put + places, [value for row in some for value in row])


def _tell(group: Sequence[Rows], fault: JournalError | None) -> None:
    """Tell those who wait, in their loop's thread where they have one, and once for all that came from a loop."""
    for loop in dict.fromkeys(some.loop for some in group):
        waiting = [one for some in group if some.loop is loop for one in some.waiting]
        if loop is None:
            _end(waiting, fault)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(_end, waiting, fault)


def _end(waiting: Sequence[asyncio.Future[None] | Future[None]], fault: JournalError | None) -> None:
    for one in waiting:
        if one.done():
            continue
        if fault is None:
            one.set_result(None)
        else:
            one.set_exception(fault)
