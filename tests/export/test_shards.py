"""A data set in files of a number of rows, on a disk and in another file system, is the data set of the run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from tests.export.outcomes import record, run_result
from textsynth.core.errors import UsageError
from textsynth.export.dataset import write_dataset
from textsynth.export.shards import write_shards
from textsynth.store.storage import open_folder


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "dataset"
    selected = [record(number, request_key=f"key{number}") for number in range(25)]
    write_dataset(folder, run_result(selected=selected, splits={"train": 0.8, "test": 0.2}))
    return folder


@pytest.mark.parametrize("rows_per_file", [None, 1, 7, 20, 1000])
def test_load_dataset_reads_the_same_rows(dataset: Path, tmp_path: Path, rows_per_file: int | None) -> None:
    out = tmp_path / "out"
    names = write_shards(dataset, open_folder(str(out)), rows_per_file)
    assert sorted(names) == sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    for config in ("default", "provenance", "dropped"):
        expected, found = load_dataset(str(dataset), config), load_dataset(str(out), config)
        assert {split: rows.to_list() for split, rows in found.items()} == {
            split: rows.to_list() for split, rows in expected.items()
        }
        assert found["train"].features == expected["train"].features
    sizes = [pq.ParquetFile(path).metadata.num_rows for path in sorted((out / "data").glob("train-*.parquet"))]
    assert sum(sizes) == 20
    assert max(sizes) == min(20, rows_per_file or 20)


def test_the_files_are_the_same_in_another_file_system(dataset: Path, tmp_path: Path) -> None:
    url = f"memory://{hashlib.sha256(str(tmp_path).encode()).hexdigest()}"
    names = write_shards(dataset, open_folder(url), 6)
    write_shards(dataset, open_folder(str(tmp_path / "out")), 6)
    filesystem = fsspec.filesystem("memory")
    assert {name: filesystem.cat_file(f"{url}/{name}") for name in names} == {
        name: (tmp_path / "out" / name).read_bytes() for name in names
    }


def test_a_folder_that_is_not_empty_is_refused_and_replaced_only_with_replace(dataset: Path, tmp_path: Path) -> None:
    out = open_folder(str(tmp_path / "out"))
    write_shards(dataset, out, 5)
    with pytest.raises(UsageError, match="is not empty; --replace writes"):
        write_shards(dataset, out, 10)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    names = write_shards(dataset, out, 10, replace=True)
    left = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left == {*names, "notes.txt"}
    with pytest.raises(UsageError, match="has no data set"):
        write_shards(tmp_path, open_folder(str(tmp_path / "other")), 10)
