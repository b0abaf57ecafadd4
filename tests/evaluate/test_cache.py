from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from textsynth.core.errors import RunError
from textsynth.evaluate.cache import FILE, PredictionCache

MANY = {f"key {number}".encode(): bytes(3000) + str(number).encode() for number in range(1200)}


def test_what_was_put_is_there_the_next_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    with closing(PredictionCache(folder)) as memory:
        assert memory.get([*MANY]) == {}
        memory.put(MANY)
        memory.put({b"key 1": b"another value", b"": b""})
    with closing(PredictionCache(folder)) as memory:
        assert memory.get([*MANY, b"never put"]) == {**MANY, b"key 1": b"another value"}
        assert memory.get([b""]) == {b"": b""}
        assert memory.get([]) == {}


def test_without_a_folder_nothing_is_left_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(PredictionCache(None)) as memory:
        memory.put(MANY)
        assert memory.get([*MANY]) == MANY
    assert list(tmp_path.iterdir()) == []


def filled(folder: Path) -> bytes:
    """Fill the memory of a folder and return its file."""
    with closing(PredictionCache(folder)) as memory:
        memory.put(MANY)
    return (folder / FILE).read_bytes()


def test_a_damaged_file_is_made_anew(tmp_path: Path) -> None:
    good = filled(tmp_path)
    torn = good[:8192] + b"\xff" * 40_000 + good[48_192:]
    for damaged in (b"no database " * 1000, b"", good[:5000], good[: len(good) // 2], torn):
        (tmp_path / FILE).write_bytes(damaged)
        with closing(PredictionCache(tmp_path)) as memory:
            assert memory.get([*MANY]) == {}
            memory.put({b"key 1": b"again"})
            assert memory.get([*MANY]) == {b"key 1": b"again"}


def test_damage_that_shows_only_when_it_is_written_to_is_mended(tmp_path: Path) -> None:
    good = filled(tmp_path)
    (tmp_path / FILE).write_bytes(good[:8192] + b"\xff" * (len(good) - 8192))
    with closing(PredictionCache(tmp_path)) as memory:
        memory.put(MANY)
        assert memory.get([*MANY]) == MANY


@pytest.mark.parametrize("taken", ["", FILE])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path, taken: str) -> None:
    folder = tmp_path / "run"
    if taken:
        (folder / taken).mkdir(parents=True)  # a folder stands where the file should
    else:
        folder.write_text("a file stands where the folder should")
    with pytest.raises(RunError, match=rf"run/{FILE}: what was computed cannot be kept: .+; free some space") as told:
        PredictionCache(folder)
    assert "\n" not in str(told.value)


def test_a_file_that_another_process_writes_to_is_no_damage(tmp_path: Path) -> None:
    with closing(PredictionCache(tmp_path)) as memory, closing(PredictionCache(tmp_path)) as other:
        memory.put({b"one": b"1"})
        other.put({b"two": b"2"})
        assert memory.get([b"one", b"two"]) == other.get([b"one", b"two"]) == {b"one": b"1", b"two": b"2"}
