"""CSV and TSV: what parts the columns, and what is broken, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.reading import refused
from textsynth.sources.delimited import csv_table

BROKEN = {
    "ragged.csv": (b"text,label\ngood,a\nyes, but no,b\n", "ragged.csv:3: 3 cells where the header has 2 columns"),
    "short.csv": (b"text,label\ngood,a\n\nalone\n", "short.csv:4: 1 cells where the header has 2 columns"),
    "multiline.csv": (b'text,label\n"two\nlines",a\nalone\n', "multiline.csv:4: 1 cells"),
    "huge_cell.csv": (b"text,label\ngood,a\n" + b"x" * 1_000_001 + b",b\n", "huge_cell.csv:3: a cell of this row has"),
    "twice.csv": (b"text,label,text\na,b,c\n", "twice.csv:1: the header names the column 'text' twice"),
    "open_quote.csv": (b'text,label\ngood,a\n"never closed,b\nx,y\n', "open_quote.csv:3: a quoted cell of this row is"),
    "quotes.csv": (
        b'text,label\n"say "hi" now",a\n',
        "quotes.csv:2: a quoted cell is followed by something other than",
    ),
    "semicolons.csv": (b"text;label\ngood;a\nyes; no;b\n", "semicolons.csv:3: 3 cells where the header has 2 columns"),
    "semicolons.tsv": (
        b"text;label\ngood;a\n",
        "semicolons.tsv:1: its columns are parted by semicolons ('text;label'), not tabs; name it .csv",
    ),
    "tabs.csv": (b"text\tlabel\ngood\ta\n", "tabs.csv:1: its columns are parted by tabs ('text\\tlabel'), not commas"),
    "commas.tsv": (b"text,label\ngood,a\n", "commas.tsv:1: its columns are parted by commas"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_that_says_where(name: str, tmp_path: Path) -> None:
    data, told = BROKEN[name]
    assert told in refused(tmp_path, name, data)


def test_semicolons_part_the_columns_where_the_header_has_them_and_no_comma() -> None:
    table = csv_table('text;label\n"one; two, three";a\nfour, five;b\n', "sheet.csv", ",", None)
    assert table.names == ["text", "label"]
    assert list(table.column("text")) == ["one; two, three", "four, five"]
    assert list(csv_table("text,label\na;b,c\n", "plain.csv", ",", None).column("text")) == ["a;b"]
