"""Parquet that is none or holds no texts, and the label names that `datasets` writes beside the codes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value

from tests.sources.reading import parquet, read, refused

BROKEN = {
    "none.parquet": (b"text,label\n", "none.parquet: no readable parquet file"),
    "numbers.parquet": (parquet({"text": [1, 2]}), "numbers.parquet: row 1: 'text' is a number (1), and must be text"),
    "nulls.parquet": (parquet({"text": ["x", None]}), "nulls.parquet: row 2: 'text' is empty (null)"),
    "codes.parquet": (
        parquet({"text": ["x"], "label": [4]}),
        "codes.parquet: row 1: the label in 'label' is the number 4",
    ),
    "empty.parquet": (parquet({"text": pa.array([], pa.string())}), "empty.parquet: no rows"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_sentence_that_says_where(name: str, tmp_path: Path) -> None:
    data, told = BROKEN[name]
    assert told in refused(tmp_path, name, data)


def test_codes_get_the_names_that_the_file_carries(tmp_path: Path) -> None:
    features = Features(
        text=Value("string"), label=ClassLabel(names=["ham", "spam"]), labels=List(ClassLabel(names=["a", "b"]))
    )
    table = pa.table({"text": ["x", "y"], "label": [1, 0], "labels": [[0, 1], []]}, schema=features.arrow_schema)
    pq.write_table(table, tmp_path / "f.parquet")
    data = (tmp_path / "f.parquet").read_bytes()
    assert [one.labels for one in read(tmp_path, "f.parquet", data)] == [("spam",), ("ham",)]
    assert [one.labels for one in read(tmp_path, "f.parquet", data, label="labels")] == [("a", "b"), ()]


@pytest.mark.parametrize("noted", [b"{", b"[]", b'{"info": {"features": {"label": 3}}}', b'{"info": {"features": []}}'])
def test_what_stands_beside_the_columns_need_not_make_sense(noted: bytes, tmp_path: Path) -> None:
    table = pa.table({"text": ["x"], "label": ["a"]}).replace_schema_metadata({b"huggingface": noted})
    pq.write_table(table, tmp_path / "f.parquet")
    (one,) = read(tmp_path, "f.parquet", (tmp_path / "f.parquet").read_bytes())
    assert one.labels == ("a",)


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "label=wrong"
    folder.mkdir()
    (one,) = read(folder, "f.parquet", parquet({"text": ["x"]}))
    assert one.labels == ()


def test_a_column_that_is_there_twice_is_told(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "f.parquet")
    data = (tmp_path / "f.parquet").read_bytes()
    assert "no readable parquet file: Multiple matches" in refused(tmp_path, "f.parquet", data)


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    assert [one.text for one in read(tmp_path, "f.parquet", parquet({"text": ["x", "y"]}), limit=1)] == ["x"]
