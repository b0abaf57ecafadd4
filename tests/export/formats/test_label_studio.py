"""Label Studio's files by their form; `pytest -m clients` loads them in its own client (tests/test_clients.py)."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.export.formats.some import HOSTILE, LABELS, about, texts
from textsynth.core.errors import UsageError
from textsynth.export.formats.label_studio import config, write


def test_a_label_is_a_prediction_with_its_score(tmp_path: Path) -> None:
    _, path = write(texts(), about(), tmp_path / "out")
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
def test_the_interface_has_the_labels_in_order_with_what_they_mean(multi_label: bool, choice: str) -> None:
    root = ET.fromstring(config(about(multi_label=multi_label)))
    (choices,) = root.findall("Choices")
    assert choices.get("choice") == choice
    assert {one.get("value"): one.get("hint") for one in choices} == LABELS
    assert [text.get("valueType") for text in root.findall("Text")] == ["text"]


def test_a_rewriting_task_shows_both_and_asks_whether_it_is_right() -> None:
    root = ET.fromstring(config(about(task="summarization")))
    assert [text.get("value") for text in root.findall("Text")] == ["$source", "$text"]
    assert [one.get("name") for one in root.findall("Choices")] == ["right"]
    assert [one.get("name") for one in ET.fromstring(config(about(task="paraphrase"))).findall("Choices")] == [
        "label", "right",
    ]  # fmt: skip


def test_a_file_is_no_place_for_two(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="label-studio is a folder with several files"):
        write(texts(), about(), tmp_path / "out.json")
