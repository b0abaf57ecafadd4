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


CHANGES = {
    "none": (new(), []),
    "more rows": (new({"train": 9, "validation": 2, "test": 1}), []),
    "fewer rows": (new({"train": 7, "validation": 2}), ["it has 9 texts instead of 10"]),
    "split": (new({"train": 20}), ["the split 'validation' is removed"]),
    "column": (new(tone=TEXT), ["the column 'tone' is new"]),
    "no label": (DatasetSchema(Features(text=TEXT), OLD.splits), ["the column 'label' is removed"]),
    "type": (new(text=List(TEXT)), ["the column 'text' is a list of string instead of string"]),
    "several labels": (
        new(label=List(ClassLabel(names=["a", "b"]))),
        ["the column 'label' is a list of a label instead of a label"],
    ),
    "no names": (new(label=TEXT), ["the column 'label' is string instead of a label"]),
    "label": (new(label=ClassLabel(names=["a", "b", "c"])), ["the labels of 'label' change: 'c' added"]),
    "other label": (new(label=ClassLabel(names=["a", "c"])), ["change: 'b' removed, 'c' added"]),
    "order": (new(label=ClassLabel(names=["b", "a"])), ["are in another order, which changes their integer codes"]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_that_may_break_the_code_of_users_are_listed(name: str) -> None:
    schema, expected = CHANGES[name]
    changes = schema_changes(schema, OLD)
    assert len(changes) == len(expected)
    assert all(part in change for part, change in zip(expected, changes, strict=True))


def test_a_long_list_of_labels_is_shortened() -> None:
    names = [f"l{number}" for number in range(40)]
    (change,) = schema_changes(new(label=ClassLabel(names=["a", "b", *names])), OLD)
    assert change.endswith("'l4' and 35 more added")


def test_the_schema_of_files(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        Dataset.from_dict({"text": ["x"], "label": [1]}, OLD.features).to_parquet(tmp_path / f"{name}.parquet")
    files = [(split_of(path.name), pq.ParquetFile(path)) for path in sorted(tmp_path.iterdir())]
    assert read_schema(files) == DatasetSchema(OLD.features, {"train": 2, "validation": 1})
    assert read_schema([]) is None


def test_the_split_of_a_file() -> None:
    assert [split_of(path) for path in ("data/train-00000-of-00001.parquet", "test.parquet")] == ["train", "test"]
