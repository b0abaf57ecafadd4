from __future__ import annotations

import json
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
