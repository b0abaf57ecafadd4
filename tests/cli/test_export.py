from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.run_cli import run_cli


def test_a_run_is_exported(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "run", "--quiet").code == 0
    result = run_cli(capsys, "export", folder / "run", "--as", "csv")
    assert (result.code, result.out) == (0, f"{folder}/run/export/csv/texts.csv\n")
    assert "8 texts written as csv" in result.err
    summary = json.loads(
        run_cli(capsys, "export", folder / "run", "--as", "messages", "--json", "--split", "train").out
    )
    assert summary["texts"] == 8
    line = json.loads(Path(summary["files"][0]).read_text(encoding="utf-8").split("\n")[0])
    assert "- refund: wants money back" in line["messages"][0]["content"]
    again = run_cli(capsys, "export", folder / "run", "--as", "csv")
    assert (again.code, "may hold somebody's work" in again.err) == (2, True)
    assert run_cli(capsys, "export", folder / "run", "--as", "csv", "--replace").code == 0


@pytest.mark.parametrize(
    ("args", "phrase"),
    [
        (["--as", "cvs"], "there is no format 'cvs'; did you mean 'csv'?"),
        ([], "Missing option '--as'"),
        (["--as", "csv"], "no finished run is in this folder"),
    ],
)
def test_user_errors_are_sentences(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, args: list[str], phrase: str
) -> None:
    result = run_cli(capsys, "export", tmp_path, *args)
    assert (result.code, phrase in result.err) == (2, True), result.err


@pytest.mark.parametrize("name", ["manifest.json", "journal.sqlite", "dataset", "dataset/new.csv", "."])
def test_an_export_never_replaces_a_file_of_the_run(
    capsys: pytest.CaptureFixture[str], folder: Path, name: str
) -> None:
    run = folder / "run"
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", run, "--quiet").code == 0
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    result = run_cli(capsys, "export", run, "--as", "csv", "--out", run / name, "--replace")
    assert (result.code, "belongs to the run" in result.err) == (2, True)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_the_data_set_is_exported_in_files_of_a_number_of_rows(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    run, out = folder / "run", folder / "shards"
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", run, "--quiet").code == 0
    result = run_cli(capsys, "export", run, "--as", "dataset", "--out", out, "--rows-per-file", "3")
    assert (result.code, "8 texts written as dataset" in result.err) == (0, True)
    assert f"{out}/data/train-00002-of-00003.parquet" in result.out.splitlines()
    again = run_cli(capsys, "export", run, "--as", "dataset", "--out", out)
    assert (again.code, "is not empty; --replace writes" in again.err) == (2, True)
    summary = json.loads(run_cli(capsys, "export", run, "--as", "dataset", "--out", out, "--replace", "--json").out)
    assert [path.name for path in (out / "data").iterdir()] == ["train-00000-of-00001.parquet"]
    assert all(Path(name).is_file() for name in summary["files"])
    within = run_cli(capsys, "export", run, "--as", "dataset", "--out", run / "dataset", "--replace")
    assert (within.code, "belongs to the run" in within.err) == (2, True)
    other = run_cli(capsys, "export", run, "--as", "csv", "--out", "s3://bucket/texts")
    assert (other.code, "are for --as dataset, and csv is none" in other.err) == (2, True)
