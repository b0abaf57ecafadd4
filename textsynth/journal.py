"""The journal of a run: every answer and every embedding on disk, in SQLite, before it counts.

One writer thread commits whatever has gathered since its last commit (group commit, WAL, synchronous FULL: about
half a millisecond a commit here), so an answer that was reported as kept survives `kill -9` and a power cut. It is
the run's only memory: going on means running again and finding the answers here.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import queue
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from textsynth.errors import JournalError, RunLocked
from textsynth.records import Completion, OptionScores, Rendered, Request

FORMAT = 2
TABLES = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL, finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, failure TEXT,
    scores TEXT, engine TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
"""
# Columns that journals of format 1 lack.
LATER = {"scores": "TEXT", "engine": "TEXT NOT NULL DEFAULT ''"}
PUT_ANSWER = "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
PUT_VECTOR = "INSERT OR REPLACE INTO embeddings VALUES (?, ?)"
GET_ANSWERS = """\
SELECT key, answer, finish, prompt_tokens, completion_tokens, failure, scores, engine FROM answers WHERE key IN ({})"""
GET_VECTORS = "SELECT key, vector FROM embeddings WHERE key IN ({})"
A_QUERY = 500


class _Write(NamedTuple):
    statement: str
    rows: list[tuple[object, ...]]
    waiting: list[asyncio.Future[None]] | list[Future[None]]
    loop: asyncio.AbstractEventLoop | None

    def done(self, fault: BaseException | None) -> None:
        """Tell those who wait; in the loop's thread, where there is one."""
        for one in self.waiting:
            if not one.done() and fault is None:
                one.set_result(None)
            elif not one.done() and fault is not None:
                one.set_exception(fault)


NOTHING: tuple[_Write, list[asyncio.Future[None]]] = (_Write("", [], [], None), [])


class Journal:
    """Answers by request key, embeddings by text key. A context manager; reads from any thread, writes in one.

    Opening takes the folder's lock: raises RunLocked while another run holds it, JournalError where the folder is
    read-only, the disk is full or the file is corrupt.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Open or make the journal of `folder`; `fresh` moves the one that is there aside first (see `aside`)."""
        self.path = folder / "journal.sqlite"
        self._lock = _lock(folder)
        self.aside = set_aside(folder) if fresh else None
        try:
            self._reader = _connect(self.path)
            _make_tables(self._reader)
            self._writer = _connect(self.path)
        except sqlite3.Error as fault:
            os.close(self._lock)
            raise _trouble(self.path, fault) from fault
        self._reading = threading.Lock()
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._broken: JournalError | None = None
        self._gathering: tuple[_Write, list[asyncio.Future[None]]] = NOTHING
        self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
        self._thread.start()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is waiting, close the file and let go of the folder."""
        self._writes.put(None)
        self._thread.join()
        with self._reading:
            self._reader.close()
        os.close(self._lock)

    def answers(self, keys: Sequence[str]) -> dict[str, Completion]:
        """Return the kept completions among `keys`."""
        rows = self._rows(GET_ANSWERS, keys)
        return {
            key: Completion(answer, finish, sent, got, failure, None if scores is None else _scores(scores), engine)
            for key, answer, finish, sent, got, failure, scores, engine in rows
        }

    async def keep(self, request: Request, completion: Completion, *, model: str) -> None:
        """Write an answer; returns when it is on disk. Raises JournalError when it cannot be."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        failure = completion.failure
        row = (
            request.key, _storable(model), _told(request.prompt), _storable(completion.text), completion.finish,
            completion.prompt_tokens, completion.completion_tokens, None if failure is None else _storable(failure),
            None if completion.scores is None else _storable(_scores_text(completion.scores)), completion.engine,
        )  # fmt: skip
        write, ones = self._gathering
        if write.loop is not loop:
            ones = []
            write = _Write(PUT_ANSWER, [], ones, loop)
            self._gathering = write, ones
            loop.call_soon(self._hand_over, write)
        write.rows.append(row)
        ones.append(waiting)
        await waiting

    def _hand_over(self, write: _Write) -> None:
        """Wake the writer once for all answers that one turn of the loop brought."""
        if self._gathering[0] is write:
            self._gathering = NOTHING
        self._writes.put(write)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the kept embeddings among `keys`, as the bytes that were put."""
        return dict(self._rows(GET_VECTORS, keys))

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Write embeddings in one transaction; returns when they are on disk. Not for the event loop's thread."""
        waiting: Future[None] = Future()
        self._writes.put(_Write(PUT_VECTOR, list(vectors.items()), [waiting], None))
        waiting.result()

    def _rows(self, query: str, keys: Sequence[str] | Sequence[bytes]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        try:
            with self._reading:
                for start in range(0, len(keys), A_QUERY):
                    some = keys[start : start + A_QUERY]
                    found += self._reader.execute(query.format(",".join("?" * len(some))), some).fetchall()
        except sqlite3.Error as fault:
            raise _trouble(self.path, fault) from fault
        return found

    def _write(self) -> None:
        writer = self._writer
        try:
            while True:
                group = self._gather()
                fault = self._broken or self._commit(writer, [write for write in group if write is not None])
                self._report([write for write in group if write is not None], fault)
                if None in group:
                    return
        finally:
            writer.close()

    def _gather(self) -> list[_Write | None]:
        group = [self._writes.get()]
        while group[-1] is not None:
            try:
                group.append(self._writes.get_nowait())
            except queue.Empty:
                break
        return group

    def _commit(self, writer: sqlite3.Connection, group: Sequence[_Write]) -> JournalError | None:
        try:
            for write in group:
                writer.executemany(write.statement, write.rows)
            writer.commit()
        except sqlite3.Error as fault:
            # What was not committed is not on disk: nothing after it may count either.
            self._broken = _trouble(self.path, fault)
        return self._broken

    def _report(self, group: Sequence[_Write], fault: JournalError | None) -> None:
        for write in group:
            if write.loop is None:
                write.done(fault)
            elif not write.loop.is_closed():
                write.loop.call_soon_threadsafe(write.done, fault)


@lru_cache(maxsize=1024)  # one prompt is asked many times
def _told(prompt: Rendered) -> str:
    return _storable(json.dumps(prompt.messages or prompt.text, ensure_ascii=False))


def _scores_text(scores: OptionScores) -> str:
    return json.dumps({"known": dict(scores.known), "bound": scores.bound, "exact": scores.exact}, ensure_ascii=False)


def _scores(text: str) -> OptionScores:
    told = json.loads(text)
    return OptionScores(told["known"], told["bound"], told["exact"])


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.executescript(TABLES)
    there = {row[1] for row in connection.execute("PRAGMA table_info(answers)")}
    for name, kind in LATER.items():
        if name not in there:
            connection.execute(f"ALTER TABLE answers ADD COLUMN {name} {kind}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.commit()


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
            row = reader.execute("SELECT * FROM answers WHERE key = ?", (key,)).fetchone()
        finally:
            reader.close()
    except sqlite3.Error as fault:
        raise _trouble(path, fault) from fault
    return None if row is None else {**dict(row), "prompt": json.loads(row["prompt"])}


def set_aside(folder: Path) -> Path | None:
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


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _lock(folder: Path) -> int:
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


def _storable(text: str) -> str:
    # A lone surrogate (from a broken JSON escape) cannot be written as UTF-8.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _trouble(path: Path, fault: sqlite3.Error) -> JournalError:
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
