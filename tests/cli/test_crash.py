"""Errors that nobody foresaw, of ours or of the system: one sentence, exit 1, and a log file."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli
from textsynth import runner
from textsynth.core.errors import RunError

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "textsynth"


def fails_with(error: BaseException) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyError("selected"), "a bug in TextSynth (KeyError: 'selected')"),
        (RecursionError("too deep"), "a bug in TextSynth (RecursionError: too deep)"),
        (MemoryError(), "there is not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), "a/b: the command failed: No space left on device"),
        (ValueError("two\nlines at http://usr:password@host/"), "ValueError: two)"),
        (AssertionError("http://usr:password@host/"), "AssertionError: http://***@host/)"),
    ],
)
def test_a_bug_is_one_sentence_and_a_log_file(
    error: BaseException, sentence: str, folder: Path, cache: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "write_manifest", fails_with(error))
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert sentence in result.err
    (log,) = (cache / "logs").iterdir()
    assert str(log) in result.err
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "Traceback" in log.read_text()
    assert "password" not in log.read_text()


def test_the_traceback_is_shown_on_request(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTSYNTH_TRACEBACK", "1")
    monkeypatch.setattr(runner, "write_manifest", fails_with(KeyError("x")))
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    assert re.search(r"Traceback.*KeyError.*the command failed, which is a bug", result.err, re.DOTALL)


def test_a_cache_folder_that_cannot_be_written_is_no_second_error(
    folder: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setattr(runner, "write_manifest", fails_with(KeyError("x")))
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    assert (result.code, result.err.count("\n")) == (1, 1)


@pytest.mark.parametrize("name", ["manifest.json", ".textsynth-files.jsonl", "report.html", "README.md"])
def test_a_full_disk_while_a_file_is_written_is_one_sentence(
    name: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file = os.open

    def open_on_full_disk(path: object, *args: object, **options: object) -> int:
        if name in str(path):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return open_file(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_on_full_disk)
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    monkeypatch.undo()
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "cannot be written: No space left on device" in result.err
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet").code == 0


@pytest.mark.parametrize("more", [["--fresh"], ["--requests-only", "requests.jsonl"]])
def test_a_file_system_that_is_read_only_is_one_sentence(
    more: list[str], folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    monkeypatch.chdir(folder)

    def refuse(*args: object, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(args[0]))

    open_file = os.open

    def open_read_only(path: object, flags: int, *args: object, **options: object) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            refuse(path)
        return open_file(path, flags, *args, **options)  # type: ignore[arg-type]

    for attribute in ("rename", "mkdir"):
        monkeypatch.setattr(Path, attribute, refuse)
    monkeypatch.setattr(os, "open", open_read_only)
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet", *more)
    assert result.code == RunError.exit_code
    assert result.err.count("\n") == 1
    assert "Read-only file system" in result.err
    assert "bug" not in result.err


@pytest.mark.parametrize("content", ["[]", "7", '{"version": 2}', '{"version": 2, "data": []}', "[" * 100_000, "\x00"])
@pytest.mark.parametrize("command", [["report"], ["push", "acme/x", "--dry-run"], ["report", "--json"]])
def test_an_evaluation_of_another_shape_is_one_sentence(
    command: list[str], content: str, folder: Path, capsys: Capture
) -> None:
    run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    (folder / "out" / "evaluation.json").write_text(content)
    result = run_cli(capsys, command[0], folder / "out", *command[1:])
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "evaluation" in result.err


@pytest.mark.parametrize("url", ["http://usr@[::1/v1", "http://[::1/v1", "http://usr:pw@[zz]/v1", "http://a b/v1"])
def test_an_address_that_is_none_is_one_sentence(url: str, folder: Path, capsys: Capture) -> None:
    model = f'models.generator={{http: {{base_url: "{url}", model: m}}}}'
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet", "--set", model)
    assert result.code in (1, 2)
    assert result.err.count("\n") == 1
    assert "bug" not in result.err
    assert "usr" not in result.err


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_streams_stop_nothing_and_get_into_no_file(closed: str, folder: Path) -> None:
    command = f'"$0" -m textsynth run recipe.yaml --out run {closed}'
    result = subprocess.run(["sh", "-c", command, sys.executable], cwd=folder, capture_output=True, check=False)
    assert result.returncode == 0
    assert b"bug" not in result.stderr
    assert (folder / "run" / "journal.sqlite").read_bytes().startswith(b"SQLite format 3")
    assert (folder / "run" / "report.html").is_file()


needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is full")


def run_in_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = f'"$0" -m textsynth {command}'
    return subprocess.run(["sh", "-c", line, sys.executable], cwd=folder, capture_output=True, text=True, check=False)


@needs_full_device
@pytest.mark.parametrize(
    ("command", "code"), [("run recipe.yaml --out run", 0), ("init new", 0), ("validate missing.yaml", 2)]
)
def test_messages_that_cannot_be_written_do_not_fail_a_command(command: str, code: int, folder: Path) -> None:
    lost = run_in_shell(f"{command} 2>/dev/full", folder)
    assert (lost.returncode, lost.stderr) == (code, "")
    assert bool(lost.stdout) == (code == 0)


@needs_full_device
@pytest.mark.parametrize(
    "command", ["run recipe.yaml --out run --quiet", "validate recipe.yaml", "schema", "--help", "--version"]
)
def test_a_result_that_cannot_be_written_is_one_sentence(command: str, folder: Path) -> None:
    lost = run_in_shell(f"{command} >/dev/full", folder)
    assert (lost.returncode, lost.stderr.count("\n")) == (1, 1)
    assert "stdout cannot be written: No space left on device; send it to" in lost.stderr


def test_a_reader_that_has_enough_gets_no_message(folder: Path) -> None:
    assert run_in_shell("schema | head -1", folder).stderr == ""


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("n" * 256, "has at most 255 bytes, found 'nnnnnnnnnnnnnnnnnnnnnnnn…nnnnnnnnnnnnnnnnnnnnnnnn' with 256"),
        ("é" * 128, "has at most 255 bytes"),
        ("/".join(["d" * 100] * 50), "a path has at most 4,095 bytes"),
        ("a\0b", r"no control characters or line breaks, found 'a\x00b'"),
        ("a\nb", r"no control characters or line breaks, found 'a\nb'"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ["run", "recipe.yaml", "--out"],
        ["run"],
        ["report"],
        ["init"],
        ["export", "out", "--as", "csv", "--out"],
        ["filter", "recipe.yaml", "--work"],
        ["label", "recipe.yaml", "--recipe"],
    ],
)
def test_a_path_that_no_file_can_have_is_one_sentence(
    command: list[str], path: str, fault: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = run_cli(capsys, *command, path)
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert fault in result.err
    assert result.err.startswith("'")  # the name of the option or argument


@pytest.mark.parametrize("name", ["./" + "n" * 256 + ".py", "./a\0b.py"])
def test_a_path_in_a_recipe_that_no_file_can_have_is_one_sentence(name: str, folder: Path, capsys: Capture) -> None:
    for option in (f"filter=[{json.dumps(name)}]", f"generate=[{{labelled: {{prompt: {json.dumps(name)}}}}}]"):
        result = run_cli(capsys, "validate", folder / "recipe.yaml", "--set", option)
        assert (result.code, result.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("run recipe.yaml", 2),
        ("run ../recipe.yaml --quiet", 2),
        ("run $HOME_OF_TEST/recipe.yaml --quiet", 2),
        ("run $HOME_OF_TEST/recipe.yaml --quiet --requests-only r.jsonl", 1),
        ("init", 2),
        ("report out", 2),
        ("filter $HOME_OF_TEST/recipe.yaml", 2),
        ("run $HOME_OF_TEST/recipe.yaml --quiet --out $HOME_OF_TEST/out", 0),
    ],
)
def test_a_current_folder_that_was_removed_is_named_where_it_is_needed(command: str, code: int, folder: Path) -> None:
    (folder / "gone").mkdir()
    line = f'cd gone && rmdir ../gone && "$0" -m textsynth {command}'
    environment = {**os.environ, "HOME_OF_TEST": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    result = subprocess.run(
        ["bash", "-c", line, sys.executable], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert result.returncode == code
    assert ("the current folder was removed, so change to another one (cd)" in result.stderr) == (code != 0)


@pytest.mark.parametrize("kilobytes", [1, 8, 40])
def test_a_limit_of_the_size_of_files_is_one_sentence(kilobytes: int, folder: Path) -> None:
    line = f'ulimit -f {kilobytes}; "$0" -m textsynth run recipe.yaml --quiet --out out'
    result = subprocess.run(
        ["bash", "-c", line, sys.executable], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "bug" not in result.stderr
