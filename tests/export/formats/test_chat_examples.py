"""The two JSONL formats that models are trained on: `messages` and `prompt-completion`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from tests.export.formats.examples import HOSTILE, ORIGINAL, TEXT, example_info, example_texts
from textsynth.export.formats import messages, prompt_completion


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def test_a_folder_gets_a_file_per_split_that_load_dataset_finds_by_its_name(tmp_path: Path) -> None:
    paths = messages.write(example_texts(), example_info(), tmp_path / "out")
    assert [path.name for path in paths] == ["train.jsonl", "validation.jsonl"]
    assert lines(paths[1]) == [
        {
            "messages": [
                {"role": "user", "content": f"{example_info().instruction}\n\nText: https://example.org/x"},
                {"role": "assistant", "content": "delivery"},
            ],
            "id": "c" * 16,
        }
    ]
    dataset = load_dataset(str(tmp_path / "out"))
    assert {name: len(rows) for name, rows in dataset.items()} == {"train": 2, "validation": 1}


def test_a_file_has_the_texts_of_all_splits_unchanged(tmp_path: Path) -> None:
    (path,) = messages.write(example_texts(), example_info(), tmp_path / "all.jsonl")
    rows = lines(path)
    assert len(rows) == 3
    assert rows[1]["messages"][0]["content"].endswith(HOSTILE)
    assert (rows[1]["section"], rows[1]["score"]) == ("filter", 0.8)


@pytest.mark.parametrize("task", ["paraphrasing", "summarization"])
def test_a_task_that_rewrites_asks_for_the_text(task: str, tmp_path: Path) -> None:
    info = example_info(task)
    (path,) = messages.write(example_texts(task), info, tmp_path / "all.jsonl")
    question, answer = lines(path)[0]["messages"]
    assert question["content"] == f"{info.instruction}\n\n{ORIGINAL}"
    assert info.instruction == info.task.instruction({}, multi_label=False)
    assert answer["content"] == TEXT


def test_several_labels_are_in_the_recipe_s_order_and_the_user_s_instruction_is_used(tmp_path: Path) -> None:
    info = replace(example_info(multi_label=True), instruction="Label it.")
    text = replace(example_texts(multi_label=True)[0], labels=("delivery", "refund"))
    (path,) = messages.write([text], info, tmp_path / "all.jsonl")
    question, answer = lines(path)[0]["messages"]
    assert answer["content"] == "refund, delivery"
    assert question["content"].startswith("Label it.\n\nText: ")


def test_a_prompt_ends_with_answer_and_the_completion_begins_with_a_space(tmp_path: Path) -> None:
    (path,) = prompt_completion.write(example_texts()[:1], example_info(), tmp_path / "all.jsonl")
    assert lines(path) == [
        {
            "prompt": f"{example_info().instruction}\n\nText: {TEXT}\n\nAnswer:",
            "completion": " refund",
            "id": "a" * 16,
        }
    ]


def test_the_prompt_s_name_in_the_provenance_does_not_replace_the_prompt(tmp_path: Path) -> None:
    text = replace(example_texts()[0], extra={"step": "labelled", "prompt": "labelled.chat"})
    (path,) = prompt_completion.write([text], example_info(), tmp_path / "all.jsonl")
    (row,) = lines(path)
    assert row["prompt"].endswith(f"Text: {TEXT}\n\nAnswer:")
    assert row["step"] == "labelled"
    assert row["template"] == "labelled.chat"
