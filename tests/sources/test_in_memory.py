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
    {"said": "where is it", "about": "delivery", "tone": "calm"},
    {"said": "give it back", "about": "refund", "tone": "cross"},
]
FRAME = pd.DataFrame(ROWS)
SET = datasets.Dataset.from_list(ROWS)
CODED = SET.cast_column("about", datasets.ClassLabel(names=["refund", "delivery"]))


def read(given: InMemory) -> list[Record]:
    return given.read(Path(), name="seeds", seed=0)


@pytest.mark.parametrize("rows", [ROWS, tuple(ROWS), FRAME, SET, CODED], ids=["list", "tuple", "frame", "set", "coded"])
def test_rows_of_every_kind_become_the_same_records(rows: Any) -> None:
    records = read(InMemory.of(rows, text="said", label="about", fields=["tone"]))
    assert [(one.text, one.labels, dict(one.fields)) for one in records] == [
        ("where is it", ("delivery",), {"tone": "calm"}),
        ("give it back", ("refund",), {"tone": "cross"}),
    ]
    assert records[0].provenance.step == "seeds"


def test_lists_that_pandas_holds_as_arrays_are_lists(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["where is it", "give it back"], "label": [["delivery"], ["refund", "delivery"]]})
    frame.to_parquet(tmp_path / "rows.parquet")
    found = pd.read_parquet(tmp_path / "rows.parquet")
    assert type(found["label"][0]).__name__ == "ndarray"
    assert [one.labels for one in read(InMemory.of(found))] == [("delivery",), ("refund", "delivery")]
    assert InMemory.of(found).sha256 == InMemory.of(frame).sha256


def test_the_hash_tells_contents_apart_and_nothing_else() -> None:
    hashes = {InMemory.of(rows).sha256 for rows in (ROWS, FRAME, SET, [dict(row) for row in ROWS])}
    assert len(hashes) == 1
    assert InMemory.of(ROWS[::-1]).sha256 not in hashes
    assert InMemory.of([*ROWS, ROWS[0]]).sha256 not in hashes
    assert InMemory.of(CODED).sha256 not in hashes
    assert InMemory.of([{"a": "x"}, {"b": "x"}]).sha256 == InMemory.of([{"a": "x"}, {"b": "x"}]).sha256


def test_a_limit_and_a_sample_count_as_in_a_file() -> None:
    assert len(read(InMemory.of(ROWS, text="said", limit=1))) == 1
    assert len(read(InMemory.of(ROWS * 3, text="said", label="about", per_label=1))) == 2


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"text": "a"}, {"label": "b"}], "seeds: row 2 has no 'text', which others have"),
        ([{"text": "a"}, {"text": ""}], r"seeds: row 2: 'text' is blank"),
        ([{"text": "a"}, {"text": 3}], r"seeds: row 2: 'text' is a number \(3\), and must be text"),
        (pd.DataFrame({"text": ["a", None]}), r"seeds: row 2: 'text' is empty \(null\)"),
        (pd.DataFrame({"said": ["a"]}), "seeds: no column 'text' for the text"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(rows: Any, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        read(InMemory.of(rows))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "rows are an empty list"),
        ([{"text": "a"}, "b"], "rows are a list of dicts, a pandas DataFrame or a datasets.Dataset, found"),
        ("seeds.csv", "rows are a list of dicts"),
        (datasets.DatasetDict({"train": SET, "test": SET}), "one split of a data set, found a DatasetDict with train"),
        (pd.DataFrame([["a", "b"]], columns=["text", "text"]), "two columns are called 'text'"),
    ],
)
def test_what_is_no_rows_is_refused(rows: Any, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        InMemory.of(rows)
    with pytest.raises(RecipeError, match="InMemory has no field 'txet'; did you mean 'text'"):
        InMemory.of(ROWS, txet="said")


def test_rows_that_are_not_here_are_said_to_be_missing() -> None:
    there = InMemory.of(ROWS)
    gone = InMemory(sha256=there.sha256)
    assert there.missing_file(Path()) is None
    assert "were given in Python" in str(gone.missing_file(Path()))
    with pytest.raises(SourceError, match=r"sources\.seeds: its rows were given in Python"):
        read(gone)


def test_rows_are_told_from_paths_and_items() -> None:
    assert all(is_rows(one) for one in (ROWS, FRAME, SET, [], ["wrong"], datasets.DatasetDict({})))
    assert not any(is_rows(one) for one in ("seeds.csv", Path("seeds.csv"), {"rows": {}}, None, 3))
