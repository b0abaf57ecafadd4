from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from textsynth.core.errors import RunError, UsageError
from textsynth.evaluate.cache import FILE, PredictionCache

MANY_VALUES = {f"key {number}".encode(): bytes(3000) + str(number).encode() for number in range(1200)}


def test_stored_values_are_read_by_the_next_cache_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"
    with closing(PredictionCache(folder)) as cache:
        assert cache.get([*MANY_VALUES]) == {}
        cache.put(MANY_VALUES)
        cache.put({b"key 1": b"another value", b"": b""})
    with closing(PredictionCache(folder)) as cache:
        assert cache.get([*MANY_VALUES, b"never stored"]) == {**MANY_VALUES, b"key 1": b"another value"}
        assert cache.get([b""]) == {b"": b""}
        assert cache.get([]) == {}


def test_without_a_folder_no_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(PredictionCache(None)) as cache:
        cache.put(MANY_VALUES)
        assert cache.get([*MANY_VALUES]) == MANY_VALUES
    assert list(tmp_path.iterdir()) == []


def fill(folder: Path) -> bytes:
    """Fill the cache of a folder and return the content of its file."""
    with closing(PredictionCache(folder)) as cache:
        cache.put(MANY_VALUES)
    return (folder / FILE).read_bytes()


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    content = fill(tmp_path)
    overwritten = content[:8192] + b"\xff" * 40_000 + content[48_192:]
    for damaged in (b"no database " * 1000, b"", content[:5000], content[: len(content) // 2], overwritten):
        (tmp_path / FILE).write_bytes(damaged)
        with closing(PredictionCache(tmp_path)) as cache:
            assert cache.get([*MANY_VALUES]) == {}
            cache.put({b"key 1": b"again"})
            assert cache.get([*MANY_VALUES]) == {b"key 1": b"again"}


def test_a_file_whose_damage_shows_only_on_writing_is_replaced(tmp_path: Path) -> None:
    content = fill(tmp_path)
    (tmp_path / FILE).write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with closing(PredictionCache(tmp_path)) as cache:
        cache.put(MANY_VALUES)
        assert cache.get([*MANY_VALUES]) == MANY_VALUES


@pytest.mark.parametrize("seed", range(50))
def test_flipped_bits_never_change_a_value(tmp_path: Path, seed: int) -> None:
    values = {b"key %d" % number: b"value %d " % number * 20 for number in range(200)}
    with closing(PredictionCache(tmp_path)) as cache:
        cache.put(values)
    content, chance = bytearray((tmp_path / FILE).read_bytes()), random.Random(seed)
    for _ in range(50):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    (tmp_path / FILE).write_bytes(content)
    with closing(PredictionCache(tmp_path)) as cache:
        assert cache.get([*values]).items() <= values.items()
        cache.put(values)
        assert cache.get([*values]).items() <= values.items()


def test_values_without_a_checksum_are_computed_again(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE cache SET value = substr(value, 5)")
    with closing(PredictionCache(tmp_path)) as cache:
        assert cache.get([*MANY_VALUES]) == {}


def test_a_file_that_may_be_somebody_elses_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("precious")
    fill(tmp_path)
    assert (tmp_path / "evaluate-1.sqlite").read_text() == "precious"
    (tmp_path / FILE).write_text("precious, too")
    fill(tmp_path)
    assert (tmp_path / "evaluate-2.sqlite").read_text() == "precious, too"


def test_a_database_of_another_program_is_refused_unchanged(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("CREATE TABLE mine (a)")
    content = (tmp_path / FILE).read_bytes()
    with pytest.raises(UsageError, match=r"a database of another program.*'mine'.*the prediction cache would be"):
        PredictionCache(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


@pytest.mark.parametrize(("kind", "found"), [("folder", "no regular file"), ("link", "a symbolic link")])
def test_a_link_or_a_folder_in_place_of_the_file_is_refused(tmp_path: Path, kind: str, found: str) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    if kind == "folder":
        (tmp_path / FILE).mkdir()
    else:
        (tmp_path / FILE).symlink_to(target)
    with pytest.raises(UsageError, match=found):
        PredictionCache(tmp_path)
    assert target.read_text() == "precious"


def test_an_error_of_the_file_system_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.write_text("a file in place of the folder")
    message = rf"run/{FILE}: the prediction cache cannot be written: .+; free some space"
    with pytest.raises(RunError, match=message) as error:
        PredictionCache(folder)
    assert "\n" not in str(error.value)


def test_two_caches_may_write_to_one_file(tmp_path: Path) -> None:
    with closing(PredictionCache(tmp_path)) as first, closing(PredictionCache(tmp_path)) as second:
        first.put({b"one": b"1"})
        second.put({b"two": b"2"})
        assert first.get([b"one", b"two"]) == second.get([b"one", b"two"]) == {b"one": b"1", b"two": b"2"}
