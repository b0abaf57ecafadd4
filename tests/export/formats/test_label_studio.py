"""The files for Label Studio by their content; `pytest -m clients` loads them in Label Studio's own SDK."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.export.formats.examples import HOSTILE, LABELS, example_info, example_texts
from textsynth.core.errors import UsageError
from textsynth.export.formats.label_studio import config, write


def test_the_label_is_a_prediction_with_the_confidence_as_its_score(tmp_path: Path) -> None:
    _, path = write(example_texts(), example_info(), tmp_path / "out")
    first, second, third = json.loads(path.read_text(encoding="ascii"))
    assert first["predictions"] == [
        {
            "model_version": "textsynth",
            "score": 0.75,
            "result": [
                {"id": "label", "from_name": "label", "to_name": "text", "type": "choices",
                 "value": {"choices": ["refund"]}, "score": 0.75}
            ],
        }
    ]  # fmt: skip
    assert second["data"]["text"] == HOSTILE
    assert second["data"]["score"] == 0.8
    assert "score" not in third["predictions"][0]


@pytest.mark.parametrize(("multi_label", "choice"), [(False, "single"), (True, "multiple")])
def test_the_interface_has_the_labels_in_order_with_their_descriptions_as_hints(multi_label: bool, choice: str) -> None:
    root = ET.fromstring(config(example_info(multi_label=multi_label)))
    (choices,) = root.findall("Choices")
    assert choices.get("choice") == choice
    assert [(option.get("value"), option.get("hint")) for option in choices] == list(LABELS.items())
    assert [text.get("valueType") for text in root.findall("Text")] == ["text"]


@pytest.mark.parametrize(
    ("task", "fields", "choices"),
    [
        ("summarization", ["document", "summary"], ["right"]),
        ("paraphrasing", ["original", "paraphrase"], ["label", "right"]),
    ],
)
def test_a_task_with_a_review_question_shows_both_texts_and_asks_it(
    task: str, fields: list[str], choices: list[str]
) -> None:
    root = ET.fromstring(config(example_info(task)))
    assert [text.get("value") for text in root.findall("Text")] == [f"${field}" for field in fields]
    assert [element.get("name") for element in root.findall("Choices")] == choices
    assert [area.get("toName") for area in root.findall("TextArea")] == [fields[1]]


def test_a_path_with_a_suffix_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="label-studio writes a folder with several files"):
        write(example_texts(), example_info(), tmp_path / "out.json")
