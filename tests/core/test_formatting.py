from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.formatting import (
    display_width,
    escape_control,
    format_duration,
    format_percent_range,
    pluralize,
    valid_unicode,
    waiting_for_review,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, two\nlines", "plain text, two\nlines"),
        ("żółw 亀 🐢", "żółw 亀 🐢"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("over\rwritten", "over\\rwritten"),
        ("turned \u202eround", "turned \\u202eround"),
        ("half \ud800 pair", "half \\ud800 pair"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("", ""),
    ],
)
def test_what_could_steer_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert escape_control(text) == shown


@given(st.text(alphabet=st.characters()))
def test_whatever_a_model_writes_can_be_printed(text: str) -> None:
    shown = escape_control(text)
    shown.encode("utf-8")
    assert "\x1b" not in shown
    assert shown.count("\n") == text.count("\n")
    assert escape_control(shown) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (187, "3:07"),
        (3599.7, "1:00:00"),
        (3723, "1:02:03"),
        (100_000, "27:46:40"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown


@pytest.mark.parametrize(("number", "shown"), [(0, "0 texts"), (1, "1 text"), (1200, "1,200 texts")])
def test_counts(number: int, shown: str) -> None:
    assert pluralize(number, "text") == shown


@pytest.mark.parametrize(("text", "wide"), [("", 0), ("abc", 3), ("Größe", 5), ("漢字", 4), ("e\u0301", 1)])
def test_columns_of_a_terminal(text: str, wide: int) -> None:
    assert display_width(text) == wide


def test_what_cannot_be_written_becomes_a_question_mark_and_the_rest_stays() -> None:
    assert valid_unicode("naïve \ud83d \U0001f600") == "naïve ? \U0001f600"


def test_one_text_waits_and_several_wait() -> None:
    assert (waiting_for_review(1), waiting_for_review(1200)) == (
        "1 text waits for a person",
        "1,200 texts wait for a person",
    )


def test_an_interval_of_a_share_is_told_in_per_cent() -> None:
    assert format_percent_range(0.6888, 0.957) == "69–96 %"
