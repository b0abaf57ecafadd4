"""What the Hub's viewer would refuse is found on a folder that a run wrote and somebody broke."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.export.outcomes import outcome
from textsynth.export.dataset import write_dataset
from textsynth.export.viewer_check import viewer_problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "dataset", outcome())
    return tmp_path / "dataset"


def test_what_a_run_wrote_has_no_fault(folder: Path) -> None:
    assert viewer_problems(folder) == []


def test_missing_and_empty_files_and_other_features_are_named(folder: Path) -> None:
    (folder / "dropped/train-00000-of-00001.parquet").unlink()
    validation = folder / "data/validation-00000-of-00001.parquet"
    pq.write_table(pq.read_table(validation).slice(0, 0).drop_columns(["label"]), validation)
    passports = folder / "provenance/train-00000-of-00001.parquet"
    pq.write_table(pq.read_table(passports).slice(0, 0), passports)
    assert viewer_problems(folder) == [
        "config default, split validation: data/validation-00000-of-00001.parquet has no rows",
        "config default, split validation: data/validation-00000-of-00001.parquet has other columns or features than "
        "the splits before it",
        "config provenance, split train: provenance/train-00000-of-00001.parquet has no rows",
        "config dropped, split train: there is no file dropped/train-00000-of-00001.parquet",
    ]


def test_labels_in_another_order_are_other_features(folder: Path) -> None:
    path = folder / "data/validation-00000-of-00001.parquet"
    table = pq.read_table(path)
    told = table.schema.metadata[b"huggingface"].replace(b'["refund", "delivery"]', b'["delivery", "refund"]')
    assert told != table.schema.metadata[b"huggingface"]
    pq.write_table(pa.table(table.columns, schema=table.schema.with_metadata({b"huggingface": told})), path)
    assert len(viewer_problems(folder)) == 1


def test_the_card_s_configs_have_names_of_their_own_and_one_default(folder: Path) -> None:
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace("config_name: provenance", "config_name: default\n  default: true"), encoding="utf-8")
    faults = viewer_problems(folder)
    assert "the config default is there twice" in faults
    assert "default, default are all called the default config" in faults
    card.write_text("no metadata", encoding="utf-8")
    assert viewer_problems(folder) == ["README.md has no metadata between two lines of ---"]
