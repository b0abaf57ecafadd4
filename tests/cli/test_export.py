from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.said import Said


def test_a_run_is_written_for_other_tools(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert Said(capsys, "run", folder / "recipe.yaml", "--out", folder / "run", "--quiet").code == 0
    said = Said(capsys, "export", folder / "run", "--as", "csv")
    assert (said.code, said.out) == (0, f"{folder}/run/export/csv/texts.csv\n")
    assert "8 texts written as csv" in said.err
    told = json.loads(Said(capsys, "export", folder / "run", "--as", "messages", "--json", "--split", "train").out)
    assert told["texts"] == 8
    line = json.loads(Path(told["files"][0]).read_text(encoding="utf-8").split("\n")[0])
    assert "- refund: wants money back" in line["messages"][0]["content"]
    again = Said(capsys, "export", folder / "run", "--as", "csv")
    assert (again.code, "may hold somebody's work" in again.err) == (2, True)
    assert Said(capsys, "export", folder / "run", "--as", "csv", "--replace").code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--as", "cvs"], "'cvs' is not one of"),
        ([], "Missing option '--as'"),
        (["--as", "csv"], "no finished run is in this folder"),
    ],
)
def test_mistakes_are_sentences(capsys: pytest.CaptureFixture[str], tmp_path: Path, args: list[str], told: str) -> None:
    said = Said(capsys, "export", tmp_path, *args)
    assert (said.code, told in said.err) == (2, True), said.err
