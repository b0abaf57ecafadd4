from __future__ import annotations

import json
import re
import subprocess
import sys
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


WITHOUT_PANDAS = """\
import sys
from textsynth.cli import main
for command in (
    "validate recipe.yaml", "run recipe.yaml --out run --quiet", "run recipe.yaml --out run --quiet", "report run",
    "why run", "export run --as csv --out rows.csv", "export run --as csv --config dropped --out dropped.csv",
    "export run --as messages --out messages.jsonl",
):
    arguments = command.split()
    if arguments[0] == "why":
        import pyarrow.parquet as pq
        from pathlib import Path
        (path, *_) = Path("run/dataset/provenance").glob("*.parquet")
        arguments.append(pq.ParquetFile(path).read_row_group(0, columns=["id"]).column(0)[0].as_py())
    try:
        main(arguments)
    except SystemExit as ended:
        assert ended.code in (0, 3), command
    assert not {"pandas", "datasets"} & {*sys.modules}, command
"""


def test_no_command_on_a_run_imports_pandas_or_datasets(folder: Path) -> None:
    with_duplicates = ANSWERS.replace('"\\n".join', '"1. the same for all\\n" + "\\n".join')
    assert with_duplicates != ANSWERS
    (folder / "answers.py").write_text(with_duplicates, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_PANDAS], cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


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


def test_a_copy_of_a_source_row_is_shown_with_the_row_and_its_text(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "seeds.csv").write_text("text,label\nmy lamp is late,delivery\nwhere is my parcel now,delivery\n")
    recipe = (folder / "recipe.yaml").read_text()
    recipe = recipe.replace("[exact_duplicate]", "[copies_source: {source: seeds}]").replace("label: 4", "total: 4")
    (folder / "recipe.yaml").write_text(f"{recipe}sources: {{seeds: seeds.csv}}\n")
    answers = (folder / "answers.py").read_text().replace('return "', 'return "1. where is my parcel now\\n" + "')
    (folder / "answers.py").write_text(answers)
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", folder / "run", "--quiet").code == 0
    report = json.loads(run_cli(capsys, "report", folder / "run", "--json").out)
    row = next(row for rows in report["dropped"].values() for row in rows)
    assert (row["duplicate_text"], row["duplicate_place"]) == ("where is my parcel now", "row 2 of seeds")
    assert "row 2 of seeds" in (folder / "run" / "report.html").read_text(encoding="utf-8")
    why = run_cli(capsys, "why", folder / "run", row["id"]).out
    assert f"duplicate of: {row['duplicate_of']} (row 2 of seeds) 'where is my parcel now'" in why
    (folder / "seeds.csv").unlink()
    why = run_cli(capsys, "why", folder / "run", row["id"]).out
    assert f"duplicate of: {row['duplicate_of']} (source row)" in why


def test_a_folder_with_signs_of_addresses_in_its_name(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    out = folder / "a#b?c%20d"
    assert run_cli(capsys, "run", folder / "recipe.yaml", "--out", out, "--quiet").code == 0
    report = json.loads(run_cli(capsys, "report", out, "--json").out)
    why = run_cli(capsys, "why", out, report["kept"][0]["id"]).out
    assert "answer (stop):" in why
