from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.formats.examples import HOSTILE, ORIGINAL, TEXT, example_info, example_texts
from textsynth.export.formats.csv import escape_formula, write
from textsynth.sources.rows import Rows


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def test_a_csv_has_a_column_for_each_text_and_an_empty_one_for_the_user_s_label(tmp_path: Path) -> None:
    (path,) = write(example_texts(), example_info(), tmp_path / "mine.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,text,label,confidence,split,section,score,your_label\r\n")
    first, second, third = rows(path)
    assert (first["label"], first["confidence"], first["your_label"]) == ("refund", "0.75", "")
    assert second["text"] == f"'{HOSTILE}"
    assert third["confidence"] == ""


@pytest.mark.parametrize(
    ("task", "names"), [("paraphrasing", ("original", "paraphrase")), ("summarization", ("document", "summary"))]
)
def test_a_csv_has_both_texts_of_a_task_under_the_names_that_it_shows(
    task: str, names: tuple[str, str], tmp_path: Path
) -> None:
    (path,) = write(example_texts(task), example_info(task), tmp_path / "pairs.csv")
    first = rows(path)[0]
    assert tuple(first)[1:3] == names
    assert (first[names[0]], first[names[1]]) == (ORIGINAL, TEXT)


def test_several_labels_are_joined_and_a_source_reads_them_back(tmp_path: Path) -> None:
    (path,) = write(example_texts(multi_label=True), example_info(multi_label=True), tmp_path / "out")
    assert path == tmp_path / "out" / "texts.csv"
    assert rows(path)[0]["label"] == "refund|delivery"
    source = Rows.model_validate({"path": path, "separator": "|"})
    records = source.read(Path(), name="exported", seed=0)
    assert [record.labels for record in records] == [("refund", "delivery"), ("delivery",), ("delivery",)]


def test_a_source_reads_the_labels_that_a_user_filled_in(tmp_path: Path) -> None:
    (path,) = write(example_texts(), example_info(), tmp_path / "mine.csv")
    filled = path.read_bytes().replace(b",,\r\n", b",,refund\r\n").replace(b"0.8,\r\n", b"0.8,delivery\r\n")
    path.write_bytes(filled)
    source = Rows.model_validate({"path": path, "label": "your_label"})
    records = source.read(Path(), name="mine", seed=0)
    assert [record.labels for record in records] == [("refund",), ("delivery",), ("refund",)]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''@x"])
def test_a_cell_that_a_spreadsheet_would_evaluate_gets_an_apostrophe(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


@given(st.text(st.sampled_from("'=+-@\t\r ax1"), max_size=6))
def test_removing_the_apostrophe_restores_every_cell(cell: str) -> None:
    escaped = escape_formula(cell)
    assert escaped[:1] not in "=+-@\t\r" or not escaped
    assert (escaped.removeprefix("'") if escaped != cell else escaped) == cell
    assert escape_formula(escaped) != escaped or escaped == cell
