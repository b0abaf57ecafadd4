"""The folder of a data set: what `load_dataset` finds in it, the same bytes each time, and never half of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, load_dataset

from tests.export.outcomes import LABELS, record, run_result
from textsynth.core.errors import RunError, UsageError
from textsynth.export import dataset
from textsynth.export.dataset import write_dataset
from textsynth.export.parquet import ROWS_PER_GROUP
from textsynth.store.dataset_hash import dataset_hash
from textsynth.store.owned_files import FILE as LIST_OF_FILES
from textsynth.store.owned_files import OwnedFiles


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_config_loads_with_its_splits_and_types(tmp_path: Path) -> None:
    written = write_dataset(tmp_path / "dataset", run_result())
    assert written.splits == {"train": 24, "validation": 6}
    assert written.notes == ()
    default = load_dataset(str(tmp_path / "dataset"))
    assert {name: len(rows) for name, rows in default.items()} == written.splits
    assert default["train"].features["label"] == ClassLabel(names=list(LABELS))
    provenance = load_dataset(str(tmp_path / "dataset"), "provenance")["train"]
    assert len(provenance) == 30
    split_of = dict(zip(provenance["id"], provenance["split"], strict=True))
    assert all(split_of[id_] == name for name, rows in default.items() for id_ in rows["id"])
    assert len(load_dataset(str(tmp_path / "dataset"), "dropped")["train"]) == 7


def test_texts_of_one_answer_are_in_one_split(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", run_result())
    provenance = load_dataset(str(tmp_path / "dataset"), "provenance")["train"]
    pairs = set(zip(provenance["request_key"], provenance["split"], strict=True))
    assert len(pairs) == len(set(provenance["request_key"]))


def test_the_same_result_gives_the_same_bytes_in_any_order_and_process(tmp_path: Path) -> None:
    result = run_result()
    write_dataset(tmp_path / "first", result)
    reordered = run_result(
        selected=result.selected[::-1], dropped=result.dropped[::-1], surplus=result.surplus[::-1]
    )  # fmt: skip
    write_dataset(tmp_path / "second", reordered)
    code = (
        "import sys; from pathlib import Path; from tests.export.outcomes import run_result; "
        "from textsynth.export.dataset import write_dataset; write_dataset(Path(sys.argv[1]), run_result())"
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


def test_a_large_file_has_several_row_groups(tmp_path: Path) -> None:
    selected = [record(number) for number in range(ROWS_PER_GROUP + 1)]
    write_dataset(tmp_path, run_result(selected=selected, splits={"train": 1.0}, dropped=[], surplus=[]))
    for name in ("data", "provenance"):
        file = pq.ParquetFile(tmp_path / name / "train-00000-of-00001.parquet")
        assert [file.metadata.row_group(group).num_rows for group in range(2)] == [ROWS_PER_GROUP, 1]
        assert file.read(["id"]).column("id").to_pylist() == sorted(row.id for row in selected)


def load_in_fresh_process(folder: Path, cache: Path) -> dict[str, list[str]]:
    """Load the data set in a new process with a cache of `load_dataset` that outlives the process."""
    code = (
        "import sys, json, datasets; "
        "default = datasets.load_dataset(sys.argv[1]); dropped = datasets.load_dataset(sys.argv[1], 'dropped'); "
        "print(json.dumps({'texts': default['train']['text'][:], 'reasons': dropped['train']['reason'][:]}))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "HF_DATASETS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(process.stdout))


def test_the_cache_of_load_dataset_does_not_return_the_rows_of_an_earlier_run(tmp_path: Path) -> None:
    splits = {"train": 1.0}
    write_dataset(tmp_path / "dataset", run_result(selected=[record(1), record(2)], splits=splits))
    first = load_in_fresh_process(tmp_path / "dataset", tmp_path / "cache")
    assert sorted(first["texts"]) == ["text 1", "text 2"]
    dropped = run_result().dropped[:1]
    write_dataset(tmp_path / "dataset", run_result(selected=[record(3), record(4)], dropped=dropped, splits=splits))
    second = load_in_fresh_process(tmp_path / "dataset", tmp_path / "cache")
    assert sorted(second["texts"]) == ["text 3", "text 4"]
    assert len(second["reasons"]) == len(first["reasons"]) - 4


def test_empty_splits_and_configs_are_left_out_with_a_note(tmp_path: Path) -> None:
    written = write_dataset(tmp_path / "dataset", run_result(selected=[record(1)], surplus=(), dropped=()))
    assert written.splits == {"train": 1, "validation": 0}
    assert written.notes == ("split validation is empty and left out", "config dropped is empty and left out")
    assert list(load_dataset(str(tmp_path / "dataset"))) == ["train"]
    with pytest.raises(ValueError, match="dropped"):
        load_dataset(str(tmp_path / "dataset"), "dropped")


def test_a_run_that_selected_nothing_has_its_dropped_texts(tmp_path: Path) -> None:
    written = write_dataset(tmp_path / "dataset", run_result(selected=()))
    assert "config default is empty and left out" in written.notes
    assert len(load_dataset(str(tmp_path / "dataset"), "dropped")["train"]) == 7


@pytest.mark.parametrize(
    "changes", [{"multi_label": True}, {"labels": {}, "task": "summarization"}, {"task": "paraphrasing"}]
)
def test_the_data_sets_of_all_tasks_load(changes: dict[str, object], tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", run_result(**changes))
    assert len(load_dataset(str(tmp_path / "dataset"))["train"]) == 24


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_earlier_data_set_is_replaced_with_all_its_files(tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", run_result())
    write_dataset(tmp_path / "dataset", run_result(splits={"train": 1.0}))
    assert "data/validation-00000-of-00001.parquet" not in files(tmp_path / "dataset")
    assert names_in(tmp_path) == [LIST_OF_FILES, "dataset"]


@pytest.mark.parametrize("in_the_way", ["foreign", "changed", "link", "folder that is a link"])
def test_a_file_that_no_run_wrote_is_never_replaced(in_the_way: str, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "dataset"
    write_dataset(folder, run_result())
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "mine.csv").write_text("precious")
    if in_the_way == "foreign":
        (folder / "data" / "mine.parquet").write_text("precious")
    elif in_the_way == "changed":
        (folder / "README.md").write_text("precious")
    elif in_the_way == "link":
        (folder / "README.md").unlink()
        (folder / "README.md").symlink_to(tmp_path / "precious" / "mine.csv")
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "precious")
    before = {**files(tmp_path / "run"), **files(tmp_path / "precious")}
    with pytest.raises(UsageError, match=r"would be replaced; move it away, or name another folder with --out"):
        write_dataset(folder, run_result(splits={"train": 1.0}))
    assert {**files(tmp_path / "run"), **files(tmp_path / "precious")} == before


def killed_while_writing(run: Path, point: str) -> None:
    """Write another data set in a process that is killed when it calls `point` for the first time."""
    code = f"""
