"""The journal's file: one answer read beside a run, the file moved aside, errors as sentences."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.store.journal.answers import add_answers
from textsynth.core.errors import JournalError
from textsynth.core.records import Completion
from textsynth.store.journal import Journal
from textsynth.store.journal.file import journal_error, move_aside, read_answer


def test_a_journal_is_moved_aside_and_kept(tmp_path: Path) -> None:
    assert move_aside(tmp_path) is None
    for number in (1, 2):
        with Journal(tmp_path) as journal:
            add_answers(journal, ("a", Completion(f"run {number}")))
        assert move_aside(tmp_path) == tmp_path / f"journal-{number}.sqlite"
    with sqlite3.connect(tmp_path / "journal-1.sqlite") as first:
        assert first.execute("SELECT answer FROM answers").fetchall() == [("run 1",)]
    first.close()


def test_one_answer_is_read_while_a_run_has_the_journal_open(tmp_path: Path) -> None:
    assert read_answer(tmp_path, "a") is None
    with Journal(tmp_path) as journal:
        add_answers(journal, ("a", Completion("text", "stop", 5, 3)))
        answer = read_answer(tmp_path, "a")
        assert read_answer(tmp_path, "b") is None
    assert answer is not None
    assert answer["prompt"] == [["user", "Write one."]]
    assert (answer["model"], answer["answer"], answer["completion_tokens"]) == ("m", "text", 3)


@pytest.mark.parametrize("prompt", ["{'a'", '{"user": "x"}', '[["user"]]', '[["user", 3]]', "7", "null"])
def test_an_answer_with_a_damaged_prompt_is_one_sentence(prompt: str, tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        add_answers(journal, ("a", Completion("text")))
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("UPDATE answers SET prompt = ?", (prompt,))
    connection.close()
    with pytest.raises(JournalError, match="the answer 'a' is damaged"):
        read_answer(tmp_path, "a")


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (sqlite3.OperationalError("database or disk is full"), "free some space and run again"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "give another one with --out"),
        (sqlite3.DatabaseError("database disk image is malformed"), "run with --fresh"),
        (sqlite3.OperationalError("database is locked"), "run again to continue from the last stored answer"),
    ],
)
def test_each_error_says_what_to_do(error: sqlite3.Error, hint: str) -> None:
    raised = journal_error(Path("run/journal.sqlite"), error)
    assert isinstance(raised, JournalError)
    assert str(raised).startswith(f"run/journal.sqlite: the journal failed: {error}; ")
    assert hint in str(raised)
