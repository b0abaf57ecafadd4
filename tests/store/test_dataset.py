"""The rows of a config, read by column and by position, and what a row means for the run's task."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.store.manifests import example_manifest
from textsynth.core.errors import UsageError
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.export.dataset import write_dataset
from textsynth.export.run_result import RunResult
from textsynth.store.dataset import (
    BATCH_ROWS,
    DatasetReader,
    check_complete,
    label_text,
    row_context,
    row_fields,
    row_text,
    run_task,
)
from textsynth.task.classification import Classification
from textsynth.task.paraphrasing import Paraphrasing
from textsynth.task.summarization import Summarization

LABELS = {"refund": "wants money back", "delivery": "asks where a parcel is"}


def record(number: int) -> Record:
    provenance = Provenance("labelled", request_key=f"key{number // 3}", index=number % 3)
    return Record(f"text {number}", provenance, (list(LABELS)[number // 3 % 2],))


def run_result(**changes: Any) -> RunResult:
    """Return a result with 30 selected texts of two labels, 2 surplus texts and 2 dropped ones."""
    values: dict[str, Any] = {
        "name": "parcels",
        "task": Classification(),
        "language": "en",
        "seed": 7,
        "labels": LABELS,
        "selected": [record(number) for number in range(30)],
        "surplus": [record(110), record(111)],
        "dropped": [
            DroppedRecord(record(100), "filter", "length", "too few words", 2, 3),
            DroppedRecord(Record("no list", Provenance("labelled", request_key="k")), "parse", "labelled", "no list"),
        ],
        "splits": {"train": 0.8, "validation": 0.2},
        **changes,
    }
    return RunResult(**values)


def test_labels_are_names_and_each_row_has_its_split(tmp_path: Path) -> None:
    result = run_result()
    write_dataset(tmp_path, result)
    rows = DatasetReader(tmp_path / "data")
    assert len(rows) == 30
    assert rows.names == list(LABELS)
    by_id = {record.id: record for record in result.selected}
    assert rows.column("label") == [by_id[id_].label for id_ in rows.column("id")]
    assert (rows.splits.count("train"), rows.splits.count("validation")) == (24, 6)
    first, last = rows.rows_at([0, 29])
    assert (first["id"], last["id"]) == (rows.column("id")[0], rows.column("id")[29])
    assert last["label"] == by_id[last["id"]].label


def test_several_labels_are_a_list_of_names(tmp_path: Path) -> None:
    write_dataset(tmp_path, run_result(multi_label=True))
    rows = DatasetReader(tmp_path / "data")
    assert set(map(tuple, rows.column("label"))) == {("refund",), ("delivery",)}
    assert rows.rows_at([0])[0]["label"] == rows.column("label")[0]


def test_a_missing_folder_or_column_has_no_values(tmp_path: Path) -> None:
    rows = DatasetReader(tmp_path / "missing")
    assert (len(rows), rows.column("id"), rows.rows_at([]), rows.names) == (0, [], [], [])
    write_dataset(tmp_path, run_result(labels={}))
    assert DatasetReader(tmp_path / "data").column("label") == []


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UsageError, match=r"train-00000-of-00001\.parquet: the data set is damaged"):
        DatasetReader(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("{'info'", "the data set is damaged"),
        ('{"info": []}', "the data set is damaged"),
        ("[" * 100_000, "the data set is damaged"),
        ('{"info": {"features": {"label": {"names": ["refund"]}}}}', "damaged (no label has the number 1)"),
    ],
)
def test_damaged_names_of_labels_are_one_sentence(metadata: str, message: str, tmp_path: Path) -> None:
    table = pa.table({"label": [0, 1]}).replace_schema_metadata({"huggingface": metadata})
    pq.write_table(table, tmp_path / "train-0.parquet")
    with pytest.raises(UsageError, match=rf"train-0\.parquet: .*{re.escape(message)}"):
        DatasetReader(tmp_path).column("label")


@pytest.mark.parametrize("missing", ["data", "provenance", "dropped"])
def test_a_data_set_with_missing_rows_is_one_sentence(missing: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", run_result())
    rows = {name: len(DatasetReader(tmp_path / "dataset" / name)) for name in ("data", "provenance", "dropped")}
    manifest = example_manifest()
    manifest["counts"].update({"selected": rows["data"], "surplus": 2, "dropped": rows["dropped"] - 2, "review": 0})
    check_complete(tmp_path, manifest)
    shutil.rmtree(tmp_path / "dataset" / missing)
    with pytest.raises(UsageError, match=rf"{missing}: has 0 of the run's {rows[missing]} rows; run the recipe again"):
        check_complete(tmp_path, manifest)


def test_rows_of_several_batches_and_files_are_returned_in_the_order_given(tmp_path: Path) -> None:
    count = 2 * BATCH_ROWS + 3
    for start, name in ((0, "test"), (count, "train")):
        ids = [f"{number:016x}" for number in range(start, start + count)]
        pq.write_table(pa.table({"id": ids, "number": range(start, start + count)}), tmp_path / f"{name}-0.parquet")
    rows = DatasetReader(tmp_path)
    assert (len(rows), rows.splits[count - 1], rows.splits[count]) == (2 * count, "test", "train")
    assert list(rows.values("number")) == rows.column("number") == list(range(2 * count))
    positions = [2 * count - 1, 0, count, BATCH_ROWS, BATCH_ROWS - 1, 0, count - 1]
    assert [row["number"] for row in rows.rows_at(positions)] == positions
    expected = [{"id": f"{number:016x}", "number": number} for number in range(2 * count)]
    assert rows.rows_at(range(2 * count)) == expected


@pytest.mark.parametrize("read", [lambda rows: rows.column("id"), lambda rows: rows.rows_at([8999])])
def test_a_file_with_damaged_pages_is_one_sentence(read: Callable[[DatasetReader], object], tmp_path: Path) -> None:
    path = tmp_path / "train-0.parquet"
    pq.write_table(pa.table({"id": [f"{number:016x}" for number in range(9000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:1000] = b"\xff" * 996
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"train-0\.parquet: the data set is damaged"):
        read(DatasetReader(tmp_path))


DROPPED = {"section": "filter", "text": "x", "raw_answer": None, "source_text": None}


def test_the_text_of_a_row_is_the_column_that_the_task_names() -> None:
    assert row_text(Classification(), {"text": "x"}) == "x"
    assert row_text(Paraphrasing(), {"text": "x", "paraphrase": "y"}) == "y"
    assert row_text(Summarization(), {"document": "long", "summary": "short"}) == "short"
    assert row_text(Paraphrasing(), DROPPED) == "x"
    assert row_text(Paraphrasing(), {**DROPPED, "text": "", "raw_answer": "unparsed"}) == "unparsed"


def test_the_context_of_a_row_is_what_its_text_rewrites() -> None:
    assert row_context(Classification(), {"text": "x"}) is None
    assert row_context(Paraphrasing(), {"text": "x", "paraphrase": "y"}) == "x"
    assert row_context(Summarization(), {"document": "long", "summary": "short"}) == "long"
    assert row_context(Paraphrasing(), DROPPED) is None
    assert row_context(Paraphrasing(), {**DROPPED, "source_text": "z"}) == "z"


def test_the_fields_of_a_row_are_those_that_the_task_needs() -> None:
    assert row_fields(Classification(), {"text": "x"}) == {}
    assert row_fields(Paraphrasing(), {"text": "x", "paraphrase": "y"}) == {"source_text": "x"}
    assert row_fields(Summarization(), {**DROPPED, "source_text": "z"}) == {"document": "z"}
    assert row_fields(Classification(), {**DROPPED, "source_text": "z"}) == {"source_text": "z"}
    assert row_fields(Classification(), DROPPED) == {}


def test_labels_are_joined_to_one_text() -> None:
    assert [label_text(label) for label in (None, "a", ["a", "b"], [])] == ["", "a", "a, b", ""]


TRIAGE = '''\
"""Triage."""

from textsynth import Task


class Triage(Task):
    """Texts with an urgency."""

    generator = "labelled"
    scale: int = 3
'''


def test_the_task_of_a_run_is_loaded_with_its_options(tmp_path: Path) -> None:
    (tmp_path / "triage.py").write_text(TRIAGE)
    manifest = example_manifest()
    assert run_task(tmp_path / "run", manifest) == Classification()
    manifest.update({"task": "./triage.py", "task_options": {"scale": 5}})
    assert run_task(tmp_path / "run", manifest).model_dump() == {"scale": 5}


def test_a_task_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    manifest = example_manifest()
    manifest.update({"task": "./triage.py"})
    with pytest.raises(UsageError, match=r"run: the run's task cannot be loaded: no file './triage\.py'"):
        run_task(tmp_path / "run", manifest)
    (tmp_path / "triage.py").write_text("from textsynth import Filter\n\n\nclass Triage(Filter): ...\n")
    with pytest.raises(UsageError, match=r"the run's task './triage\.py' is no task"):
        run_task(tmp_path / "run", manifest)
