from __future__ import annotations

from pathlib import Path

import datasets
import pytest

import textsynth as ts
from tests.api.recipes import make_tickets


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    out = tmp_path_factory.mktemp("run")
    return ts.run(make_tickets(want={"label": 30}, export={"splits": {"train": 0.5, "test": 0.5}}), out=out, quiet=True)


def test_the_data_set_has_its_splits_and_label_names(run: ts.Run) -> None:
    assert list(run.dataset) == ["train", "test"]
    assert run.dataset["train"].features["label"] == datasets.ClassLabel(names=["delivery", "refund"])
    assert sum(map(len, run.dataset.values())) == 60
    again = datasets.load_dataset(str(run.folder / "dataset"))
    assert {name: split[:] for name, split in again.items()} == {name: split[:] for name, split in run.dataset.items()}


def test_provenance_and_dropped_texts_are_read(run: ts.Run) -> None:
    assert {row["id"] for split in run.dataset.values() for row in split} == set(run.provenance["id"])
    capitals = run.dropped.filter(lambda row: row["step"] == "Shouting")
    assert set(capitals["reason"]) == {"is written in capitals"}
    assert set(capitals["limit"]) == {0.4}
    assert "is written in capitals" in run.why(capitals[0]["id"])


def test_a_second_run_in_a_folder_gives_the_new_data_set(tmp_path: Path) -> None:
    for limit in (4, 8):
        splits = ts.run(make_tickets(), out=tmp_path, limit=limit, quiet=True).dataset
        assert sum(len(rows) for rows in splits.values()) == limit


def test_a_loaded_run_equals_the_run(run: ts.Run) -> None:
    loaded = ts.load(run.folder)
    assert loaded.recipe is None
    assert (loaded.manifest, str(loaded), loaded.met) == (run.manifest, str(run), run.met)
    assert loaded.dataset["test"][:] == run.dataset["test"][:]


def test_without_dropped_texts_the_config_is_empty(tmp_path: Path) -> None:
    seeds = [{"text": f"row {n}", "label": "refund"} for n in range(4)]
    sections = {"sources": {"seeds": seeds}, "generate": [ts.generate.Existing(source="seeds")], "want": {"total": 4}}
    run = ts.run(make_tickets(filter=[], **sections), out=tmp_path, quiet=True)
    assert (len(run.dropped), run.dropped["step"][:]) == (0, [])
    assert run.dropped.column_names[:3] == ["id", "text", "label"]
    assert "config dropped is empty and left out" in run.notes


def test_a_run_is_shown_as_text_and_as_html(run: ts.Run) -> None:
    assert "60 selected of" in str(run)
    page = run._repr_html_()
    assert "the quota is met" in page
    assert "is written in capitals" in page
    assert run.report.is_file()


def test_a_folder_without_a_finished_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ts.UsageError, match="no finished run is in this folder"):
        ts.load(tmp_path)
