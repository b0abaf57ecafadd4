from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from tests.export.formats.some import about, texts
from textsynth.export.formats.prompt_completion import write


def test_a_prompt_ends_with_answer_and_the_completion_begins_with_a_space(tmp_path: Path) -> None:
    (path,) = write(texts()[:1], about(), tmp_path / "all.jsonl")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "prompt": f"{about().instruction}\n\nText: give my money back\n\nAnswer:",
        "completion": " refund",
        "id": "a" * 16,
    }


def test_the_name_of_a_passport_s_prompt_does_not_take_the_place_of_what_is_asked(tmp_path: Path) -> None:
    passport = {"item": "labelled", "prompt": "labelled.chat"}
    (path,) = write([replace(texts()[0], more=passport)], about(), tmp_path / "all.jsonl")
    line = json.loads(path.read_text(encoding="utf-8"))
    assert line["prompt"].endswith("Text: give my money back\n\nAnswer:")
    assert line["step"] == "labelled"
    assert line["template"] == "labelled.chat"
