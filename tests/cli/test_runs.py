from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.said import ANSWERS, Said


def test_report_and_why_tell_of_kept_and_dropped_texts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    import pyarrow.parquet as pq

    twice = ANSWERS.replace('"\\n".join', '"1. the same for all\\n" + "\\n".join').replace("range(1, 6)", "range(2, 7)")
    (folder / "answers.py").write_text(twice, encoding="utf-8")
    run = folder / "out"
    assert Said(capsys, "run", folder / "recipe.yaml", "--out", run).code == 0
    report = Said(capsys, "report", run)
    assert report.code == 0
    assert "report.html" in report.err
    assert json.loads(Said(capsys, "report", run, "--json").out)
    kept = [pq.read_table(path)["id"][0].as_py() for path in (run / "dataset" / "data").rglob("*.parquet")]
    ends = [row for path in (run / "dataset" / "dropped").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    dropped = [row["id"] for row in ends if row["section"] == "filter"]
    for one, told in ((kept[0], "selected"), (dropped[0], "exact_duplicate")):
        said = Said(capsys, "why", run, one)
        assert said.code == 0
        assert told in said.out
        assert json.loads(Said(capsys, "why", run, one, "--json").out)
    unknown = Said(capsys, "why", run, "0" * 16)
    assert unknown.code == 2
    assert "0" * 16 in unknown.err
