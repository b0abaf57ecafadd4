"""The journal of a run: every answer and every embedding is on disk, in SQLite, before the run uses it.

One writer thread commits everything that was queued since its last commit (group commit, WAL, synchronous FULL), so an
answer that was reported as stored survives `kill -9` and a power cut. The journal is the only state of a run that is
kept: continuing a run means running it again and finding its answers here.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from textsynth.core.errors import TextSynthError
from textsynth.core.formatting import valid_unicode
from textsynth.core.records import Completion, ModelRequest, OptionScores, RenderedPrompt
from textsynth.core.secrets import redact_stored
from textsynth.store.journal.checksum import answer_checksum, vector_checksum
from textsynth.store.journal.file import (
    CHECKED_COLUMNS,
    DATABASE_ERRORS,
    FILE,
    AnswerIndex,
    connect,
    create_tables,
    journal_error,
    lock,
    move_aside,
    refuse_other_file,
)
from textsynth.store.journal.writer import INSERT_ANSWERS, INSERT_RUN_TIME, INSERT_VECTORS, RowBatch, Writer

SELECT_ANSWERS = f"SELECT {CHECKED_COLUMNS}, checksum FROM answers WHERE "
BY_KEY = "key IN ({})"
BY_INDEX = "rowid IN (SELECT answer_row FROM answer_index WHERE key IN ({}))"
SELECT_VECTORS = "SELECT key, vector, checksum FROM embeddings WHERE key IN ({})"
KEYS_PER_QUERY = 500


class Journal:
    """Answers by request key, embeddings by text key. A context manager; reads from any thread, writes in one.

    Opening locks the folder: raises RunLocked while another run holds the lock, UsageError where another program's file
    has the journal's name, JournalError where the folder is read-only, the disk is full or the file is corrupt.
    `damaged` are the keys whose stored answers failed their checksum: they count as not stored. `seconds` is the time
    that earlier runs in the folder took, 0 where it is damaged.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Open or create the journal of `folder`; `fresh` first moves an existing one to the path `aside`."""
        self.path = folder / FILE
        self.damaged: set[str] = set()
        self._lock = lock(folder)
        try:
            refuse_other_file(folder)
            self.aside = move_aside(folder) if fresh else None
            self._reader = connect(self.path)
            create_tables(self._reader)
            self._index = AnswerIndex(self._reader)
            stored = self._reader.execute("SELECT seconds FROM run_time WHERE id = 1").fetchone()
            self._writer = Writer(self.path)
        except DATABASE_ERRORS as error:
            os.close(self._lock)
            raise journal_error(self.path, error) from error
        except TextSynthError:
            os.close(self._lock)
            raise
        self.seconds = _run_seconds(stored)
        self._reader_lock = threading.Lock()
        self._pending: RowBatch | None = None
        self._pending_futures: list[asyncio.Future[None]] = []

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what was queued, close the file and unlock the folder."""
        self._writer.close()
        with self._reader_lock:
            self._reader.close()
        os.close(self._lock)

    def find_answers(self, keys: Sequence[str]) -> dict[str, Completion]:
        """Return the stored completions of those `keys` that have one, and whose checksum is right."""
        with self._reading() as reader:
            self._index.refresh()
            query = SELECT_ANSWERS + (BY_KEY if self._index.ordered else BY_INDEX)
            try:
                rows = _select(reader, query, keys)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                rows = self._select_decodable(reader, query, keys)
        answers: dict[str, Completion] = {}
        for key, *values, checksum in rows:
            completion = _parse_answer(key, values, checksum)
            if completion is None:
                self.damaged.add(str(key))
            else:
                answers[key] = completion
        return answers

    def _select_decodable(self, reader: sqlite3.Connection, query: str, keys: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return the rows one by one, without those that a flipped bit made invalid UTF-8."""
        rows: list[tuple[Any, ...]] = []
        for key in keys:
            try:
                rows += _select(reader, query, [key])
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                self.damaged.add(key)
        return rows

    def answers_sum(self) -> str:
        """Return the number of stored answers and the sum of their checksums, which two journals rarely share."""
        self.put({})  # waits until everything that was queued is on disk
        with self._reading() as reader:
            count, checksums = reader.execute("SELECT count(*), coalesce(sum(checksum), 0) FROM answers").fetchone()
        return f"{count} {checksums}"

    def has_damaged_answers(self) -> bool:
        """Whether an answer that is stored fails its checksum; reads all of them."""
        with self._reading() as reader:
            try:
                rows = reader.execute(f"SELECT {CHECKED_COLUMNS}, checksum FROM answers")
                return any(_parse_answer(key, values, checksum) is None for key, *values, checksum in rows)
            except sqlite3.OperationalError as error:
                if "decode" not in str(error):
                    raise
                return True

    async def add_answer(self, request: ModelRequest, completion: Completion, *, model: str) -> None:
        """Store an answer; returns when it is on disk. Raises JournalError where it cannot be stored."""
        loop = asyncio.get_running_loop()
        stored: asyncio.Future[None] = loop.create_future()
        failure = completion.failure
        checked = (
            request.key,
            valid_unicode(completion.text),
            completion.finish,
            completion.prompt_tokens,
            completion.completion_tokens,
            None if failure is None else valid_unicode(failure),
            None if completion.scores is None else valid_unicode(_format_scores(completion.scores)),
            completion.engine,
        )
        key, *values = checked
        row = (key, _format_model(model), _format_prompt(request.prompt), *values, answer_checksum(*checked))
        if self._pending is None or self._pending.loop is not loop:
            self._pending_futures = []
            self._pending = RowBatch(INSERT_ANSWERS, [], self._pending_futures, loop)
            loop.call_soon(self._submit, self._pending)
        self._pending.rows.append(row)
        self._pending_futures.append(stored)
        await stored

    def _submit(self, batch: RowBatch) -> None:
        """Give the writer all answers of one turn of the event loop, so that it is woken once."""
        if self._pending is batch:
            self._pending = None
        self._writer.put(batch)

    async def flush(self) -> None:
        """Wait until every answer that was added is on disk, also one that nothing waits for any more."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # answers of this turn of the event loop are submitted at its end
        stored: asyncio.Future[None] = loop.create_future()
        self._writer.put(RowBatch(INSERT_ANSWERS, [], [stored], loop))
        await stored

    def record_seconds(self, seconds: float) -> None:
        """Store soon how many seconds the runs in the folder have taken, earlier ones too."""
        self._writer.put(RowBatch(INSERT_RUN_TIME, [(1, seconds)], [], None))

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the stored embeddings of those `keys` that have one, as the bytes that were put; no damaged ones."""
        with self._reading() as reader:
            rows = _select(reader, SELECT_VECTORS, keys)
        return {key: vector for key, vector, checksum in rows if _is_intact(key, vector, checksum)}

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Store embeddings in one transaction; returns when they are on disk. Not for the event loop's thread."""
        stored: Future[None] = Future()
        rows: list[tuple[object, ...]] = [
            (key, vector, vector_checksum(key, vector)) for key, vector in vectors.items()
        ]
        self._writer.put(RowBatch(INSERT_VECTORS, rows, [stored], None))
        stored.result()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._reader_lock:
                yield self._reader
        except DATABASE_ERRORS as error:
            raise journal_error(self.path, error) from error


def _run_seconds(stored: tuple[Any] | None) -> float:
    seconds = 0.0 if stored is None else stored[0]
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < math.inf else 0.0


def _select(reader: sqlite3.Connection, query: str, keys: Sequence[str] | Sequence[bytes]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), KEYS_PER_QUERY):
        part = keys[start : start + KEYS_PER_QUERY]
        rows += reader.execute(query.format(",".join("?" * len(part))), part).fetchall()
    return rows


