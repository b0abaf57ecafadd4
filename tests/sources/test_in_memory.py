from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from textsynth.core.errors import RecipeError, SourceError
from textsynth.core.records import Record
from textsynth.sources.in_memory import InMemory, is_rows

ROWS = [
    {"utterance": "where is it", "intent": "delivery", "tone": "calm"},
    {"utterance": "give it back", "intent": "refund", "tone": "cross"},
]
FRAME = pd.DataFrame(ROWS)
DATASET = datasets.Dataset.from_list(ROWS)
DATASET_WITH_CODES = DATASET.cast_column("intent", datasets.ClassLabel(names=["refund", "delivery"]))


def read(source: InMemory) -> list[Record]:
    return source.read(Path(), name="seeds", seed=0)


@pytest.mark.parametrize(
    "rows",
    [ROWS, tuple(ROWS), FRAME, DATASET, DATASET_WITH_CODES],
    ids=["list", "tuple", "frame", "dataset", "dataset with codes"],
)
def test_rows_of_every_type_become_the_same_records(rows: Any) -> None:
    records = read(InMemory.of(rows, text="utterance", label="intent", fields=["tone"]))
    assert [(record.text, record.labels, dict(record.fields)) for record in records] == [
        ("where is it", ("delivery",), {"tone": "calm"}),
        ("give it back", ("refund",), {"tone": "cross"}),
    ]
    assert records[0].provenance.step == "seeds"


def test_lists_that_pandas_holds_as_arrays_are_lists(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["where is it", "give it back"], "label": [["delivery"], ["refund", "delivery"]]})
    frame.to_parquet(tmp_path / "rows.parquet")
    loaded = pd.read_parquet(tmp_path / "rows.parquet")
    assert type(loaded["label"][0]).__name__ == "ndarray"
    assert [record.labels for record in read(InMemory.of(loaded))] == [("delivery",), ("refund", "delivery")]
    assert InMemory.of(loaded).sha256 == InMemory.of(frame).sha256


def test_the_hash_depends_on_the_content_alone() -> None:
    hashes = {InMemory.of(rows).sha256 for rows in (ROWS, FRAME, DATASET, [dict(row) for row in ROWS])}
    assert len(hashes) == 1
    assert InMemory.of(ROWS[::-1]).sha256 not in hashes
    assert InMemory.of([*ROWS, ROWS[0]]).sha256 not in hashes
    assert InMemory.of(DATASET_WITH_CODES).sha256 not in hashes
    assert InMemory.of([{"a": "x"}, {"b": "x"}]).sha256 == InMemory.of([{"a": "x"}, {"b": "x"}]).sha256


def test_the_hash_of_rows_with_missing_cells_stays_the_same() -> None:
    sha256 = "b9cb98a885d8d0fdb07fa51edb0fec1d7b8c1cb17f9b5a77369b665eceb0fcef"
    assert InMemory.of([{"a": "x"}, {"b": "x"}]).sha256 == sha256


def test_a_limit_and_a_sample_work_as_for_a_file() -> None:
    assert len(read(InMemory.of(ROWS, text="utterance", limit=1))) == 1
    assert len(read(InMemory.of(ROWS * 3, text="utterance", label="intent", per_label=1))) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a"}, {"label": "b"}], "seeds: row 2 has no 'text', which other rows have"),
        ([{"text": "a"}, {"text": ""}], r"seeds: row 2: 'text' is blank"),
        ([{"text": "a"}, {"text": 3}], r"seeds: row 2: 'text' is a number \(3\); it must be text"),
        (pd.DataFrame({"text": ["a", None]}), r"seeds: row 2: 'text' is empty \(null\)"),
        (pd.DataFrame({"utterance": ["a"]}), "seeds: no column 'text' for the text"),
    ],
)
def test_an_error_names_the_row(rows: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read(InMemory.of(rows))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "rows is an empty list"),
        ([{"text": "a"}, "b"], "rows must be a list of dicts, a pandas DataFrame or a datasets.Dataset, found"),
        ("seeds.csv", "rows must be a list of dicts"),
        (
            datasets.DatasetDict({"train": DATASET, "test": DATASET}),
            "one split of a data set, found a DatasetDict with train",
        ),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "two columns are called 'text'"),
    ],
)
def test_values_that_are_not_rows_are_errors(rows: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        InMemory.of(rows)


def test_an_invalid_option_is_an_error() -> None:
    with pytest.raises(RecipeError, match="InMemory has no field 'txet'; did you mean 'text'"):
        InMemory.of(ROWS, txet="utterance")


def test_rows_that_are_not_loaded_are_reported_as_missing() -> None:
    loaded = InMemory.of(ROWS)
    not_loaded = InMemory(sha256=loaded.sha256)
    assert loaded.missing_file(Path()) is None
    assert "were passed in Python" in str(not_loaded.missing_file(Path()))
    with pytest.raises(SourceError, match=r"sources\.seeds: its rows were passed in Python"):
        read(not_loaded)


def test_rows_are_distinguished_from_paths_and_components() -> None:
    assert all(is_rows(value) for value in (ROWS, FRAME, DATASET, [], ["wrong"], datasets.DatasetDict({})))
    assert not any(is_rows(value) for value in ("seeds.csv", Path("seeds.csv"), {"rows": {}}, None, 3))