import os, signal, sys
from pathlib import Path
from tests.export.outcomes import run_result
from textsynth.export import dataset
setattr(dataset, {point!r}, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
dataset.write_dataset(Path(sys.argv[1]) / "dataset", run_result(splits={{"train": 1.0}}))
"""
    process = subprocess.run([sys.executable, "-c", code, str(run)], check=False)
    assert process.returncode == -9


@pytest.mark.parametrize("point", ["card", "_replace", "exchange", "_remove_layout"])
def test_a_run_that_is_killed_while_it_writes_is_continued_and_leaves_nothing(point: str, tmp_path: Path) -> None:
    write_dataset(tmp_path / "dataset", run_result())
    before = files(tmp_path / "dataset")
    killed_while_writing(tmp_path, point)
    after = files(tmp_path / "dataset")
    assert after == before or (point == "_remove_layout" and len(after) == len(before) - 1)
    write_dataset(tmp_path / "dataset", run_result(splits={"train": 1.0}))
    assert names_in(tmp_path) == [LIST_OF_FILES, "dataset"]


def test_a_system_without_exchange_is_continued_between_the_two_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        return False

    write_dataset(tmp_path / "dataset", run_result())
    before = files(tmp_path / "dataset")
    monkeypatch.setattr(dataset, "exchange", fail)
    rename = Path.rename

    def killed(path: Path, target: Path) -> None:
        if target.name == "dataset":
            raise KeyboardInterrupt
        rename(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "dataset", run_result(splits={"train": 1.0}))
    assert not (tmp_path / "dataset").exists()
    monkeypatch.setattr(Path, "rename", rename)
    dataset._remove_unfinished(OwnedFiles(tmp_path), "dataset")
    assert files(tmp_path / "dataset") == before
    write_dataset(tmp_path / "dataset", run_result())
    assert names_in(tmp_path) == [LIST_OF_FILES, "dataset"]


def test_a_reader_never_finds_no_data_set(tmp_path: Path) -> None:
    results = [run_result(), run_result(splits={"train": 1.0})]
    write_dataset(tmp_path / "dataset", results[0])
    done = threading.Event()
    missing: list[int] = []

    def read() -> None:
        while not done.is_set():
            missing.append(not (tmp_path / "dataset").is_dir())

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(10):
        write_dataset(tmp_path / "dataset", results[number % 2])
    done.set()
    thread.join()
    assert len(missing) > 10
    assert not any(missing)


def test_only_the_owner_can_read_a_data_set(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "dataset"
    write_dataset(folder, run_result())
    for path in (tmp_path / "run").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o700


def test_the_hash_of_what_was_written_is_that_of_the_folder(tmp_path: Path) -> None:
    written = write_dataset(tmp_path / "dataset", run_result())
    assert written.sha256 == dataset_hash(tmp_path) != ""
    other = write_dataset(tmp_path / "dataset", run_result(splits={"train": 1.0}))
    assert other.sha256 == dataset_hash(tmp_path) != written.sha256


def test_the_earlier_data_set_stays_where_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_dataset(tmp_path / "dataset", run_result())
    expected = files(tmp_path / "dataset")
    monkeypatch.setattr(dataset, "_write_parquet", fail)
    with pytest.raises(RunError, match="the data set cannot be written: No space left"):
        write_dataset(tmp_path / "dataset", run_result(splits={"train": 1.0}))
    assert files(tmp_path / "dataset") == expected
    assert names_in(tmp_path) == [LIST_OF_FILES, "dataset"]