def _parse_answer(key: object, values: Sequence[Any], checksum: object) -> Completion | None:
    """Return a stored answer, None for one that was damaged."""
    try:
        text, finish, prompt_tokens, completion_tokens, failure, scores, engine = values
        if checksum != answer_checksum(str(key), *values):
            return None
        parsed = None if scores is None else _parse_scores(scores)
    except (TypeError, ValueError, LookupError, RecursionError):
        return None
    return Completion(text, finish, prompt_tokens, completion_tokens, failure, parsed, engine)


def _is_intact(key: object, vector: object, checksum: object) -> bool:
    return isinstance(key, bytes) and isinstance(vector, bytes) and checksum == vector_checksum(key, vector)


@lru_cache(maxsize=1024)  # one prompt is often sent many times
def _format_prompt(prompt: RenderedPrompt) -> str:
    return valid_unicode(redact_stored(json.dumps(prompt.messages or prompt.text, ensure_ascii=False)))


@lru_cache(maxsize=64)
def _format_model(model: str) -> str:
    return valid_unicode(redact_stored(model))


def _format_scores(scores: OptionScores) -> str:
    return json.dumps(
        {"known": dict(scores.logprobs), "bound": scores.upper_bound, "exact": scores.exact}, ensure_ascii=False
    )


def _parse_scores(text: str) -> OptionScores:
    scores = json.loads(text)
    return OptionScores(scores["known"], scores["bound"], scores["exact"])
