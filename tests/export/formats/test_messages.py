from __future__ import annotations

import json
from pathlib import Path

import pytest
from datasets import load_dataset

from tests.export.formats.some import HOSTILE, about, texts
from textsynth.export.formats import ExportInfo
from textsynth.export.formats.messages import instruction_for, write


def test_a_split_is_a_file_that_load_dataset_finds_by_its_name(tmp_path: Path) -> None:
    paths = write(texts(), about(), tmp_path / "out")
    assert [path.name for path in paths] == ["train.jsonl", "validation.jsonl"]
    one = json.loads(paths[1].read_text(encoding="utf-8"))
    assert one == {
        "messages": [
            {"role": "user", "content": f"{about().instruction}\n\nText: https://example.org/x"},
            {"role": "assistant", "content": "delivery"},
        ],
        "id": "c" * 16,
    }
    loaded = load_dataset(str(tmp_path / "out"))
    assert {name: len(rows) for name, rows in loaded.items()} == {"train": 2, "validation": 1}


def test_a_file_holds_all_splits_and_every_text_as_it_is(tmp_path: Path) -> None:
    (path,) = write(texts(), about(), tmp_path / "all.jsonl")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert len(lines) == 3
    assert lines[1]["messages"][0]["content"].endswith(HOSTILE)


@pytest.mark.parametrize("task", ["paraphrase", "summarization"])
def test_a_rewriting_task_asks_for_the_text(task: str, tmp_path: Path) -> None:
    (path,) = write(texts(task=task), about(task=task), tmp_path / "all.jsonl")
    asked, answer = json.loads(path.read_text(encoding="utf-8").split("\n")[0])["messages"]
    assert asked["content"] == f"{instruction_for(task, {}, many=False)}\n\nwhat it was before"
    assert answer["content"] == "give my money back"


def test_several_labels_stand_in_the_recipe_s_order_and_the_instruction_is_the_user_s(tmp_path: Path) -> None:
    own = ExportInfo("parcels", "classification", about().labels, multi_label=True, instruction="Label it.")
    some = [text for text in texts(multi_label=True) if len(text.labels) == 2]
    (path,) = write(some, own, tmp_path / "all.jsonl")
    asked, answer = json.loads(path.read_text(encoding="utf-8"))["messages"]
    assert answer["content"] == "refund, delivery"
    assert asked["content"].startswith("Label it.\n\nText: ")


def test_a_label_that_says_it_all_stands_once() -> None:
    told = instruction_for("classification", {"way": "way", "food": "asks about meals", "bills": ""}, multi_label=False)
    assert told.splitlines()[-3:] == ["- way", "- food: asks about meals", "- bills"]
