"""CSV and TSV files: separators, and invalid files, each with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.reading import read_error
from textsynth.sources.delimited import csv_table

INVALID = {
    "ragged.csv": (
        b"text,label\ngood,a\nyes, but no,b\n",
        "ragged.csv:3: the row has 3 cells, the header has 2 columns",
    ),
    "short.csv": (b"text,label\ngood,a\n\nalone\n", "short.csv:4: the row has 1 cell, the header has 2 columns"),
    "multiline.csv": (b'text,label\n"two\nlines",a\nalone\n', "multiline.csv:4: the row has 1 cell,"),
    "huge_cell.csv": (b"text,label\ngood,a\n" + b"x" * 1_000_001 + b",b\n", "huge_cell.csv:3: a cell of this row has"),
    "twice.csv": (b"text,label,text\na,b,c\n", "twice.csv:1: the header has the column 'text' twice"),
    "open_quote.csv": (b'text,label\ngood,a\n"never closed,b\nx,y\n', "open_quote.csv:3: a quoted cell of this row is"),
    "quotes.csv": (b'text,label\n"say "hi" now",a\n', "quotes.csv:2: a quoted cell is not followed by ','"),
    "semicolons.csv": (
        b"text;label\ngood;a\nyes; no;b\n",
        "semicolons.csv:3: the row has 3 cells, the header has 2 columns; quote a cell that contains ';'",
    ),
    "semicolons.tsv": (
        b"text;label\ngood;a\n",
        "semicolons.tsv:1: the columns are separated by semicolons ('text;label'), not by tabs; name it .csv",
    ),
    "bars.csv": (
        b"text|label\ngood|a\n",
        "bars.csv:1: the columns are separated by vertical bars ('text|label'), not by commas; write the line sep=|",
    ),
    "page.csv": (b"<!DOCTYPE html>\n<html>", "page.csv: the file is a web page, not a table"),
    "list.csv": (b'[{"text": "good"}]', "list.csv: the file is JSON, not a table; name it .json"),
    "lines.csv": (b'{"text": "good"}\n{"text": "bad"}\n', "lines.csv: the file is JSON, not a table; name it .jsonl"),
    "commas.tsv": (b"text,label\ngood,a\n", "commas.tsv:1: the columns are separated by commas"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_one_sentence_with_the_position(name: str, tmp_path: Path) -> None:
    data, message = INVALID[name]
    assert message in read_error(tmp_path, name, data)


def test_semicolons_separate_the_columns_if_the_header_has_them_and_no_comma() -> None:
    table = csv_table('text;label\n"one; two, three";a\nfour, five;b\n', "sheet.csv", ",", None)
    assert table.names == ["text", "label"]
    assert list(table.column("text")) == ["one; two, three", "four, five"]
    assert list(csv_table("text,label\na;b,c\n", "plain.csv", ",", None).column("text")) == ["a;b"]
