"""The files for Argilla by their content; `pytest -m clients` loads them in Argilla's own client."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.export.formats.examples import TEXT, example_info, example_texts
from textsynth.core.errors import UsageError
from textsynth.export.formats.argilla import write

Json = dict[str, Any]


def written(folder: Path, task: str = "classification", *, multi_label: bool = False) -> tuple[list[Json], Json]:
    """Export the example texts and return the records and the settings."""
    texts, info = example_texts(task, multi_label=multi_label), example_info(task, multi_label=multi_label)
    records, settings, dataset = write(texts, info, folder / "out")
    assert json.loads(dataset.read_text(encoding="ascii"))["name"] == "parcels"
    return json.loads(records.read_text(encoding="ascii")), json.loads(settings.read_text(encoding="ascii"))


def test_the_label_is_a_suggestion_with_the_confidence_as_its_score(tmp_path: Path) -> None:
    (first, second, third), settings = written(tmp_path)
    assert first["suggestions"] == {"label": {"value": "refund", "score": 0.75, "agent": "textsynth"}}
    assert second["metadata"] == {"split": "train", "confidence": 0.5, "section": "filter", "score": 0.8}
    assert third["metadata"] == {"split": "validation"}
    (question,) = settings["questions"]
    assert [option["value"] for option in question["settings"]["options"]] == ["refund", "delivery"]
    types = {column["name"]: column["settings"]["type"] for column in settings["metadata"]}
    assert types == {"split": "terms", "section": "terms", "confidence": "float", "score": "float"}
    assert settings["guidelines"].startswith("The labels:\n\n- refund: wants <money> back\n- delivery: asks")


def test_each_of_several_labels_has_a_score(tmp_path: Path) -> None:
    (first, *_), settings = written(tmp_path, multi_label=True)
    assert first["suggestions"]["label"] == {
        "value": ["refund", "delivery"], "score": [0.75, 0.75], "agent": "textsynth"
    }  # fmt: skip
    assert settings["questions"][0]["settings"]["type"] == "multi_label_selection"


@pytest.mark.parametrize(
    ("task", "fields", "questions"),
    [
        ("paraphrasing", ["original", "paraphrase"], ["label", "right", "better"]),
        ("summarization", ["document", "summary"], ["right", "better"]),
    ],
)
def test_a_task_with_a_review_question_asks_it_and_for_a_correction(
    task: str, fields: list[str], questions: list[str], tmp_path: Path
) -> None:
    (first, *_), settings = written(tmp_path, task)
    assert list(first["fields"]) == [field["name"] for field in settings["fields"]] == fields
    assert [question["name"] for question in settings["questions"]] == questions
    assert first["suggestions"]["better"]["value"] == TEXT


def test_a_path_with_a_suffix_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="argilla writes a folder with several files"):
        write(example_texts(), example_info(), tmp_path / "out.json")
