"""Data sets that `load_dataset` reads: folders here, and the Hub, which no test reaches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from textsynth.errors import SourceError
from textsynth.records import Record
from textsynth.sources.hub import Hub

ROWS = {"text": ["where is my card", "I lost it", "nothing"], "intent": [1, 0, 1], "tone": ["plain", "angry", "plain"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a data set `cards` of one split, its labels as codes."""
    features = Features(text=Value("string"), intent=ClassLabel(names=["lost", "arrival"]), tone=Value("string"))
    (tmp_path / "cards").mkdir()
    Dataset.from_dict(ROWS, features).to_parquet(tmp_path / "cards" / "train.parquet")
    return tmp_path


def read(base: Path, **options: object) -> list[Record]:
    return Hub.model_validate_json(json.dumps(options)).read(base, name="seeds", seed=7)


def test_a_folder_beside_the_recipe_is_read_and_codes_get_their_names(folder: Path) -> None:
    found = read(folder, path="cards", label="intent", fields=["tone"])
    assert [(one.text, one.label, one.fields["tone"]) for one in found] == [
        ("where is my card", "arrival", "plain"),
        ("I lost it", "lost", "angry"),
        ("nothing", "arrival", "plain"),
    ]
    assert {one.origin.item for one in found} == {"seeds"}


def test_limit_and_sample_hold_here_too(folder: Path) -> None:
    assert len(read(folder, path="cards", label="intent", limit=2)) == 2
    assert len(read(folder, path="cards", label="intent", limit=200)) == 3
    assert sorted(one.label or "" for one in read(folder, path="cards", label="intent", per_label=1)) == [
        "arrival",
        "lost",
    ]


WRONG = {
    "no network": ({"path": "PolyAI/banking77"}, "'PolyAI/banking77', split 'train': Couldn't reach"),
    "split": ({"path": "cards", "split": "tset"}, "Unknown split \"tset\". Should be one of ['train']"),
    "config": ({"path": "cards", "config": "big"}, "BuilderConfig 'big' not found"),
    "no name": ({"path": "a b c"}, "'a b c'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_loaded_is_one_sentence_that_shows_how_a_file_takes_its_place(name: str, folder: Path) -> None:
    options, told = WRONG[name]
    with pytest.raises(SourceError) as caught:
        read(folder, **options)
    assert str(caught.value).startswith("sources.seeds: cannot load the data set")
    assert told in str(caught.value)
    assert str(caught.value).endswith("; a file can take its place: --set 'sources.seeds=FILE.csv'")
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_told_with_the_nearest(folder: Path) -> None:
    with pytest.raises(SourceError, match=r"cards, split train: no column 'txt' for the text; did you mean 'text'"):
        read(folder, path="cards", text="txt")


def test_nothing_is_looked_for_before_the_run(tmp_path: Path) -> None:
    assert Hub(path="PolyAI/banking77").missing(tmp_path) is None
