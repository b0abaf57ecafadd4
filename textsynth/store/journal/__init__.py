"""The journal of a run: every answer and every embedding on disk, in SQLite, before it counts.

One writer thread commits whatever has gathered since its last commit (group commit, WAL, synchronous FULL: about
half a millisecond a commit here), so an answer that was reported as kept survives `kill -9` and a power cut. It is
the run's only memory: going on means running again and finding the answers here.
"""

from __future__ import annotations

import asyncio
import json
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

from textsynth.core.formatting import valid_unicode
from textsynth.core.records import Completion, ModelRequest, OptionScores, RenderedPrompt
from textsynth.store.journal.file import AnswerIndex, connect, journal_error, lock, make_tables, move_aside
from textsynth.store.journal.writer import PUT_ANSWERS, PUT_VECTORS, Rows, Writer

GET_ANSWERS = """\
SELECT key, answer, finish, prompt_tokens, completion_tokens, failure, scores, engine FROM answers WHERE """
IN_ORDER = "key IN ({})"
BY_PLACE = "rowid IN (SELECT place FROM places WHERE key IN ({}))"
GET_VECTORS = "SELECT key, vector FROM embeddings WHERE key IN ({})"
A_QUERY = 500


class Journal:
    """Answers by request key, embeddings by text key. A context manager; reads from any thread, writes in one.

    Opening takes the folder's lock: raises RunLocked while another run holds it, JournalError where the folder is
    read-only, the disk is full or the file is corrupt.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Open or make the journal of `folder`; `fresh` moves the one that is there aside first (see `aside`)."""
        self.path = folder / "journal.sqlite"
        self._lock = lock(folder)
        self.aside = move_aside(folder) if fresh else None
        try:
            self._reader = connect(self.path)
            make_tables(self._reader)
            self._places = AnswerIndex(self._reader)
            self._writer = Writer(self.path)
        except sqlite3.Error as fault:
            os.close(self._lock)
            raise journal_error(self.path, fault) from fault
        self._reading = threading.Lock()
        self._gathering: tuple[Rows, list[asyncio.Future[None]]] | None = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is waiting, close the file and let go of the folder."""
        self._writer.close()
        with self._reading:
            self._reader.close()
        os.close(self._lock)

    def find_answers(self, keys: Sequence[str]) -> dict[str, Completion]:
        """Return the kept completions among `keys`."""
        with self._asking() as reader:
            self._places.refresh()
            rows = _rows(reader, GET_ANSWERS + (IN_ORDER if self._places.ordered else BY_PLACE), keys)
        return {
            key: Completion(answer, finish, sent, got, failure, None if scores is None else _scores(scores), engine)
            for key, answer, finish, sent, got, failure, scores, engine in rows
        }

    async def add_answer(self, request: ModelRequest, completion: Completion, *, model: str) -> None:
        """Write an answer; returns when it is on disk. Raises JournalError when it cannot be."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[None] = loop.create_future()
        failure = completion.failure
        row = (
            request.key, valid_unicode(model), _told(request.prompt), valid_unicode(completion.text), completion.finish,
            completion.prompt_tokens, completion.completion_tokens, None if failure is None else valid_unicode(failure),
            None if completion.scores is None else valid_unicode(_scores_text(completion.scores)), completion.engine,
        )  # fmt: skip
        if self._gathering is None or self._gathering[0].loop is not loop:
            waiting: list[asyncio.Future[None]] = []
            self._gathering = Rows(PUT_ANSWERS, [], waiting, loop), waiting
            loop.call_soon(self._hand_over, self._gathering[0])
        rows, ones = self._gathering
        rows.rows.append(row)
        ones.append(kept)
        await kept

    def _hand_over(self, rows: Rows) -> None:
        """Wake the writer once for all answers that one turn of the loop brought."""
        if self._gathering is not None and self._gathering[0] is rows:
            self._gathering = None
        self._writer.put(rows)

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the kept embeddings among `keys`, as the bytes that were put."""
        with self._asking() as reader:
            return dict(_rows(reader, GET_VECTORS, keys))

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Write embeddings in one transaction; returns when they are on disk. Not for the event loop's thread."""
        waiting: Future[None] = Future()
        self._writer.put(Rows(PUT_VECTORS, list(vectors.items()), [waiting], None))
        waiting.result()

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._reading:
                yield self._reader
        except sqlite3.Error as fault:
            raise journal_error(self.path, fault) from fault


def _rows(reader: sqlite3.Connection, query: str, keys: Sequence[str] | Sequence[bytes]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), A_QUERY):
        some = keys[start : start + A_QUERY]
        found += reader.execute(query.format(",".join("?" * len(some))), some).fetchall()
    return found


@lru_cache(maxsize=1024)  # one prompt is asked many times
def _told(prompt: RenderedPrompt) -> str:
    return valid_unicode(json.dumps(prompt.messages or prompt.text, ensure_ascii=False))


def _scores_text(scores: OptionScores) -> str:
    return json.dumps(
        {"known": dict(scores.logprobs), "bound": scores.upper_bound, "exact": scores.exact}, ensure_ascii=False
    )


def _scores(text: str) -> OptionScores:
    told = json.loads(text)
    return OptionScores(told["known"], told["bound"], told["exact"])
