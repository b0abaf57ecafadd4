"""The journal's file: read beside a run, and moved aside."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.journal.kept import keep
from textsynth.core.errors import JournalError
from textsynth.core.records import Completion
from textsynth.store.journal import Journal
from textsynth.store.journal.file import journal_error, move_aside, read_answer


def test_fresh_moves_the_journal_aside_and_keeps_it(tmp_path: Path) -> None:
    assert move_aside(tmp_path) is None
    for turn in (1, 2):
        with Journal(tmp_path) as journal:
            keep(journal, ("a", Completion(f"turn {turn}")))
        assert move_aside(tmp_path) == tmp_path / f"journal-{turn}.sqlite"
    with sqlite3.connect(tmp_path / "journal-1.sqlite") as old:
        assert old.execute("SELECT answer FROM answers").fetchall() == [("turn 1",)]
    old.close()


def test_one_answer_is_read_beside_a_running_run(tmp_path: Path) -> None:
    assert read_answer(tmp_path, "a") is None
    with Journal(tmp_path) as journal:
        keep(journal, ("a", Completion("text", "stop", 5, 3)))
        found = read_answer(tmp_path, "a")
        assert read_answer(tmp_path, "b") is None
    assert found is not None
    assert found["prompt"] == [["user", "Write one."]]
    assert (found["model"], found["answer"], found["completion_tokens"]) == ("m", "text", 3)


@pytest.mark.parametrize(
    ("fault", "hint"),
    [
        (sqlite3.OperationalError("database or disk is full"), "free some room and run again"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "give another one with --out"),
        (sqlite3.DatabaseError("database disk image is malformed"), "run with --fresh"),
        (sqlite3.OperationalError("database is locked"), "run again to go on from the last kept answer"),
    ],
)
def test_each_trouble_says_what_helps(fault: sqlite3.Error, hint: str) -> None:
    told = journal_error(Path("run/journal.sqlite"), fault)
    assert isinstance(told, JournalError)
    assert str(told).startswith(f"run/journal.sqlite: the journal failed: {fault}; ")
    assert hint in str(told)
