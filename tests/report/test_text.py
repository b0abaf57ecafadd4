"""The account for a terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.export.outcomes import outcome, record
from tests.report import evaluations
from tests.report.folders import finished
from textsynth.core.formatting import display_width, escape_control
from textsynth.core.records import DroppedRecord
from textsynth.report.data import read_run_data
from textsynth.report.sections import Section, SectionFigure, SectionQuote, SectionTable
from textsynth.report.sections.verdict import read_verdict
from textsynth.report.text import (
    LONGEST,
    NARROWEST,
    as_text,
    cut,
    evaluation_text,
    one_line,
    section_lines,
    table_lines,
    verdict_lines,
    wrapped,
)


def test_the_account_line_by_line(tmp_path: Path) -> None:
    text = as_text(read_run_data(finished(tmp_path, outcome(labels={"refund": "x", "delivery": "y"}))))
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
    told = outcome(dropped=[DroppedRecord(record(100), "filter", "length", "too \x1b[2J\nfew\r words")])
    text = as_text(read_run_data(finished(tmp_path, told)))
    assert "\x1b" not in text
    assert "\r" not in text
    assert r"filter length: too \x1b[2J few words" in text


def test_a_run_without_quota_labels_or_texts(tmp_path: Path) -> None:
    text = as_text(
        read_run_data(finished(tmp_path, outcome(selected=(), surplus=(), dropped=(), quota=(), labels={}, models=())))
    )
    assert "models: none" in text
    assert "quota" not in text
    assert "note: config default is empty and left out" in text


def test_of_a_run_that_was_evaluated_the_verdict_stands_first_and_the_cost_last(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    (run / "evaluation.json").write_text(json.dumps(evaluations.harm()))
    text = as_text(read_run_data(run))
    order = ["▼ HARMS", "parcels: the yield", "candidates", "quota", "━━ Scores on real", "━━ Leaks", "models: "]
    places = [text.index(told) for told in order]
    assert places == sorted(places)
    assert max(map(display_width, text.splitlines())) <= 100


@pytest.mark.parametrize("width", [0, 24, 40, 80, 100, 200])
@pytest.mark.parametrize("told", [evaluations.big(), evaluations.hostile(), evaluations.leak(), evaluations.bare()])
def test_no_line_of_an_evaluation_is_wider_than_asked(told: dict[str, Any], width: int) -> None:
    text = evaluation_text(told, width)
    assert max(map(display_width, text.splitlines())) <= max(24, width)
    assert escape_control(text) == text


def test_an_evaluation_alone_says_verdict_facts_and_every_section() -> None:
    lines = evaluation_text(evaluations.small(), 100).splitlines()
    assert lines[0].startswith("▲ HELPS: The synthetic texts help")
    assert "quickstart: evaluation on real data" in lines
    assert any(line.startswith("16 synthetic texts selected · 52 before the checks · 10 real") for line in lines)
    assert sum(line.startswith("━━ ") for line in lines) == 12
    assert "agreement" not in evaluation_text(evaluations.bare(), 100)


def test_texts_that_wait_are_told_at_the_head_with_the_command(tmp_path: Path) -> None:
    run = finished(tmp_path, outcome())
    lines = as_text(read_run_data(run)).splitlines()
    assert lines[1:3] == ["1 text waits for a person to decide:", f"  textsynth review {run}"]
    assert "review" not in as_text(read_run_data(finished(tmp_path / "none", outcome(dropped=()))))


TEXT = st.text(max_size=60)
ROWS = st.integers(1, 5).flatmap(
    lambda wide: st.lists(st.lists(TEXT, min_size=wide, max_size=wide), min_size=2, max_size=5)
)


@given(ROWS, st.integers(0, 120), st.sets(st.integers(0, 4)))
def test_no_line_of_a_table_is_wider_than_asked(rows: list[list[str]], width: int, some: set[int]) -> None:
    words = [place for place in some if place < len(rows[0])]
    spare = [place for place in range(1, len(rows[0])) if place not in words]
    lines = table_lines(SectionTable("t", rows[0], rows[1:], words, spare=spare), width)
    assert all(display_width(line) <= max(NARROWEST, width) for line in lines)
    assert all(escape_control(line) == line for line in lines)


@given(TEXT, st.integers(0, 80))
def test_a_wrapped_text_keeps_every_character_but_spaces(text: str, width: int) -> None:
    lines = wrapped(text, width, "  ", "    ")
    assert all(display_width(line) <= max(NARROWEST, width) for line in lines)
    assert "".join("".join(lines).split()) == "".join(one_line(text).split())
    assert display_width(cut(one_line(text), 10)) <= 10


def table(**changes: Any) -> SectionTable:
    cells = [("agreement", "39", "0.710"), ("near_duplicate", "1,200", "0.690")]
    whole: dict[str, Any] = {"title": "Checks", "head": ("check", "texts dropped", "with it"), "rows": cells}
    return SectionTable(**{**whole, **changes})


def test_words_stand_to_the_left_and_numbers_to_the_right() -> None:
    assert table_lines(table(), 60) == [
        "check           texts dropped  with it",
        "agreement                  39    0.710",
        "near_duplicate          1,200    0.690",
    ]


def test_where_it_is_narrow_heads_break_then_spare_columns_go_then_words_are_cut_then_rows_are_stacked() -> None:
    assert table_lines(table(), 34)[:3] == [
        "                  texts   with",
        "check           dropped     it",
        "agreement            39  0.710",
    ]
    assert table_lines(table(spare=[1]), 26)[0] == "check           with it"
    long = table(head=("a", "b"), rows=[("x" * 40, "1.0")])
    assert table_lines(long, 30)[1] == f"{'x' * 12}…{'x' * 12}  1.0"
    assert table_lines(table(), 24)[:3] == ["agreement", "  texts dropped: 39", "  with it: 0.710"]


def test_rows_beyond_the_brief_are_counted() -> None:
    assert table_lines(table(brief=1), 60)[-1] == "… and 1 row more, in the page and with --json"


def test_a_section_has_its_title_sentences_tables_and_texts() -> None:
    near, other = (
        SectionQuote("a text", "kept", [("a near one", "0.9")]),
        SectionQuote("x", "dropped", dropped=True, telling=False),
    )
    one = section_lines(Section("k", "Title", ["Said."], [SectionFigure(table())], [near, other], ["Note."]), 60)
    assert one[:3] == ["━━ Title", "Said.", ""]
    assert one[one.index("✓ a text") :] == ["✓ a text", "  kept", "  ~ a near one", "    0.9", "",
                                            "… and 1 text more, in the page and with --json", "Note."]  # fmt: skip
    assert "── Checks" not in one
    assert "── Checks" in section_lines(Section("k", "Title", [], [SectionFigure(table()), SectionFigure(table())]), 60)


def test_the_verdict_stands_first_with_its_sign() -> None:
    lines = verdict_lines(read_verdict(evaluations.harm()), 60)
    assert lines[0].startswith("▼ HARMS: The synthetic texts harm")
    assert any(line.startswith("Classes that lose") for line in lines)


def test_a_harm_with_another_classifier_stands_before_the_verdict() -> None:
    told = evaluations.small()
    told["differences"][0] |= {"difference": -0.05, "interval": [-0.08, -0.02]}
    lines = verdict_lines(read_verdict(told), 80)
    assert lines[0] == "▼ HARMS with words (TF-IDF)"
    assert lines[1].startswith("▲ HELPS with sentence embeddings: The synthetic texts help")


@pytest.mark.parametrize("text", ["\x1b[2J", "a\r\nb", "\u202eabc", "x" * 500])
def test_a_text_is_one_line_that_steers_nothing(text: str) -> None:
    assert "\n" not in one_line(text)
    assert escape_control(one_line(text)) == one_line(text)
    assert len(one_line(text)) <= LONGEST
