"""No command replaces or removes a file that TextSynth did not write, whatever it is called and wherever it leads."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.run_cli import RECIPE, run_cli
from textsynth.store.decisions import Decision, add_decisions

Capture = pytest.CaptureFixture[str]


def contents(folder: Path) -> dict[str, bytes | str]:
    """Return everything below a folder: the bytes of files, where links lead."""
    return {
        path.relative_to(folder).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def put(folder: Path, name: str, content: str = "precious") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)


IN_THE_WAY = {
    "a data set of somebody": lambda out, _: put(out, "dataset/mine.csv"),
    "a file in our layout": lambda out, _: put(out, "dataset/data/train-00000-of-00001.parquet"),
    "a card": lambda out, _: put(out, "dataset/README.md"),
    "a report": lambda out, _: put(out, "report.html"),
    "a manifest": lambda out, _: put(out, "manifest.json", "{}"),
    "an evaluation": lambda out, _: put(out, "evaluation.json", "{}"),
    "texts for review": lambda out, _: put(out, "pending.json", "{}"),
    "a link to a folder": lambda out, there: (out / "dataset").symlink_to(there),
    "a link to a file": lambda out, there: (out / "report.html").symlink_to(there / "mine.csv"),
    "a dangling link": lambda out, there: (out / "manifest.json").symlink_to(there / "new.json"),
    "a journal that is a link": lambda out, there: (out / "journal.sqlite").symlink_to(there / "new.sqlite"),
    "decisions that are a link": lambda out, there: (out / "review.jsonl").symlink_to(there / "mine.csv"),
    "a folder that is called like the report": lambda out, _: put(out, "report.html/mine.txt"),
}


@pytest.mark.parametrize("more", [(), ("--fresh",)])
@pytest.mark.parametrize("case", IN_THE_WAY)
def test_a_run_stops_before_it_replaces_anything(
    case: str, more: tuple[str, ...], folder: Path, capsys: Capture
) -> None:
    out, there = folder / "project", folder / "there"
    put(there, "mine.csv")
    out.mkdir()
    IN_THE_WAY[case](out, there)
    before = contents(folder)
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet", *more)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert "another" in result.err
    assert contents(folder) == before


def test_a_database_of_another_program_is_not_taken_for_the_journal(folder: Path, capsys: Capture) -> None:
    (folder / "out").mkdir()
    with sqlite3.connect(folder / "out" / "journal.sqlite") as other:
        other.execute("CREATE TABLE customers (name TEXT)")
    other.close()
    before = contents(folder)
    for more in ([], ["--fresh"]):
        result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet", *more)
        assert result.code == 2
        assert "a database of another program, or damaged (it has the table 'customers')" in result.err
    assert contents(folder) == before


def test_a_table_of_another_shape_and_a_later_journal_are_not_changed(folder: Path, capsys: Capture) -> None:
    (folder / "out").mkdir()
    for statement, sentence in (
        ("CREATE TABLE answers (question TEXT, points INTEGER)", "another program (its table 'answers' has no column"),
        ("PRAGMA user_version = 99", "a journal of a later version of TextSynth (format 99"),
    ):
        (folder / "out" / "journal.sqlite").unlink(missing_ok=True)
        with sqlite3.connect(folder / "out" / "journal.sqlite") as other:
            other.execute(statement)
        other.close()
        before = contents(folder)
        for more in ([], ["--fresh"]):
            result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet", *more)
            assert (result.code, result.err.count("\n")) == (2, 1)
            assert sentence in result.err
        assert contents(folder) == before


@pytest.mark.parametrize(("made", "words"), [("file", "is a file"), ("link", "is a symbolic link that leads nowhere")])
def test_what_has_the_path_of_the_runs_folder_is_named(made: str, words: str, folder: Path, capsys: Capture) -> None:
    if made == "file":
        put(folder, "there")
    else:
        (folder / "there").symlink_to("nowhere")
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "there" / "run", "--quiet")
    assert (result.code, words in result.err) == (1, True)


def test_other_files_in_the_folder_stay(folder: Path, capsys: Capture) -> None:
    put(folder, "out/notes.txt")
    for _ in range(2):
        assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet").code == 0
    assert (folder / "out" / "notes.txt").read_text() == "precious"


def test_a_project_folder_as_the_runs_folder(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "dataset/mine.csv")
    monkeypatch.chdir(folder)
    before = contents(folder)
    result = run_cli(capsys, "run", "recipe.yaml", "--out", ".", "--quiet")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "dataset/mine.csv: is no file that a run here wrote" in result.err
    assert contents(folder) == before


def test_a_run_says_what_it_replaces(folder: Path, capsys: Capture) -> None:
    first = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out")
    assert "will be replaced" not in first.err
    second = run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--set", "seed=1")
    assert "dataset, manifest.json, report.html of the last run" in second.err
    report = run_cli(capsys, "report", folder / "out")
    assert "in place of the earlier one" in report.err


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("name: tickets", "name: letters", "holds a run of the recipe 'tickets', and this one is 'letters'"),
        ("  delivery:", "  parcel:", "other labels (without delivery and with parcel)"),
        ("  delivery:", "  parcel: asks\n  delivery:", "other labels (with parcel)"),
    ],
)
def test_another_recipe_in_the_folder_of_a_run_needs_fresh_or_another_folder(
    old: str, new: str, sentence: str, folder: Path, capsys: Capture
) -> None:
    out = folder / "out"
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet").code == 0
    put(folder, "recipe.yaml", RECIPE.replace(old, new))
    before = contents(out)
    result = run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert sentence in result.err
    assert "--fresh" in result.err
    assert contents(out) == before
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet", "--fresh").code == 0
    assert (out / "journal-1.sqlite").is_file()
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet").code == 0


def test_a_run_that_was_killed_is_continued_by_its_recipe_and_by_no_other(folder: Path, capsys: Capture) -> None:
    put(folder, "recipe.yaml", RECIPE.replace("answers.py:answer", "slow.py:answer"))
    slow = (folder / "answers.py").read_text().replace("    start", "    import time; time.sleep(0.2)\n    start")
    put(folder, "slow.py", slow)
    command = [sys.executable, "-m", "textsynth", "run", str(folder / "recipe.yaml"), "--out", str(folder / "out")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (folder / "out" / ".textsynth-files.jsonl").exists():
        time.sleep(0.01)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    put(folder, "other.yaml", RECIPE.replace("name: tickets", "name: letters"))
    assert run_cli(capsys, "run", folder / "other.yaml", "--out", folder / "out", "--quiet").code == 2
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet").code == 0


def test_a_run_killed_between_data_set_and_manifest_is_noticed_and_continued(folder: Path, capsys: Capture) -> None:
    out = folder / "out"
    run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet")
    code = f"""
