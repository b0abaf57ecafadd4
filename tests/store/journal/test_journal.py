from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.journal.answers import add_answers
from textsynth.core.errors import JournalError, RunLocked
from textsynth.core.records import Completion, OptionScores
from textsynth.store.journal import Journal
from textsynth.store.journal.file import read_answer


def test_answers_are_found_as_they_were_stored(tmp_path: Path) -> None:
    answer = Completion("Où est ma carte ?\n2. naïve", "length", 12, 7)
    failed = Completion("", failure="the prompt is too long")
    with Journal(tmp_path) as journal:
        add_answers(journal, ("a", answer), ("b", failed))
        assert journal.find_answers(["a", "b", "c"]) == {"a": answer, "b": failed}
    with Journal(tmp_path) as journal:
        assert journal.find_answers(["a"]) == {"a": answer}


def test_log_probabilities_and_engine_are_stored_with_the_answer(tmp_path: Path) -> None:
    scored = Completion(
        "", "stop", 9, 1, scores=OptionScores({"A": -0.25, "B": -1.5}, -7.5, exact=True), engine="vllm-0.32.0"
    )
    with Journal(tmp_path) as journal:
        add_answers(journal, ("a", scored))
    with Journal(tmp_path) as journal:
        assert journal.find_answers(["a"]) == {"a": scored}


def test_a_journal_of_format_1_keeps_its_answers_and_takes_new_ones(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "journal.sqlite")
    old.executescript("""
        CREATE TABLE answers (
            key TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL, finish TEXT NOT NULL,
            prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, failure TEXT) WITHOUT ROWID;
        CREATE TABLE embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
        INSERT INTO answers VALUES ('old', 'm', '"x"', 'stored', 'stop', 5, 3, NULL);
        PRAGMA user_version = 1;""")
    old.close()
    assert read_answer(tmp_path, "old")
    for _ in range(2):
        with Journal(tmp_path) as journal:
            add_answers(journal, ("new", Completion("text", scores=OptionScores({"A": 0.0}))))
            answers = journal.find_answers(["old", "new"])
            assert answers["old"] == Completion("stored", "stop", 5, 3)
            assert answers["new"].scores == OptionScores({"A": 0.0})


def test_a_lone_surrogate_becomes_a_question_mark(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        add_answers(journal, ("a", Completion("half \ud83d a face")))
        assert journal.find_answers(["a"])["a"].text == "half ? a face"


def test_the_last_of_several_answers_with_one_key_counts(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for text in ("first", "second", "third"):
            add_answers(journal, ("a", Completion(text)))
            assert journal.find_answers(["a"]) == {"a": Completion(text)}
    with Journal(tmp_path) as journal:
        assert journal.find_answers(["a"]) == {"a": Completion("third")}
    answer = read_answer(tmp_path, "a")
    assert answer is not None
    assert answer["answer"] == "third"


def test_answers_stored_between_two_searches_are_found(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for search in range(3):
            keys = [f"{search}-{n}" for n in range(40)]
            assert journal.find_answers(keys) == {}
            add_answers(journal, *((key, Completion(key)) for key in keys[::2]))
            assert set(journal.find_answers(keys)) == set(keys[::2])


def test_many_keys_are_found_with_several_queries(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        add_answers(journal, *((f"k{n}", Completion(f"t{n}")) for n in range(1203)))
        answers = journal.find_answers([f"k{n}" for n in range(2000)])
    assert len(answers) == 1203
    assert answers["k1202"].text == "t1202"


def test_embeddings_are_found_byte_for_byte(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.put({b"x": b"\x00\x01\xff", b"y": b"\x7f"})
        assert journal.get([b"x", b"y", b"z"]) == {b"x": b"\x00\x01\xff", b"y": b"\x7f"}


def test_a_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(RunLocked, match="another run is using this folder"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_damaged_file_is_one_sentence_and_is_not_changed(tmp_path: Path) -> None:
    damaged = b"this was never a database " * 100
    (tmp_path / "journal.sqlite").write_bytes(damaged)
    with pytest.raises(JournalError, match=r"the file is damaged; move it away, or run with --fresh"):
        Journal(tmp_path)
    assert (tmp_path / "journal.sqlite").read_bytes() == damaged
    with pytest.raises(JournalError, match="damaged"):
        read_answer(tmp_path, "a")
    (tmp_path / "journal.sqlite").unlink()
    Journal(tmp_path).close()


@pytest.mark.parametrize("seconds", ["a text", float("inf"), -3.0, b"3"])
def test_a_damaged_time_of_earlier_runs_counts_as_none(seconds: object, tmp_path: Path) -> None:
    Journal(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.sqlite") as connection:
        connection.execute("INSERT OR REPLACE INTO run_time VALUES (1, ?)", (seconds,))
    connection.close()
    with Journal(tmp_path) as journal:
        assert journal.seconds == 0.0


def test_an_answer_reported_as_stored_survives_kill_9(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, pathlib, signal
from textsynth.store.journal import Journal
from textsynth.core.records import Completion, RenderedPrompt, ModelRequest, Sampling
journal = Journal(pathlib.Path({str(tmp_path)!r}))
async def add_all():
    async def add(n):
        request = ModelRequest(f"k{{n}}", RenderedPrompt("p", "f", text="x"), Sampling())
        await journal.add_answer(request, Completion(f"t{{n}}"), model="m")
        os.write(1, f"k{{n}}\\n".encode())
        if n == 150:
            os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.gather(*(add(n) for n in range(300)))
asyncio.run(add_all())
"""
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert process.returncode == -9
    reported = process.stdout.split()
    assert "k150" in reported
    with Journal(tmp_path) as journal:
        assert set(journal.find_answers(reported)) == set(reported)


def test_fresh_does_not_move_the_journal_of_a_running_run(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        add_answers(journal, ("a", Completion("text")))
        with pytest.raises(RunLocked):
            Journal(tmp_path, fresh=True)
        assert journal.find_answers(["a"])
    with Journal(tmp_path, fresh=True) as journal:
        assert journal.aside == tmp_path / "journal-1.sqlite"
        assert not journal.find_answers(["a"])
