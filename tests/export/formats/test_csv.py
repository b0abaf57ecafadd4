from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.formats.some import HOSTILE, about, texts
from textsynth.export.formats.csv import escape_formula, write
from textsynth.sources.rows import Rows


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def test_a_spreadsheet_gets_texts_and_a_column_of_its_own(tmp_path: Path) -> None:
    (path,) = write(texts(), about(), tmp_path / "mine.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbfid,text,label,confidence,split,section,measured,your_label\r\n")
    first, second, third = rows(path)
    assert (first["label"], first["confidence"], first["your_label"]) == ("refund", "0.75", "")
    assert second["text"] == f"'{HOSTILE}"
    assert third["confidence"] == ""


def test_several_labels_and_what_a_text_rewrites(tmp_path: Path) -> None:
    (path,) = write(texts(multi_label=True), about(multi_label=True), tmp_path / "out")
    assert path == tmp_path / "out" / "texts.csv"
    assert rows(path)[0]["label"] == "refund|delivery"
    (other,) = write(texts(task="paraphrase"), about(task="paraphrase"), tmp_path / "p.csv")
    assert rows(other)[0]["original"] == "what it was before"


def test_our_own_reader_takes_the_file_back_with_a_person_s_labels(tmp_path: Path) -> None:
    (path,) = write(texts(), about(), tmp_path / "mine.csv")
    filled = path.read_bytes().replace(b",,\r\n", b",,refund\r\n").replace(b"0.8,\r\n", b"0.8,delivery\r\n")
    path.write_bytes(filled)
    options = Rows.model_validate({"path": path, "label": "your_label"})
    read = options.read(Path(), name="mine", seed=0)
    assert [record.labels for record in read] == [("refund",), ("delivery",), ("refund",)]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "'=1", "''@x"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"


@given(st.text(st.sampled_from("'=+-@\t\r ax1"), max_size=6))
def test_taking_one_apostrophe_away_gives_every_text_back(cell: str) -> None:
    told = escape_formula(cell)
    assert told[:1] not in "=+-@\t\r" or not told
    assert (told.removeprefix("'") if told != cell else told) == cell
    assert escape_formula(told) != told or told == cell