import os, signal
from textsynth import runner
from textsynth.cli import main
runner.write_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(["run", {str(folder / "recipe.yaml")!r}, "--out", {str(out)!r}, "--set", "generate.0.labelled.domain=shops"])
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == -9
    for command in (
        ["report", out],
        ["export", out, "--as", "csv"],
        ["push", out, "acme/tickets", "--dry-run"],
        ["review", out],
        ["why", out, "0" * 16],
        ["evaluate", out, "--test", folder / "answers.py"],
    ):
        result = run_cli(capsys, *command)
        assert (result.code, result.err.count("\n")) == (2, 1), command
        assert "run the recipe again" in result.err
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet").code == 0
    assert run_cli(capsys, "report", out).code == 0


def test_a_data_set_of_another_run_with_as_many_rows_is_noticed(folder: Path, capsys: Capture) -> None:
    for name in "ab":
        other = f"generate.0.labelled.domain={name}"
        run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / name, "--quiet", "--set", other)
    shutil.rmtree(folder / "a" / "dataset")
    shutil.copytree(folder / "b" / "dataset", folder / "a" / "dataset")
    result = run_cli(capsys, "report", folder / "a")
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_only_the_owner_can_read_the_folder_of_a_run_after_every_verb(folder: Path, capsys: Capture) -> None:
    run, out = ("run", folder / "recipe.yaml", "--out", folder / "out", "--quiet"), folder / "out"
    put(
        folder,
        "real.csv",
        "text,label\n" + "".join(f"where is parcel {n},delivery\nmoney {n},refund\n" for n in range(3)),
    )
    real = ("--train", folder / "real.csv", "--test", folder / "real.csv")
    runs = (run, (*run, "--fresh"), (*run, "--limit", 2), (*run, "--set", "seed=9"))
    for command in (*runs, ("report", out), ("evaluate", out, *real)):
        run_cli(capsys, *command)
    for name in ("csv", "argilla", "label-studio", "messages", "prompt-completion"):
        assert run_cli(capsys, "export", out, "--as", name).code == 0
    add_decisions(out, [Decision("0" * 16, "drop", (), "ann")])
    assert {"evaluate.sqlite", "evaluation.json", "review.jsonl", "journal-1.sqlite", "export"} < {
        path.name for path in out.iterdir()
    }
    for path in (folder / "out", *(folder / "out").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_requests_are_not_written_over_a_file_of_somebody_else(folder: Path, capsys: Capture) -> None:
    model = '{http: {base_url: "http://127.0.0.1:1/v1", model: m}}'
    put(folder, "recipe.yaml", RECIPE.replace('{scripted: {function: "./answers.py:answer"}}', model))
    put(folder, "requests.jsonl")
    command = ["run", folder / "recipe.yaml", "--out", folder / "out", "--quiet", "--requests-only"]
    result = run_cli(capsys, *command, folder / "requests.jsonl")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert (folder / "requests.jsonl").read_text() == "precious"
    (folder / "link.jsonl").symlink_to(folder / "requests.jsonl")
    assert run_cli(capsys, *command, folder / "link.jsonl").code == 2
    for _ in range(2):  # those of an earlier round are replaced
        assert run_cli(capsys, *command, folder / "ours.jsonl").code == 4
    assert (folder / "requests.jsonl").read_text() == "precious"
    with (folder / "ours.jsonl").open("a") as file:
        file.write("a note of mine\n")
    assert run_cli(capsys, *command, folder / "ours.jsonl").code == 2


def test_init_overwrites_nothing_also_through_links(folder: Path, capsys: Capture) -> None:
    put(folder, "new/seeds.csv")
    assert run_cli(capsys, "init", folder / "new", "--labels", "a,b").code == 2
    assert list(contents(folder / "new")) == ["seeds.csv"]
    (folder / "linked").mkdir()
    (folder / "linked" / "recipe.yaml").symlink_to(folder / "nowhere.yaml")
    assert run_cli(capsys, "init", folder / "linked", "--labels", "a,b").code == 2
    assert not (folder / "nowhere.yaml").exists()


def test_an_export_replaces_only_on_request_and_says_so(folder: Path, capsys: Capture) -> None:
    run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "out", "--quiet")
    put(folder, "mine.csv")
    export = ["export", folder / "out", "--as", "csv", "--out"]
    assert run_cli(capsys, *export, folder / "mine.csv").code == 2
    assert (folder / "mine.csv").read_text() == "precious"
    (folder / "link.csv").symlink_to(folder / "mine.csv")
    assert run_cli(capsys, *export, folder / "link.csv", "--replace").code == 2
    assert (folder / "mine.csv").read_text() == "precious"
    replaced = run_cli(capsys, *export, folder / "mine.csv", "--replace")
    assert replaced.code == 0
    assert f"replaced: {folder / 'mine.csv'}" in replaced.err


def test_the_page_of_an_evaluation_replaces_nothing(folder: Path, capsys: Capture) -> None:
    put(folder, "texts.csv", "text,label\na,refund\nb,delivery\n")
    put(folder, "page.html")
    evaluate = ["evaluate", folder / "texts.csv", "--test", folder / "texts.csv", "--page", folder / "page.html"]
    result = run_cli(capsys, *evaluate)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "exists already" in result.err
    assert (folder / "page.html").read_text() == "precious"
