"""The writer: all that has gathered in one commit, each told when it is on disk, or why it is not."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from textsynth.core.errors import JournalError
from textsynth.store.journal.file import connect, make_tables
from textsynth.store.journal.writer import PUT_ANSWERS, PUT_VECTORS, Rows, Writer


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    connection = connect(tmp_path / "journal.sqlite")
    make_tables(connection)
    yield tmp_path / "journal.sqlite"
    connection.close()


def answer(key: str, text: str) -> tuple[object, ...]:
    return key, "m", "{}", text, "stop", 1, 1, None, None, ""


def put(writer: Writer, statement: str, rows: list[tuple[object, ...]]) -> Future[None]:
    waiting: Future[None] = Future()
    writer.put(Rows(statement, rows, [waiting], None))
    return waiting


def kept(path: Path, table: str) -> set[object]:
    with sqlite3.connect(path) as reader:
        found = {row[0] for row in reader.execute(f"SELECT key FROM {table}")}
    reader.close()
    return found


def test_who_waits_is_told_when_the_rows_are_on_disk(path: Path) -> None:
    writer = Writer(path)
    put(writer, PUT_ANSWERS, [answer("a", "x"), answer("b", "y")]).result(10)
    assert kept(path, "answers") == {"a", "b"}
    put(writer, PUT_VECTORS, [(b"v", b"1")]).result(10)
    assert kept(path, "embeddings") == {b"v"}
    writer.close()


def test_more_rows_than_a_statement_takes_are_put_in_several(path: Path) -> None:
    writer = Writer(path)
    put(writer, PUT_ANSWERS, [answer(f"k{n}", "x") for n in range(30_000)]).result(60)
    assert len(kept(path, "answers")) == 30_000
    writer.close()


def test_closing_commits_what_has_gathered_also_where_nobody_waits_any_more(path: Path) -> None:
    async def leave(writer: Writer) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.cancel()
        writer.put(Rows(PUT_ANSWERS, [answer("a", "x")], [waiting], asyncio.get_running_loop()))

    writer = Writer(path)
    asyncio.run(leave(writer))
    put(writer, PUT_ANSWERS, [])
    writer.close()
    assert kept(path, "answers") == {"a"}


def test_a_full_disk_is_one_sentence_and_what_was_kept_stays(path: Path) -> None:
    """SQLite's own page limit gives the error of a full disk without filling one."""
    writer = Writer(path)
    put(writer, PUT_ANSWERS, [answer("before", "kept")]).result(10)
    pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
    writer._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(JournalError, match="the disk is full or failing; every answer kept so far is safe"):
        put(writer, PUT_ANSWERS, [answer("big", "x" * 200_000)]).result(10)
    with pytest.raises(JournalError, match="full"):
        put(writer, PUT_ANSWERS, [answer("after", "small")]).result(10)
    writer.close()
    assert kept(path, "answers") == {"before"}
