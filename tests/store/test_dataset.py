"""Rows of a config, read by column."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.export.outcomes import LABELS, outcome
from textsynth.core.errors import UsageError
from textsynth.export.dataset import write_dataset
from textsynth.store.dataset import (
    A_BATCH,
    DatasetReader,
    check_complete,
    confidence_of,
    label_text,
    source_of,
    text_of,
)
from textsynth.store.manifest import Manifest


def test_labels_come_as_names_and_rows_know_their_split(tmp_path: Path) -> None:
    told = outcome()
    write_dataset(tmp_path, told)
    rows = DatasetReader(tmp_path / "data")
    assert len(rows) == 30
    assert rows.names == list(LABELS)
    by_id = {one.id: one for one in told.selected}
    assert rows.column("label") == [by_id[one].label for one in rows.column("id")]
    assert (rows.splits.count("train"), rows.splits.count("validation")) == (24, 6)
    first, last = rows.rows_at([0, 29])
    assert (first["id"], last["id"]) == (rows.column("id")[0], rows.column("id")[29])
    assert last["label"] == by_id[last["id"]].label


def test_several_labels_come_as_a_list_of_names(tmp_path: Path) -> None:
    write_dataset(tmp_path, outcome(multi_label=True))
    rows = DatasetReader(tmp_path / "data")
    assert set(map(tuple, rows.column("label"))) == {("refund",), ("delivery",)}
    assert rows.rows_at([0])[0]["label"] == rows.column("label")[0]


def test_what_is_not_there_has_no_rows(tmp_path: Path) -> None:
    rows = DatasetReader(tmp_path / "nothing")
    assert (len(rows), rows.column("id"), rows.rows_at([]), rows.names) == (0, [], [], [])
    write_dataset(tmp_path, outcome(labels={}))
    assert DatasetReader(tmp_path / "data").column("label") == []


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "train-00000-of-00001.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(UsageError, match=r"train-00000-of-00001\.parquet: the data set is damaged"):
        DatasetReader(tmp_path)


@pytest.mark.parametrize("gone", ["data", "provenance", "dropped"])
def test_a_data_set_with_rows_missing_is_one_sentence(gone: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    rows = {name: len(DatasetReader(tmp_path / "dataset" / name)) for name in ("data", "provenance", "dropped")}
    counts = {"selected": rows["data"], "spare": 1, "dropped": rows["dropped"] - 1, "review": 0}
    check_complete(tmp_path, cast(Manifest, {"counts": counts}))
    shutil.rmtree(tmp_path / "dataset" / gone)
    with pytest.raises(UsageError, match=rf"{gone}: has 0 of the run's {rows[gone]} rows; run the recipe again"):
        check_complete(tmp_path, cast(Manifest, {"counts": counts}))


def test_rows_of_many_batches_and_files_come_in_the_order_asked_for(tmp_path: Path) -> None:
    count = 2 * A_BATCH + 3
    for start, name in ((0, "test"), (count, "train")):
        ids = [f"{place:016x}" for place in range(start, start + count)]
        pq.write_table(pa.table({"id": ids, "place": range(start, start + count)}), tmp_path / f"{name}-0.parquet")
    rows = DatasetReader(tmp_path)
    assert (len(rows), rows.splits[count - 1], rows.splits[count]) == (2 * count, "test", "train")
    assert list(rows.values("place")) == rows.column("place") == list(range(2 * count))
    asked = [2 * count - 1, 0, count, A_BATCH, A_BATCH - 1, 0, count - 1]
    assert [row["place"] for row in rows.rows_at(asked)] == asked
    assert rows.rows_at(range(2 * count)) == [{"id": f"{place:016x}", "place": place} for place in range(2 * count)]


def test_a_file_that_is_damaged_inside_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "train-0.parquet"
    pq.write_table(pa.table({"id": [f"{place:016x}" for place in range(9000)]}), path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:1000] = b"\xff" * 996
    path.write_bytes(content)
    rows = DatasetReader(tmp_path)
    for look in (lambda: rows.column("id"), lambda: rows.rows_at([8999])):
        with pytest.raises(UsageError, match=r"train-0\.parquet: the data set is damaged"):
            look()


def test_the_text_of_a_row_by_task() -> None:
    assert text_of({"text": "x", "paraphrase": "y"}) == "y"
    assert source_of({"text": "x", "paraphrase": "y"}) == "x"
    assert text_of({"document": "long", "summary": "short"}) == "short"
    assert source_of({"document": "long", "summary": "short"}) == "long"
    assert text_of({"text": "", "raw": "junk"}) == "junk"
    assert source_of({"text": "x"}) is None
    assert source_of({"text": "x", "source": "y"}) == "y"


def test_labels_as_text() -> None:
    assert [label_text(one) for one in (None, "a", ["a", "b"], [])] == ["", "a", "a, b", ""]


def test_a_labellers_confidence_comes_before_the_agreement_with_the_seeds() -> None:
    assert confidence_of(0.4, '{"agreement": 0.9}') == 0.4
    assert confidence_of(None, '{"length": 3, "agreement": 0.9}') == 0.9
    assert [confidence_of(None, one) for one in (None, "", "{}")] == [None] * 3
