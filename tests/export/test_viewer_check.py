"""The check of what the Hub's viewer would not show, on a data set that a run wrote and the test damaged."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.export.outcomes import run_result
from textsynth.export.dataset import write_dataset
from textsynth.export.viewer_check import viewer_problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "dataset", run_result())
    return tmp_path / "dataset"


def test_a_data_set_of_a_run_has_no_problems(folder: Path) -> None:
    assert viewer_problems(folder) == []


def test_missing_and_empty_files_and_other_columns_are_problems(folder: Path) -> None:
    (folder / "dropped/train-00000-of-00001.parquet").unlink()
    validation = folder / "data/validation-00000-of-00001.parquet"
    pq.write_table(pq.read_table(validation).slice(0, 0).drop_columns(["label"]), validation)
    provenance = folder / "provenance/train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(provenance).slice(0, 0), provenance)
    assert viewer_problems(folder) == [
        "config default, split validation: data/validation-00000-of-00001.parquet has no rows",
        "config default, split validation: data/validation-00000-of-00001.parquet has other columns or features than "
        "the splits before it",
        "config provenance, split train: provenance/train-00000-of-00001.parquet has no rows",
        "config dropped, split train: there is no file dropped/train-00000-of-00001.parquet",
    ]


def test_labels_in_another_order_are_a_problem(folder: Path) -> None:
    path = folder / "data/validation-00000-of-00001.parquet"
    table = pq.read_table(path)
    features = table.schema.metadata[b"huggingface"]
    reordered = features.replace(b'["refund", "delivery"]', b'["delivery", "refund"]')
    assert reordered != features
    pq.write_table(pa.table(table.columns, schema=table.schema.with_metadata({b"huggingface": reordered})), path)
    assert len(viewer_problems(folder)) == 1


def test_equal_names_of_configs_and_two_defaults_are_problems(folder: Path) -> None:
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace("config_name: provenance", "config_name: default\n  default: true"), encoding="utf-8")
    problems = viewer_problems(folder)
    assert "the config default exists twice" in problems
    assert "default, default are all the default config" in problems


def test_a_card_without_metadata_is_a_problem(folder: Path) -> None:
    (folder / "README.md").write_text("no metadata", encoding="utf-8")
    assert viewer_problems(folder) == ["README.md has no metadata between two lines of ---"]
