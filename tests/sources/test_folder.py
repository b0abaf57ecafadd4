"""Folders of files: read in the order of their names, each row told by its own file."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from tests.sources.reading import GOOD, PLAIN, source
from textsynth.core.errors import SourceError
from textsynth.core.records import Record


def read(base: Path, files: dict[str, bytes], **options: object) -> list[Record]:
    (base / "rows").mkdir(exist_ok=True)
    for name, data in files.items():
        (base / "rows" / name).write_bytes(data)
    return source("rows", **options).read(base, name="seeds", seed=7)


def coded(names: list[str], code: int, text: str) -> bytes:
    sink = io.BytesIO()
    features = Features(text=Value("string"), label=ClassLabel(names=names))
    Dataset.from_dict({"text": [text], "label": [code]}, features).to_parquet(sink)
    return sink.getvalue()


def test_files_of_all_kinds_are_read_by_their_names(tmp_path: Path) -> None:
    files = {
        "c.parquet": coded(["x", "y"], 1, "third"),
        "a.csv": GOOD,
        "b.jsonl.gz": gzip.compress(PLAIN),
        "d.tsv": b"label\ttext\nz\tlast\n",
        ".hidden": b"not read",
    }
    found = read(tmp_path, files)
    assert [(one.text, one.label) for one in found] == [
        ("where is my card", "card_arrival"),
        ("I lost it", "lost_card"),
        ("where is my card", "card_arrival"),
        ("third", "y"),
        ("last", "z"),
    ]


def test_codes_are_the_names_of_their_own_file(tmp_path: Path) -> None:
    files = {"a.parquet": coded(["x", "y"], 0, "one"), "b.parquet": coded(["y", "x"], 0, "two")}
    assert [one.label for one in read(tmp_path, files)] == ["x", "y"]


def test_a_limit_goes_over_the_files(tmp_path: Path) -> None:
    files = {"a.txt": b"one\ntwo\n", "b.txt": b"three\nfour\n", "c.txt": b""}
    assert [one.text for one in read(tmp_path, files, limit=3)] == ["one", "two", "three"]


WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "a bad row": ({"a.csv": GOOD, "b.csv": b"text,label\n,x\n"}, "rows/b.csv:2: 'text' is blank"),
    "a column": ({"a.csv": GOOD, "b.txt": b"one\n"}, "rows/b.txt: no column 'label', which rows/a.csv has"),
    "no column": ({"a.csv": b"txt\none\n"}, "rows: no column 'text' for the text; did you mean 'txt'?"),
    "another kind": ({"a.csv": GOOD, "notes.md": b"# x"}, "rows/notes.md: unknown kind of file '.md'"),
    "nothing": ({}, "rows: is an empty folder; at least one file is needed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_by_its_own_file(tmp_path: Path, name: str) -> None:
    files, told = WRONG[name]
    with pytest.raises(SourceError) as caught:
        read(tmp_path, files)
    assert str(caught.value).startswith(told)


def test_a_folder_inside_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "rows" / "test").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"rows: holds the folder 'test'; name it, or move it elsewhere"):
        read(tmp_path, {"a.csv": GOOD})
