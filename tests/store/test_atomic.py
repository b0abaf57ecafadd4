from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from textsynth.core.errors import RunError
from textsynth.store.atomic import open_atomic, write_json, write_text_atomic


def test_a_file_is_written_and_replaced_without_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_text_atomic(path, "old")
    write_text_atomic(path, "é 亀\n")
    assert path.read_text(encoding="utf-8") == "é 亀\n"
    assert list(tmp_path.iterdir()) == [path]


def test_json_ends_with_a_newline_and_keeps_unicode(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "亀"}, indent=1)
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "name": "亀"\n}\n'


def test_half_a_surrogate_pair_becomes_a_question_mark(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"reason": "odd \ud800 reason"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"reason": "odd ? reason"}


def test_the_old_file_stays_while_the_new_one_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with open_atomic(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_an_exception_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with open_atomic(path, error="the file cannot be written") as file:
            file.write("half")
            raise KeyboardInterrupt

    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_os_error_is_the_callers_sentence_or_raised_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RunError) as caught:
        write_text_atomic(path, "new", error="the report cannot be written")
    assert (
        str(caught.value)
        == f"{path}: the report cannot be written: No space left on device; free some space, or write to another disk"
    )
    with pytest.raises(OSError, match="No space left"):
        write_text_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_callers_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a\.txt: the file cannot be written: No such file"):
        write_text_atomic(tmp_path / "missing" / "a.txt", "x", error="the file cannot be written")


def test_permissions_can_be_limited_to_the_owner(tmp_path: Path) -> None:
    write_text_atomic(tmp_path / "key", "secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
