"""The folder: what `load_dataset` finds in it, the same bytes each time, and never half of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, load_dataset

from tests.export.outcomes import LABELS, outcome, record
from textsynth.core.errors import RunError
from textsynth.export.dataset import ROWS_A_GROUP, write_dataset


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_config_loads_with_its_types(tmp_path: Path) -> None:
    told = outcome()
    written = write_dataset(tmp_path / "dataset", told)
    assert written.splits == {"train": 24, "validation": 6}
    assert written.notes == ()
    default = load_dataset(str(tmp_path / "dataset"))
    assert {name: len(rows) for name, rows in default.items()} == written.splits
    assert default["train"].features["label"] == ClassLabel(names=list(LABELS))
    passports = load_dataset(str(tmp_path / "dataset"), "provenance")["train"]
    assert len(passports) == 30
    split = dict(zip(passports["id"], passports["split"], strict=True))
    assert all(split[one] == name for name, rows in default.items() for one in rows["id"])
    assert len(load_dataset(str(tmp_path / "dataset"), "dropped")["train"]) == 7


def test_no_answer_is_in_two_splits(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    passports = load_dataset(str(tmp_path / "dataset"), "provenance")["train"]
    pairs = set(zip(passports["request"], passports["split"], strict=True))
    assert len(pairs) == len(set(passports["request"]))


def test_the_same_outcome_gives_the_same_bytes_in_any_order_and_process(tmp_path: Path) -> None:
    write_dataset(tmp_path / "first", outcome())
    told = outcome()
    write_dataset(
        tmp_path / "second",
        outcome(selected=told.selected[::-1], dropped=told.dropped[::-1], surplus=told.surplus[::-1]),
    )
    code = (
        "from pathlib import Path; from tests.export.outcomes import outcome; "
        "from textsynth.export.dataset import write_dataset; write_dataset(Path(__import__('sys').argv[1]), outcome())"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "third")], check=True)
    assert files(tmp_path / "first") == files(tmp_path / "second") == files(tmp_path / "third")
    assert set(files(tmp_path / "first")) == {
        "README.md",
        "data/train-00000-of-00001.parquet",
        "data/validation-00000-of-00001.parquet",
        "provenance/train-00000-of-00001.parquet",
        "dropped/train-00000-of-00001.parquet",
    }


def test_a_large_file_has_several_groups_and_reads_as_one(tmp_path: Path) -> None:
    multi_label = [record(number) for number in range(ROWS_A_GROUP + 1)]
    write_dataset(tmp_path, outcome(selected=multi_label, splits={"train": 1.0}, dropped=[], surplus=[]))
    for name in ("data", "provenance"):
        file = pq.ParquetFile(tmp_path / name / "train-00000-of-00001.parquet")
        assert [file.metadata.row_group(group).num_rows for group in range(2)] == [ROWS_A_GROUP, 1]
        assert file.read(["id"]).column("id").to_pylist() == sorted(one.id for one in multi_label)


def loaded(folder: Path, cache: Path) -> dict[str, list[str]]:
    """Load the data set in a fresh process with `load_dataset`'s own cache, which outlives the process."""
    code = (
        "import sys, json, datasets; "
        "found = datasets.load_dataset(sys.argv[1]); dropped = datasets.load_dataset(sys.argv[1], 'dropped'); "
        "print(json.dumps({'texts': found['train']['text'][:], 'reasons': dropped['train']['reason'][:]}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "HF_DATASETS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def test_a_second_run_s_rows_are_loaded_not_the_first_one_s(tmp_path: Path) -> None:
    one_split = {"train": 1.0}
    write_dataset(tmp_path / "dataset", outcome(selected=[record(1), record(2)], splits=one_split))
    first = loaded(tmp_path / "dataset", tmp_path / "cache")
    assert sorted(first["texts"]) == ["text 1", "text 2"]
    write_dataset(
        tmp_path / "dataset", outcome(selected=[record(3), record(4)], dropped=outcome().dropped[:1], splits=one_split)
    )
    second = loaded(tmp_path / "dataset", tmp_path / "cache")
    assert sorted(second["texts"]) == ["text 3", "text 4"]
    assert len(second["reasons"]) == len(first["reasons"]) - 4


def test_empty_splits_and_configs_are_left_out_and_said(tmp_path: Path) -> None:
    told = outcome(selected=[record(1)], surplus=(), dropped=())
    written = write_dataset(tmp_path / "dataset", told)
    assert written.splits == {"train": 1, "validation": 0}
    assert written.notes == ("split validation is empty and left out", "config dropped is empty and left out")
    assert list(load_dataset(str(tmp_path / "dataset"))) == ["train"]
    with pytest.raises(ValueError, match="dropped"):
        load_dataset(str(tmp_path / "dataset"), "dropped")


def test_a_run_that_selected_nothing_keeps_what_it_dropped(tmp_path: Path) -> None:
    written = write_dataset(tmp_path / "dataset", outcome(selected=()))
    assert "config default is empty and left out" in written.notes
    assert len(load_dataset(str(tmp_path / "dataset"), "dropped")["train"]) == 7


@pytest.mark.parametrize(
    "changes", [{"multi_label": True}, {"labels": {}, "task": "summarization"}, {"task": "paraphrase"}]
)
def test_every_task_loads(changes: dict[str, object], tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome(**changes))
    assert len(load_dataset(str(tmp_path / "dataset"))["train"]) == 24


def test_what_stood_there_is_replaced_whole(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    (tmp_path / "dataset" / "stale.txt").write_text("of an earlier run")
    write_dataset(tmp_path / "dataset", outcome(splits={"train": 1.0}))
    assert "stale.txt" not in files(tmp_path / "dataset")
    assert "data/validation-00000-of-00001.parquet" not in files(tmp_path / "dataset")
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_what_a_crash_left_is_put_right(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    whole = files(tmp_path / "dataset")
    (tmp_path / "dataset").rename(tmp_path / ".dataset.old")
    (tmp_path / ".dataset.new" / "data").mkdir(parents=True)
    (tmp_path / ".dataset.new" / "data" / "half.parquet").write_bytes(b"PAR1")
    write_dataset(tmp_path / "dataset", outcome())
    assert files(tmp_path / "dataset") == whole
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_disk_that_does_not_take_it_leaves_the_old_one(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", outcome())
    whole = files(tmp_path / "dataset")
    (tmp_path / ".dataset.new").write_text("a file in the way")
    with pytest.raises(RunError, match="the data set cannot be written"):
        write_dataset(tmp_path / "dataset", outcome(splits={"train": 1.0}))
    assert files(tmp_path / "dataset") == whole
