from __future__ import annotations

import json

import pytest

from tests.cli.run_cli import run_cli


def test_components_and_schema_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "near_duplicate" in run_cli(capsys, "steps").out
    assert "paraphrasing" in run_cli(capsys, "steps", "task").out
    assert "Does not catch" in run_cli(capsys, "steps", "near_duplicate").out
    assert json.loads(run_cli(capsys, "steps", "filter", "--json").out)[0]["section"] == "filter"
    assert json.loads(run_cli(capsys, "schema").out)["title"] == "TextSynth recipe"
