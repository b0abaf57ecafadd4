from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.run_cli import ANSWERS, run_cli


def test_report_and_why_describe_selected_and_dropped_texts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    import pyarrow.parquet as pq

    with_duplicates = ANSWERS.replace('"\\n".join', '"1. the same for all\\n" + "\\n".join').replace(
        "range(1, 6)", "range(2, 7)"
    )
    (folder / "answers.py").write_text(with_duplicates, encoding="utf-8")
    run = folder / "out"
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", run).code == 0
    report = run_cli(capsys, "report", run)
    assert report.code == 0
    assert "report.html" in report.err
    assert json.loads(run_cli(capsys, "report", run, "--json").out)
    selected = [pq.read_table(path)["id"][0].as_py() for path in (run / "dataset" / "data").rglob("*.parquet")]
    rows = [row for path in (run / "dataset" / "dropped").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    dropped = [row["id"] for row in rows if row["section"] == "filter"]
    for id_, phrase in ((selected[0], "selected"), (dropped[0], "exact_duplicate")):
        result = run_cli(capsys, "why", run, id_)
        assert result.code == 0
        assert phrase in result.out
        assert json.loads(run_cli(capsys, "why", run, id_, "--json").out)
    unknown = run_cli(capsys, "why", run, "0" * 16)
    assert unknown.code == 2
    assert "0" * 16 in unknown.err


@pytest.mark.parametrize(
    ("target", "page", "sentence"),
    [
        ("run", "page.html", "--page is for a file of texts; the page of a run is .*report.html"),
        ("texts.csv", "missing/page.html", "page.html: there is no folder '.*missing' for the page"),
        ("texts.csv", ".", "is a folder; --page takes the path of a file"),
    ],
)
def test_a_page_that_cannot_be_written_is_an_error_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str, page: str, sentence: str
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "texts.csv").write_text("text,label\ngive it back,refund\nwhere is it,delivery\n", encoding="utf-8")
    result = run_cli(capsys, "evaluate", tmp_path / target, "--test", tmp_path / "texts.csv", "--page", tmp_path / page)
    assert result.code == 2
    assert re.search(sentence, result.err)
    assert "training" not in result.err
