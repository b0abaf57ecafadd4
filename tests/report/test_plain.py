"""Sections as text within a width."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import evaluations
from textsynth.core.formatting import columns, visible
from textsynth.report.plain import LONGEST, NARROWEST, cut, one_line, section_lines, table_lines, verdict_lines, wrapped
from textsynth.report.sections import Figure, Quote, Section, Table
from textsynth.report.verdict import read_verdict

TEXT = st.text(max_size=60)
ROWS = st.integers(1, 5).flatmap(
    lambda wide: st.lists(st.lists(TEXT, min_size=wide, max_size=wide), min_size=2, max_size=5)
)


@given(ROWS, st.integers(0, 120), st.sets(st.integers(0, 4)))
def test_no_line_of_a_table_is_wider_than_asked(rows: list[list[str]], width: int, some: set[int]) -> None:
    words = [place for place in some if place < len(rows[0])]
    spare = [place for place in range(1, len(rows[0])) if place not in words]
    lines = table_lines(Table("t", rows[0], rows[1:], words, spare=spare), width)
    assert all(columns(line) <= max(NARROWEST, width) for line in lines)
    assert all(visible(line) == line for line in lines)


@given(TEXT, st.integers(0, 80))
def test_a_wrapped_text_keeps_every_character_but_spaces(text: str, width: int) -> None:
    lines = wrapped(text, width, "  ", "    ")
    assert all(columns(line) <= max(NARROWEST, width) for line in lines)
    assert "".join("".join(lines).split()) == "".join(one_line(text).split())
    assert columns(cut(one_line(text), 10)) <= 10


def table(**changes: Any) -> Table:
    cells = [("agreement", "39", "0.710"), ("near_duplicate", "1,200", "0.690")]
    whole: dict[str, Any] = {"title": "Checks", "head": ("check", "texts dropped", "with it"), "rows": cells}
    return Table(**{**whole, **changes})


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
    near, other = Quote("a text", "kept", [("a near one", "0.9")]), Quote("x", "dropped", dropped=True, telling=False)
    one = section_lines(Section("k", "Title", ["Said."], [Figure(table())], [near, other], ["Note."]), 60)
    assert one[:3] == ["━━ Title", "Said.", ""]
    assert one[one.index("✓ a text") :] == ["✓ a text", "  kept", "  ~ a near one", "    0.9", "",
                                            "… and 1 text more, in the page and with --json", "Note."]  # fmt: skip
    assert "── Checks" not in one
    assert "── Checks" in section_lines(Section("k", "Title", [], [Figure(table()), Figure(table())]), 60)


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
    assert visible(one_line(text)) == one_line(text)
    assert len(one_line(text)) <= LONGEST
