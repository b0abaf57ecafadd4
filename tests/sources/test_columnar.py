"""Parquet files: invalid ones, and the label names that `datasets` stores beside integer labels."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, List, Value

from tests.sources.reading import parquet, read, read_error

INVALID = {
    "none.parquet": (b"text,label\n", "none.parquet: not a readable parquet file"),
    "numbers.parquet": (parquet({"text": [1, 2]}), "numbers.parquet: row 1: 'text' is a number (1); it must be text"),
    "nulls.parquet": (parquet({"text": ["x", None]}), "nulls.parquet: row 2: 'text' is empty (null)"),
    "codes.parquet": (
        parquet({"text": ["x"], "label": [4]}),
        "codes.parquet: row 1: the label in 'label' is the number 4",
    ),
    "empty.parquet": (parquet({"text": pa.array([], pa.string())}), "empty.parquet: the file has no rows"),
}


@pytest.mark.parametrize("name", INVALID)
def test_an_invalid_file_is_one_sentence_with_the_position(name: str, tmp_path: Path) -> None:
    data, message = INVALID[name]
    assert message in read_error(tmp_path, name, data)


def test_integer_labels_get_the_names_in_the_file(tmp_path: Path) -> None:
    features = Features(
        text=Value("string"), label=ClassLabel(names=["ham", "spam"]), labels=List(ClassLabel(names=["a", "b"]))
    )
    table = pa.table({"text": ["x", "y"], "label": [1, 0], "labels": [[0, 1], []]}, schema=features.arrow_schema)
    pq.write_table(table, tmp_path / "f.parquet")
    data = (tmp_path / "f.parquet").read_bytes()
    assert [record.labels for record in read(tmp_path, "f.parquet", data)] == [("spam",), ("ham",)]
    several = read(tmp_path, "f.parquet", data, label="labels")
    assert [record.labels for record in several] == [("a", "b"), ()]


@pytest.mark.parametrize(
    "metadata", [b"{", b"[]", b'{"info": {"features": {"label": 3}}}', b'{"info": {"features": []}}']
)
def test_invalid_metadata_is_ignored(metadata: bytes, tmp_path: Path) -> None:
    table = pa.table({"text": ["x"], "label": ["a"]}).replace_schema_metadata({b"huggingface": metadata})
    pq.write_table(table, tmp_path / "f.parquet")
    (record,) = read(tmp_path, "f.parquet", (tmp_path / "f.parquet").read_bytes())
    assert record.labels == ("a",)


def test_a_folder_named_like_a_partition_adds_no_column(tmp_path: Path) -> None:
    folder = tmp_path / "label=wrong"
    folder.mkdir()
    (record,) = read(folder, "f.parquet", parquet({"text": ["x"]}))
    assert record.labels == ()


def test_a_repeated_column_is_an_error(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "f.parquet")
    data = (tmp_path / "f.parquet").read_bytes()
    assert "not a readable parquet file: Multiple matches" in read_error(tmp_path, "f.parquet", data)


def test_a_limit_reads_the_first_rows(tmp_path: Path) -> None:
    records = read(tmp_path, "f.parquet", parquet({"text": ["x", "y"]}), limit=1)
    assert [record.text for record in records] == ["x"]
