"""The account for a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome, record
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.formatting import columns, visible
from textsynth.core.records import Drop
from textsynth.report.account import read_account
from textsynth.report.text import as_text, evaluation_text


def test_the_account_line_by_line(tmp_path: Path) -> None:
    text = as_text(read_account(finished(tmp_path, outcome(labels={"refund": "x", "delivery": "y"}))))
    lines = [" ".join(line.replace("█", "").split()) for line in text.splitlines()]
    assert lines[0] == "parcels: the yield has run dry"
    for told in (
        "37 candidates",
        "-1 filter length: too few words",
        "32 accepted",
        "-2 spare (accepted, not picked)",
        "30 selected",
        "quota want selected missing",
        "refund 15 15 0",
        "delivery 20 15 5",
        "3 × length: too few words",
        "label train validation",
        "refund 12 3",
        "models: SmolLM2@abc",
        "1,200 requests (200 from the journal, 1 failed), 34,000 tokens read, 5,600 written, 12.5 s",
        "split validation: 6",
    ):
        assert told in lines
    assert max(map(len, text.splitlines())) <= 100


def test_a_text_of_a_model_cannot_move_the_cursor(tmp_path: Path) -> None:
    told = outcome(dropped=[Drop(record(100), "filter", "length", "too \x1b[2J\nfew\r words")])
    text = as_text(read_account(finished(tmp_path, told)))
    assert "\x1b" not in text
    assert "\r" not in text
    assert r"filter length: too \x1b[2J few words" in text


def test_a_run_without_quota_labels_or_texts(tmp_path: Path) -> None:
    text = as_text(
        read_account(finished(tmp_path, outcome(selected=(), spare=(), dropped=(), quota=(), labels={}, models=())))
    )
    assert "models: none" in text
    assert "quota" not in text
    assert "note: config default is empty and left out" in text


def test_of_a_run_that_was_evaluated_the_verdict_stands_first_and_the_cost_last(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "evaluation.json").write_text(json.dumps(evaluations.harm()))
    text = as_text(read_account(run))
    order = ["▼ HARMS", "parcels: the yield", "candidates", "quota", "━━ Scores on real", "━━ Leaks", "models: "]
    places = [text.index(told) for told in order]
    assert places == sorted(places)
    assert max(map(columns, text.splitlines())) <= 100


@pytest.mark.parametrize("width", [0, 24, 40, 80, 100, 200])
@pytest.mark.parametrize("told", [evaluations.big(), evaluations.hostile(), evaluations.leak(), evaluations.bare()])
def test_no_line_of_an_evaluation_is_wider_than_asked(told: dict[str, Any], width: int) -> None:
    text = evaluation_text(told, width)
    assert max(map(columns, text.splitlines())) <= max(24, width)
    assert visible(text) == text


def test_an_evaluation_alone_says_verdict_facts_and_every_section() -> None:
    lines = evaluation_text(evaluations.small(), 100).splitlines()
    assert lines[0].startswith("▲ HELPS: The synthetic texts help")
    assert "quickstart: evaluation on real data" in lines
    assert any(line.startswith("16 synthetic texts selected · 52 before the checks · 10 real") for line in lines)
    assert sum(line.startswith("━━ ") for line in lines) == 12
    assert "agreement" not in evaluation_text(evaluations.bare(), 100)


def test_texts_that_wait_are_told_at_the_head_with_the_command(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    lines = as_text(read_account(run)).splitlines()
    assert lines[1:3] == ["1 text waits for a person to decide:", f"  textsynth review {run}"]
    assert "review" not in as_text(read_account(finished(tmp_path / "none", outcome(dropped=()))))
