"""The list of the files that are ours: what counts as ours, and what a crash or another program's file does to it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from textsynth.core.errors import RunError, UsageError
from textsynth.store.owned_files import FILE, OwnedFiles, RunIdentity, write_owned_text


def write(folder: Path, text: str, name: str = "report.html") -> None:
    write_owned_text(folder, name, text, error="the report cannot be written")


def test_a_file_that_was_written_here_is_replaced_and_one_that_was_changed_since_is_not(tmp_path: Path) -> None:
    write(tmp_path, "first")
    write(tmp_path, "second")
    assert (tmp_path / "report.html").read_text() == "second"
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UsageError, match=r"report\.html: was changed since a run wrote it, and would be replaced"):
        write(tmp_path, "third")
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_file_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UsageError, match=r"report\.html: is no file that a run here wrote"):
        write(tmp_path, "ours")
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_link_is_not_followed_even_to_a_file_of_ours(tmp_path: Path) -> None:
    write(tmp_path, "ours")
    (tmp_path / "report.html").rename(tmp_path / "elsewhere.html")
    (tmp_path / "report.html").symlink_to(tmp_path / "elsewhere.html")
    with pytest.raises(UsageError, match=r"report\.html: is a symbolic link, and would be replaced"):
        write(tmp_path, "other")
    OwnedFiles(tmp_path).remove("report.html")
    assert (tmp_path / "report.html").is_symlink()


def test_a_file_in_a_folder_that_is_a_link_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path, "ours", "a/x")
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a").symlink_to(tmp_path / "b")
    assert not OwnedFiles(tmp_path).owns("a/x")


def test_what_was_killed_before_the_file_was_in_place_counts_with_its_old_and_its_new_content(tmp_path: Path) -> None:
    write(tmp_path, "old")
    OwnedFiles(tmp_path).add({"report.html": "f" * 64})
    assert OwnedFiles(tmp_path).owns("report.html")
    write(tmp_path, "new")
    assert (tmp_path / "report.html").read_text() == "new"


def test_an_incomplete_last_line_is_skipped_and_what_follows_is_read(tmp_path: Path) -> None:
    write(tmp_path, "old")
    with (tmp_path / FILE).open("a") as file:
        file.write('{"file": "x", "sha2')
    OwnedFiles(tmp_path).set_run(RunIdentity("n", ("a",)))
    files = OwnedFiles(tmp_path)
    assert files.run == RunIdentity("n", ("a",))
    assert files.owns("report.html")


@pytest.mark.parametrize("content", ["mine", '{"files": []}', '{"textsynth_files": 2}'])
def test_another_programs_file_under_the_name_of_the_list_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UsageError, match="is not the list of a run's files"):
        write(tmp_path, "x")
    assert (tmp_path / FILE).read_text() == content
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is no regular file"):
        write(tmp_path, "x")


def test_only_the_owner_can_read_what_is_written(tmp_path: Path) -> None:
    write(tmp_path, "x")
    for name in ("report.html", FILE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_list_that_cannot_be_written_is_the_callers_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"report\.html: the report cannot be written: No such file"):
        write(tmp_path / "missing", "x")


def test_several_files_in_the_way_are_one_sentence(tmp_path: Path) -> None:
    names = [f"{number}.txt" for number in range(5)]
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as caught:
        OwnedFiles(tmp_path).refuse_obstacles(names)
    assert "(and 2 more)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_killed_process_left_of_a_file_is_removed_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    write(tmp_path, "first", "dataset/README.md")
    code = f"""
import os, pathlib, sys
from textsynth.store.owned_files import write_owned_text
die = lambda event, args: event == "os.rename" and os._exit(9)
sys.addaudithook(die)
write_owned_text(pathlib.Path({str(tmp_path)!r}), "dataset/README.md", "second", error="")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    (left,) = tmp_path.glob(".README.md.*")
    assert left.read_text() == "second"
    assert [path.read_text() for path in (tmp_path / "dataset").iterdir()] == ["first"]
    assert not list(OwnedFiles(tmp_path).obstacles(["dataset"]))
    write(tmp_path, "third", "dataset/README.md")
    assert {path.name for path in tmp_path.iterdir()} == {FILE, "dataset"}
    assert (tmp_path / "dataset" / "README.md").read_text() == "third"


def test_only_temporary_files_on_the_list_and_of_no_running_process_are_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    unlisted, running = f".a.{ended.pid}-{'0' * 16}", f".a.{os.getpid()}-{'0' * 16}"
    link, other, folder = f".b.{ended.pid}-{'0' * 16}", "mine.txt", f".c.{ended.pid}-{'0' * 16}"
    files = OwnedFiles(tmp_path)
    for name in (running, link, other, folder):
        files.add({}, temporary=name)
    for name in (unlisted, running, other):
        (tmp_path / name).write_text("content")
    (tmp_path / link).symlink_to(tmp_path / other)
    (tmp_path / folder).mkdir()
    OwnedFiles(tmp_path).remove_leftovers()
    assert {path.name for path in tmp_path.iterdir()} == {FILE, unlisted, running, link, other, folder}
