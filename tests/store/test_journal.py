from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.journal.kept import keep
from textsynth.core.errors import JournalError, RunLocked
from textsynth.core.records import Completion, OptionScores
from textsynth.store.journal import Journal
from textsynth.store.journal.file import read_answer


def test_answers_come_back_as_they_were_kept(tmp_path: Path) -> None:
    answer = Completion("Où est ma carte ?\n2. naïve", "length", 12, 7)
    failed = Completion("", failure="the prompt is too long")
    with Journal(tmp_path) as journal:
        keep(journal, ("a", answer), ("b", failed))
        assert journal.find_answers(["a", "b", "c"]) == {"a": answer, "b": failed}
    with Journal(tmp_path) as journal:
        assert journal.find_answers(["a"]) == {"a": answer}


def test_log_probabilities_and_the_engine_are_kept_with_the_answer(tmp_path: Path) -> None:
    scored = Completion(
        "", "stop", 9, 1, scores=OptionScores({"A": -0.25, "B": -1.5}, -7.5, exact=True), engine="vllm-0.32.0"
    )
    with Journal(tmp_path) as journal:
        keep(journal, ("a", scored))
    with Journal(tmp_path) as journal:
        assert journal.find_answers(["a"]) == {"a": scored}


def test_a_journal_from_before_opens_with_all_its_answers_and_takes_new_ones(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "journal.sqlite")
    old.executescript("""
        CREATE TABLE answers (
            key TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL, finish TEXT NOT NULL,
            prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, failure TEXT) WITHOUT ROWID;
        CREATE TABLE embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID;
        INSERT INTO answers VALUES ('old', 'm', '"x"', 'kept', 'stop', 5, 3, NULL);
        PRAGMA user_version = 1;""")
    old.close()
    assert read_answer(tmp_path, "old")
    for _ in range(2):
        with Journal(tmp_path) as journal:
            keep(journal, ("new", Completion("text", scores=OptionScores({"A": 0.0}))))
            found = journal.find_answers(["old", "new"])
            assert found["old"] == Completion("kept", "stop", 5, 3)
            assert found["new"].scores == OptionScores({"A": 0.0})


def test_a_lone_surrogate_does_not_stop_the_journal(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        keep(journal, ("a", Completion("half \ud83d a face")))
        assert journal.find_answers(["a"])["a"].text == "half ? a face"


def test_the_last_of_several_answers_with_one_key_counts(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for text in ("first", "second", "third"):
            keep(journal, ("a", Completion(text)))
            assert journal.find_answers(["a"]) == {"a": Completion(text)}
    with Journal(tmp_path) as journal:
        assert journal.find_answers(["a"]) == {"a": Completion("third")}
    found = read_answer(tmp_path, "a")
    assert found is not None
    assert found["answer"] == "third"


def test_answers_kept_between_two_looks_are_found(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for turn in range(3):
            keys = [f"{turn}-{n}" for n in range(40)]
            assert journal.find_answers(keys) == {}
            keep(journal, *((key, Completion(key)) for key in keys[::2]))
            assert set(journal.find_answers(keys)) == set(keys[::2])


def test_many_keys_are_looked_up_in_pieces(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        keep(journal, *((f"k{n}", Completion(f"t{n}")) for n in range(1203)))
        found = journal.find_answers([f"k{n}" for n in range(2000)])
    assert len(found) == 1203
    assert found["k1202"].text == "t1202"


def test_embeddings_round_trip_to_the_byte(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.put({b"x": b"\x00\x01\xff", b"y": b"\x7f"})
        assert journal.get([b"x", b"y", b"z"]) == {b"x": b"\x00\x01\xff", b"y": b"\x7f"}


def test_a_second_run_in_the_folder_says_so(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(RunLocked, match="another run is at work in this folder"):
        Journal(tmp_path)
    Journal(tmp_path).close()


def test_a_damaged_file_is_one_sentence_and_stays_as_it_is(tmp_path: Path) -> None:
    damaged = b"this was never a database " * 100
    (tmp_path / "journal.sqlite").write_bytes(damaged)
    with pytest.raises(JournalError, match=r"the file is damaged; move it away or run with --fresh"):
        Journal(tmp_path)
    assert (tmp_path / "journal.sqlite").read_bytes() == damaged
    with pytest.raises(JournalError, match="damaged"):
        read_answer(tmp_path, "a")
    (tmp_path / "journal.sqlite").unlink()
    Journal(tmp_path).close()


def test_what_was_reported_as_kept_survives_kill_9(tmp_path: Path) -> None:
    script = f"""
import asyncio, os, pathlib, signal
from textsynth.store.journal import Journal
from textsynth.core.records import Completion, RenderedPrompt, ModelRequest, Sampling
journal = Journal(pathlib.Path({str(tmp_path)!r}))
async def work():
    async def one(n):
        request = ModelRequest(f"k{{n}}", RenderedPrompt("p", "f", text="x"), Sampling())
        await journal.keep(request, Completion(f"t{{n}}"), model="m")
        os.write(1, f"k{{n}}\\n".encode())
        if n == 150:
            os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.gather(*(one(n) for n in range(300)))
asyncio.run(work())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -9
    reported = done.stdout.split()
    assert "k150" in reported
    with Journal(tmp_path) as journal:
        assert set(journal.find_answers(reported)) == set(reported)


def test_fresh_does_not_touch_the_journal_of_a_run_at_work(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        keep(journal, ("a", Completion("text")))
        with pytest.raises(RunLocked):
            Journal(tmp_path, fresh=True)
        assert journal.find_answers(["a"])
    with Journal(tmp_path, fresh=True) as journal:
        assert journal.aside == tmp_path / "journal-1.sqlite"
        assert not journal.find_answers(["a"])
