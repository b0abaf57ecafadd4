"""Argilla's files by their form; `pytest -m clients` loads them in its own client (tests/test_clients.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.export.formats.some import about, texts
from textsynth.export.formats.argilla import write


def written(folder: Path, *, multi_label: bool = False, task: str = "classification") -> tuple[list[dict], dict]:  # type: ignore[type-arg]
    records, settings, dataset = write(
        texts(multi_label=multi_label, task=task), about(multi_label=multi_label, task=task), folder / "out"
    )
    assert json.loads(dataset.read_text(encoding="ascii"))["name"] == "parcels"
    return json.loads(records.read_text(encoding="ascii")), json.loads(settings.read_text(encoding="ascii"))


def test_a_label_is_a_suggestion_with_its_score(tmp_path: Path) -> None:
    (first, second, third), settings = written(tmp_path)
    assert first["suggestions"] == {"label": {"value": "refund", "score": 0.75, "agent": "textsynth"}}
    assert second["metadata"] == {"split": "train", "confidence": 0.5, "section": "filter", "measured": 0.8}
    assert third["metadata"] == {"split": "validation"}
    (question,) = settings["questions"]
    assert [one["value"] for one in question["settings"]["options"]] == ["refund", "delivery"]
    kinds = {one["name"]: one["settings"]["type"] for one in settings["metadata"]}
    assert kinds == {"split": "terms", "section": "terms", "confidence": "float", "measured": "float"}
    assert "- refund: wants <money> back" in settings["guidelines"]


def test_several_labels_have_a_score_each(tmp_path: Path) -> None:
    (first, *_), settings = written(tmp_path, multi_label=True)
    assert first["suggestions"]["label"] == {
        "value": ["refund", "delivery"], "score": [0.75, 0.75], "agent": "textsynth"
    }  # fmt: skip
    assert settings["questions"][0]["settings"]["type"] == "multi_label_selection"


@pytest.mark.parametrize(("task", "fields", "asked"), [
    ("paraphrase", ["original", "paraphrase"], ["label", "right", "better"]),
    ("summarization", ["document", "summary"], ["right", "better"]),
])  # fmt: skip
def test_a_rewriting_task_asks_whether_it_is_right(
    task: str, fields: list[str], asked: list[str], tmp_path: Path
) -> None:
    (first, *_), settings = written(tmp_path, task=task)
    assert list(first["fields"]) == [one["name"] for one in settings["fields"]] == fields
    assert [one["name"] for one in settings["questions"]] == asked
    assert first["suggestions"]["better"]["value"] == "give my money back"
