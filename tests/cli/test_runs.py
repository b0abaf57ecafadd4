from __future__ import annotations

import json
import re
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


@pytest.mark.parametrize(
    ("what", "page", "said"),
    [
        ("run", "page.html", "--page is for a file of texts; the page of a run is its own, .*report.html"),
        ("texts.csv", "none/page.html", "page.html: there is no folder '.*none' for the page"),
        ("texts.csv", ".", "is a folder; --page names a file"),
    ],
)
def test_a_page_that_cannot_be_written_is_told_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, what: str, page: str, said: str
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "texts.csv").write_text("text,label\ngive it back,refund\nwhere is it,delivery\n", encoding="utf-8")
    told = Said(capsys, "evaluate", tmp_path / what, "--test", tmp_path / "texts.csv", "--page", tmp_path / page)
    assert told.code == 2
    assert re.search(said, told.err)
    assert "training" not in told.err
