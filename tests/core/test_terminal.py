"""Wrapped lines, shortened texts and tables for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.formatting import display_width, escape_control
from textsynth.core.terminal import (
    MAX_LINE_CHARACTERS,
    MIN_WIDTH,
    one_line,
    table_lines,
    truncate_end,
    truncate_middle,
    wrap,
)

TEXT = st.text(max_size=60)
TABLES = st.integers(1, 5).flatmap(
    lambda columns: st.lists(st.lists(TEXT, min_size=columns, max_size=columns), min_size=2, max_size=5)
)
HEAD = ("check", "texts dropped", "with it")
ROWS = [("agreement", "39", "0.710"), ("near_duplicate", "1,200", "0.690")]


@pytest.mark.parametrize("text", ["\x1b[2J", "a\r\nb", "\u202eabc", "x" * 500])
def test_a_text_becomes_one_line_without_control_characters(text: str) -> None:
    assert "\n" not in one_line(text)
    assert escape_control(one_line(text)) == one_line(text)
    assert len(one_line(text)) <= MAX_LINE_CHARACTERS


@given(TEXT, st.integers(0, 80))
def test_a_wrapped_text_keeps_every_character_except_spaces(text: str, width: int) -> None:
    lines = wrap(text, width, "  ", "    ")
    assert all(display_width(line) <= max(MIN_WIDTH, width) for line in lines)
    assert "".join("".join(lines).split()) == "".join(one_line(text).split())


@given(TEXT)
def test_a_text_that_is_truncated_at_its_end_is_not_too_wide(text: str) -> None:
    assert display_width(truncate_end(one_line(text), 10)) <= 10


@given(st.text(max_size=80), st.integers(5, 60))
def test_a_text_that_is_truncated_in_its_middle_is_not_too_wide_and_has_no_control_characters(
    text: str, width: int
) -> None:
    truncated = truncate_middle(text, width)
    assert display_width(truncated) <= width
    assert escape_control(truncated) == truncated
    assert "\n" not in truncated


def test_a_text_that_is_truncated_in_its_middle_keeps_both_ends() -> None:
    assert truncate_middle("balance_not_updated_after_bank_transfer", 21) == "balance_no…k_transfer"
    assert truncate_middle("fare", 21) == "fare"


@given(TABLES, st.integers(0, 120), st.sets(st.integers(0, 4)))
def test_no_line_of_a_table_is_wider_than_the_given_width(
    table: list[list[str]], width: int, text_columns: set[int]
) -> None:
    head, *rows = table
    text_indices = [index for index in text_columns if index < len(head)]
    optional = [index for index in range(1, len(head)) if index not in text_indices]
    lines = table_lines(head, rows, text_columns=text_indices, optional_columns=optional, width=width)
    assert all(display_width(line) <= max(MIN_WIDTH, width) for line in lines)
    assert all(escape_control(line) == line for line in lines)


def test_text_is_aligned_left_and_numbers_right_with_and_without_a_width() -> None:
    expected = [
        "check           texts dropped  with it",
        "agreement                  39    0.710",
        "near_duplicate          1,200    0.690",
    ]
    assert table_lines(HEAD, ROWS) == expected
    assert table_lines(HEAD, ROWS, width=60) == expected


def test_columns_of_wide_and_combining_characters_and_of_empty_cells_are_aligned() -> None:
    assert table_lines(("label", "wanted"), [("refund", "8"), ("亀", "1,200"), ("e\u0301", "")]) == [
        "label   wanted",
        "refund       8",
        "亀       1,200",
        "e\u0301",
    ]


def test_a_cell_stays_on_one_line_without_control_characters() -> None:
    assert table_lines(("a",), [("one\ntwo \x1b[2J",)]) == ["a", "one two \\x1b[2J"]


def test_without_a_width_no_cell_is_shortened() -> None:
    assert table_lines(("a", "b"), [("x " * 400, "1")])[1] == f"{('x ' * 400).strip()}  1"


def test_a_narrow_table_breaks_heads_then_drops_optional_columns_then_cuts_text_then_stacks_rows() -> None:
    assert table_lines(HEAD, ROWS, width=34)[:3] == [
        "                  texts   with",
        "check           dropped     it",
        "agreement            39  0.710",
    ]
    assert table_lines(HEAD, ROWS, optional_columns=[1], width=26)[0] == "check           with it"
    assert table_lines(("a", "b"), [("x" * 40, "1.0")], width=30)[1] == f"{'x' * 12}…{'x' * 12}  1.0"
    assert table_lines(HEAD, ROWS, width=24)[:3] == ["agreement", "  texts dropped: 39", "  with it: 0.710"]
