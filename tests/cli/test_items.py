from __future__ import annotations

import json

import pytest

from tests.cli.said import Said


def test_steps_and_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert "near_duplicate" in Said(capsys, "steps").out
    assert "Does not catch" in Said(capsys, "steps", "near_duplicate").out
    assert json.loads(Said(capsys, "steps", "filter", "--json").out)[0]["section"] == "filter"
    assert json.loads(Said(capsys, "schema").out)["title"] == "TextSynth recipe"
