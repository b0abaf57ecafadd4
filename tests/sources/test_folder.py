"""Folders of files: read in the order of their names; errors name the file of the row."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests.sources.reading import CSV, JSONL, rows_source
from textsynth.core.errors import SourceError
from textsynth.core.records import Record


def read(base: Path, files: dict[str, bytes], **options: object) -> list[Record]:
    (base / "rows").mkdir(exist_ok=True)
    for name, data in files.items():
        (base / "rows" / name).write_bytes(data)
    return rows_source("rows", **options).read(base, name="seeds", seed=7)


def parquet_with_names(names: list[str], code: int, text: str) -> bytes:
    sink = io.BytesIO()
    features = Features(text=Value("string"), label=ClassLabel(names=names))
    Dataset.from_dict({"text": [text], "label": [code]}, features).to_parquet(sink)
    return sink.getvalue()


def test_files_of_all_types_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    files = {
        "c.parquet": parquet_with_names(["x", "y"], 1, "third"),
        "a.csv": CSV,
        "b.jsonl.gz": gzip.compress(JSONL),
        "d.tsv": b"label\ttext\nz\tlast\n",
        ".hidden": b"not read",
    }
    records = read(tmp_path, files)
    assert [(record.text, record.label) for record in records] == [
        ("where is my card", "card_arrival"),
        ("I lost it", "lost_card"),
        ("where is my card", "card_arrival"),
        ("third", "y"),
        ("last", "z"),
    ]


def test_integer_labels_get_the_names_in_their_own_file(tmp_path: Path) -> None:
    files = {
        "a.parquet": parquet_with_names(["x", "y"], 0, "one"),
        "b.parquet": parquet_with_names(["y", "x"], 0, "two"),
    }
    assert [record.label for record in read(tmp_path, files)] == ["x", "y"]


def test_a_limit_counts_the_rows_of_all_files(tmp_path: Path) -> None:
    files = {"a.txt": b"one\ntwo\n", "b.txt": b"three\nfour\n", "c.txt": b""}
    assert [record.text for record in read(tmp_path, files, limit=3)] == ["one", "two", "three"]


INVALID: dict[str, tuple[dict[str, bytes], str]] = {
    "a bad row": ({"a.csv": CSV, "b.csv": b"text,label\n,x\n"}, "rows/b.csv:2: 'text' is blank"),
    "a column": ({"a.csv": CSV, "b.txt": b"one\n"}, "rows/b.txt: no column 'label', which rows/a.csv has"),
    "no column": ({"a.csv": b"txt\none\n"}, "rows: no column 'text' for the text; did you mean 'txt'?"),
    "another kind": ({"a.csv": CSV, "notes.md": b"# x"}, "rows/notes.md: unknown file type '.md'"),
    "nothing": ({}, "rows: is an empty folder; at least one file is needed"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_error_names_the_file(tmp_path: Path, name: str) -> None:
    files, message = INVALID[name]
    with pytest.raises(SourceError) as caught:
        read(tmp_path, files)
    assert str(caught.value).startswith(message)


def test_a_subfolder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rows" / "test").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"rows: contains the folder 'test', and only files are read"):
        read(tmp_path, {"a.csv": CSV})
