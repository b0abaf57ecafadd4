from __future__ import annotations

from pathlib import Path

import datasets
import pytest

import textsynth as ts
from tests.api.works import recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ts.Run:
    out = tmp_path_factory.mktemp("run")
    return ts.run(recipe(want={"label": 30}, export={"splits": {"train": 0.5, "test": 0.5}}), out=out, quiet=True)


def test_the_data_set_has_its_splits_and_names_its_labels(run: ts.Run) -> None:
    assert list(run.dataset) == ["train", "test"]
    assert run.dataset["train"].features["label"] == datasets.ClassLabel(names=["delivery", "refund"])
    assert sum(map(len, run.dataset.values())) == 60
    again = datasets.load_dataset(str(run.folder / "dataset"))
    assert {name: split[:] for name, split in again.items()} == {name: split[:] for name, split in run.dataset.items()}


def test_passports_and_drops_stand_beside_it(run: ts.Run) -> None:
    assert {row["id"] for split in run.dataset.values() for row in split} == set(run.passports["id"])
    shouted = run.dropped.filter(lambda row: row["step"] == "Shouting")
    assert set(shouted["reason"]) == {"is written in capitals"}
    assert set(shouted["limit"]) == {0.4}
    assert "is written in capitals" in run.why(shouted[0]["id"])


def test_what_was_run_again_is_not_the_old_data(tmp_path: Path) -> None:
    for limit in (4, 8):
        found = ts.run(recipe(), out=tmp_path, limit=limit, quiet=True).dataset
        assert sum(len(rows) for rows in found.values()) == limit


def test_a_loaded_run_is_the_run(run: ts.Run) -> None:
    loaded = ts.load(run.folder)
    assert loaded.recipe is None
    assert (loaded.manifest, str(loaded), loaded.met) == (run.manifest, str(run), run.met)
    assert loaded.dataset["test"][:] == run.dataset["test"][:]


def test_nothing_dropped_is_an_empty_set(tmp_path: Path) -> None:
    seeds = [{"text": f"row {n}", "label": "refund"} for n in range(4)]
    given = {"sources": {"seeds": seeds}, "generate": [ts.generate.Existing(source="seeds")], "want": {"total": 4}}
    run = ts.run(recipe(filter=[], **given), out=tmp_path, quiet=True)
    assert (len(run.dropped), run.dropped["step"][:]) == (0, [])
    assert run.dropped.column_names[:3] == ["id", "text", "label"]
    assert "config dropped is empty and left out" in run.notes


def test_it_prints_the_account_and_shows_it_in_a_notebook(run: ts.Run) -> None:
    assert "60 selected of" in str(run)
    page = run._repr_html_()
    assert "the quota is met" in page
    assert "is written in capitals" in page
    assert run.report.is_file()


def test_a_folder_without_a_finished_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(ts.UsageError, match="no finished run is in this folder"):
        ts.load(tmp_path)
