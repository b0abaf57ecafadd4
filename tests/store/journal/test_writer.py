"""The writer: everything queued is one commit, and each future is resolved when its rows are on disk, or fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from textsynth.core.errors import JournalError
from textsynth.store.journal.file import connect, create_tables
from textsynth.store.journal.writer import INSERT_ANSWERS, INSERT_VECTORS, RowBatch, Writer


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    connection = connect(tmp_path / "journal.sqlite")
    create_tables(connection)
    yield tmp_path / "journal.sqlite"
    connection.close()


def answer_row(key: str, text: str) -> tuple[object, ...]:
    return key, "m", "{}", text, "stop", 1, 1, None, None, "", 0


def put(writer: Writer, statement: str, rows: list[tuple[object, ...]]) -> Future[None]:
    future: Future[None] = Future()
    writer.put(RowBatch(statement, rows, [future], None))
    return future


def stored_keys(path: Path, table: str) -> set[object]:
    with sqlite3.connect(path) as reader:
        keys = {row[0] for row in reader.execute(f"SELECT key FROM {table}")}
    reader.close()
    return keys


def test_a_future_is_resolved_when_its_rows_are_on_disk(path: Path) -> None:
    writer = Writer(path)
    put(writer, INSERT_ANSWERS, [answer_row("a", "x"), answer_row("b", "y")]).result(10)
    assert stored_keys(path, "answers") == {"a", "b"}
    put(writer, INSERT_VECTORS, [(b"v", b"1", 0)]).result(10)
    assert stored_keys(path, "embeddings") == {b"v"}
    writer.close()


def test_more_rows_than_one_statement_takes_are_inserted_in_several(path: Path) -> None:
    writer = Writer(path)
    put(writer, INSERT_ANSWERS, [answer_row(f"k{n}", "x") for n in range(30_000)]).result(60)
    assert len(stored_keys(path, "answers")) == 30_000
    writer.close()


def test_closing_commits_what_was_queued_also_where_the_future_was_cancelled(path: Path) -> None:
    async def put_and_cancel(writer: Writer) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.cancel()
        writer.put(RowBatch(INSERT_ANSWERS, [answer_row("a", "x")], [future], asyncio.get_running_loop()))

    writer = Writer(path)
    asyncio.run(put_and_cancel(writer))
    put(writer, INSERT_ANSWERS, [])
    writer.close()
    assert stored_keys(path, "answers") == {"a"}


def test_a_full_disk_is_one_sentence_and_earlier_rows_stay(path: Path) -> None:
    """SQLite's own page limit gives the error of a full disk without filling one."""
    writer = Writer(path)
    put(writer, INSERT_ANSWERS, [answer_row("before", "stored")]).result(10)
    pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
    writer._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(JournalError, match="the disk is full or failing; every answer stored so far is safe"):
        put(writer, INSERT_ANSWERS, [answer_row("big", "x" * 200_000)]).result(10)
    with pytest.raises(JournalError, match="full"):
        put(writer, INSERT_ANSWERS, [answer_row("after", "small")]).result(10)
    writer.close()
    assert stored_keys(path, "answers") == {"before"}
