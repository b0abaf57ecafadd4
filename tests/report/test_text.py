"""The report for a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.export.outcomes import outcome, record
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.formatting import display_width, escape_control
from textsynth.core.records import DroppedRecord
from textsynth.report.data import read_run_data
from textsynth.report.sections import Section, SectionFigure, SectionQuote, SectionTable
from textsynth.report.sections.verdict import summarize_verdict
from textsynth.report.text import evaluation_text, run_text, section_lines, section_table_lines, verdict_lines


def test_the_report_of_a_run_line_by_line(tmp_path: Path) -> None:
    text = run_text(read_run_data(finished(tmp_path, outcome(labels={"refund": "x", "delivery": "y"}))))
    lines = [" ".join(line.replace("█", "").split()) for line in text.splitlines()]
    assert " ".join(lines[:4]).startswith(
        "parcels: the quota is not met: 30 selected of 35 wanted, 5 missing (delivery 5); "
        "no further texts were accepted; the largest loss is label choice, 2 of 34 texts (6 %) next: "
    )
    for line in (
        "check in dropped share left reason",
        "parse labelled 37 1 3 % 36",
        "1 no list",
        "filter length 36 1 3 % 35",
        "1 too few words",
        "1 in review: too few votes for the chosen label",
        "select selection 32 2 6 % 30",
        "selected 30",
        "quota wanted selected missing",
        "refund 15 15 0",
        "delivery 20 15 5",
        "delivery: 3 × length: too few words",
        "label in kept share train validation",
        "refund 21 17 81 % 12 3",
        "delivery 15 15 100 % 12 3",
        "models: SmolLM2@abc",
        "1,200 requests (200 from the journal, 1 failed), 12 s",
        "34,000 prompt tokens, 5,600 completion tokens",
        "split validation: 6",
    ):
        assert line in lines
    assert max(map(len, text.splitlines())) <= 100


def test_control_characters_of_a_text_are_escaped(tmp_path: Path) -> None:
    result = outcome(dropped=[DroppedRecord(record(100), "filter", "length", "too \x1b[2J\nfew\r words")])
    text = run_text(read_run_data(finished(tmp_path, result)))
    assert "\x1b" not in text
    assert "\r" not in text
    assert r"too \x1b[2J few words" in text


def test_a_run_without_quota_labels_or_texts_has_a_report(tmp_path: Path) -> None:
    result = outcome(selected=(), surplus=(), dropped=(), quota=(), labels={}, models=())
    text = run_text(read_run_data(finished(tmp_path, result)))
    assert "models: none" in text
    assert text.startswith("parcels: 0 selected, without a quota; ")
    assert "wanted" not in text
    assert "note: config default is empty and left out" in text


def test_with_an_evaluation_the_verdict_comes_first_and_the_cost_last(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "evaluation.json").write_text(json.dumps(evaluations.harmful()))
    text = run_text(read_run_data(run))
    order = [
        "▼ HARMS",
        "parcels: the quota is not met",
        "check ",
        "quota   ",
        "━━ Scores on real",
        "━━ Contamination",
        "models: ",
    ]
    positions = [text.index(part) for part in order]
    assert positions == sorted(positions)
    assert max(map(display_width, text.splitlines())) <= 100


@pytest.mark.parametrize("width", [0, 24, 40, 80, 100, 200])
@pytest.mark.parametrize(
    "evaluation",
    [evaluations.big(), evaluations.hostile(), evaluations.leaking(), evaluations.scores_only()],
)
def test_no_line_of_an_evaluation_is_wider_than_the_given_width(evaluation: dict[str, Any], width: int) -> None:
    text = evaluation_text(evaluation, width)
    assert max(map(display_width, text.splitlines())) <= max(24, width)
    assert escape_control(text) == text


def test_an_evaluation_has_verdict_facts_and_every_section() -> None:
    lines = evaluation_text(evaluations.small(), 100).splitlines()
    assert lines[0].startswith("▲ HELPS: The synthetic texts help")
    assert "quickstart: evaluation on real data" in lines
    assert any(line.startswith("16 synthetic texts selected · 52 before the checks · 10 real") for line in lines)
    assert sum(line.startswith("━━ ") for line in lines) == 14
    assert "agreement" not in evaluation_text(evaluations.scores_only(), 100)


def test_texts_that_wait_for_review_are_at_the_head_with_the_command(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    lines = run_text(read_run_data(run)).splitlines()
    index = lines.index("next: 1 text waits for a person to decide:")
    assert lines[index + 1] == f"  textsynth review {run}"
    assert "review" not in run_text(read_run_data(finished(tmp_path / "none", outcome(dropped=()))))


def checks_table(**changes: Any) -> SectionTable:
    rows = [("agreement", "39", "0.710"), ("near_duplicate", "1,200", "0.690")]
    defaults: dict[str, Any] = {"title": "Checks", "head": ("check", "texts dropped", "with it"), "rows": rows}
    return SectionTable(**{**defaults, **changes})


def test_a_table_of_a_section_fits_the_width() -> None:
    assert section_table_lines(checks_table(), 60)[0] == "check           texts dropped  with it"
    assert section_table_lines(checks_table(optional_columns=[1]), 26)[0] == "check           with it"


def test_rows_beyond_the_maximum_are_counted() -> None:
    lines = section_table_lines(checks_table(max_terminal_rows=1), 60)
    assert lines[-1] == "… and 1 row more, in the page and with --json"


def test_a_section_has_its_title_paragraphs_tables_quotes_and_notes() -> None:
    shown = SectionQuote("a text", "kept", [("a near one", "0.9")])
    hidden = SectionQuote("x", "dropped", dropped=True, in_terminal=False)
    figure = SectionFigure(checks_table())
    lines = section_lines(Section("k", "Title", ["A paragraph."], [figure], [shown, hidden], ["A note."]), 60)
    assert lines[:3] == ["━━ Title", "A paragraph.", ""]
    assert lines[lines.index("✓ a text") :] == ["✓ a text", "  kept", "  ~ a near one", "    0.9", "",
                                               "… and 1 text more, in the page and with --json", "A note."]  # fmt: skip
    assert "── Checks" not in lines
    assert "── Checks" in section_lines(Section("k", "Title", [], [figure, figure]), 60)


def test_the_verdict_begins_with_its_sign() -> None:
    lines = verdict_lines(summarize_verdict(evaluations.harmful()), 60)
    assert lines[0].startswith("▼ HARMS: The synthetic texts harm")
    assert any(line.startswith("Classes that lose") for line in lines)


def test_harm_with_another_classifier_comes_before_the_verdict() -> None:
    evaluation = evaluations.small()
    evaluation["differences"][0] |= {"difference": -0.05, "interval": [-0.08, -0.02]}
    lines = verdict_lines(summarize_verdict(evaluation), 80)
    assert lines[0] == "▼ HARMS with words (TF-IDF)"
    assert lines[1].startswith("▲ HELPS with sentence embeddings: The synthetic texts help")
