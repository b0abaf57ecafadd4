from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, List, Value

from textsynth.hub.schema_diff import DatasetSchema, read_schema, schema_changes, split_of

TEXT = Value("string")
OLD = DatasetSchema(Features(text=TEXT, label=ClassLabel(names=["a", "b"])), {"train": 8, "validation": 2})


def new(splits: dict[str, int] | None = None, **columns: object) -> DatasetSchema:
    return DatasetSchema(Features({**OLD.features, **columns}), splits or OLD.splits)


CHANGED = {
    "nothing": (new(), []),
    "more": (new({"train": 9, "validation": 2, "test": 1}), []),
    "fewer": (new({"train": 7, "validation": 2}), ["it has 9 texts where there are 10"]),
    "split": (new({"train": 20}), ["the split 'validation' is gone"]),
    "column": (new(tone=TEXT), ["the column 'tone' is new"]),
    "no label": (DatasetSchema(Features(text=TEXT), OLD.splits), ["the column 'label' is gone"]),
    "type": (new(text=List(TEXT)), ["the column 'text' is a list of string where it was string"]),
    "many": (new(label=List(ClassLabel(names=["a", "b"]))), ["the column 'label' is a list of a label where it was"]),
    "names": (new(label=TEXT), ["the column 'label' is string where it was a label"]),
    "label": (new(label=ClassLabel(names=["a", "b", "c"])), ["the labels of 'label': it also has 'c'"]),
    "another": (new(label=ClassLabel(names=["a", "c"])), ["it no longer has 'b' and also has 'c'"]),
    "order": (new(label=ClassLabel(names=["b", "a"])), ["stand in another order, which changes their codes"]),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_users_would_trip_over_is_told(name: str) -> None:
    shape, told = CHANGED[name]
    found = schema_changes(shape, OLD)
    assert len(found) == len(told)
    assert all(part in whole for part, whole in zip(told, found, strict=True))


def test_many_labels_are_not_all_named() -> None:
    names = [f"l{number}" for number in range(40)]
    (told,) = schema_changes(new(label=ClassLabel(names=["a", "b", *names])), OLD)
    assert told.endswith("'l4' and 35 more")


def test_the_shape_of_files(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        Dataset.from_dict({"text": ["x"], "label": [1]}, OLD.features).to_parquet(tmp_path / f"{name}.parquet")
    files = [(split_of(path.name), pq.ParquetFile(path)) for path in sorted(tmp_path.iterdir())]
    assert read_schema(files) == DatasetSchema(OLD.features, {"train": 2, "validation": 1})
    assert read_schema([]) is None


def test_the_split_of_a_file() -> None:
    assert [split_of(path) for path in ("data/train-00000-of-00001.parquet", "test.parquet")] == ["train", "test"]
