"""Durations, counts, percentages and texts of unknown origin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.formatting import (
    display_width,
    escape_control,
    format_confidence,
    format_duration,
    format_percent,
    format_percent_range,
    pluralize,
    valid_unicode,
    waiting_for_review,
)

SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("text", "escaped"),
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
def test_control_characters_are_escaped(text: str, escaped: str) -> None:
    assert escape_control(text) == escaped


@given(st.text(alphabet=st.characters()))
def test_any_text_can_be_printed(text: str) -> None:
    escaped = escape_control(text)
    escaped.encode("utf-8")
    assert "\x1b" not in escaped
    assert escaped.count("\n") == text.count("\n")
    assert escape_control(escaped) == escaped


@pytest.mark.parametrize(
    ("seconds", "text"),
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
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 texts"), (1, "1 text"), (1200, "1,200 texts")])
def test_counts(number: int, text: str) -> None:
    assert pluralize(number, "text") == text


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("Größe", 5), ("漢字", 4), ("e\u0301", 1)])
def test_terminal_columns(text: str, width: int) -> None:
    assert display_width(text) == width


def test_lone_surrogates_become_a_question_mark_and_the_rest_stays() -> None:
    assert valid_unicode("naïve \ud83d \U0001f600") == "naïve ? \U0001f600"


def test_one_text_waits_and_several_wait() -> None:
    assert (waiting_for_review(1), waiting_for_review(1200)) == (
        "1 text waits for a person",
        "1,200 texts wait for a person",
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.84, "84 %"),
        (1 / 8, "12 %"),
        (0.01, "1 %"),
        (0.99, "99 %"),
        (0.004, "0.4 %"),
        (0.995, "99.5 %"),
        (0.996, "99.6 %"),
        (0.999, "99.9 %"),
        (0.9997, "99.97 %"),
        (1 / 900, "0.1 %"),
        (899 / 900, "99.9 %"),
        (1e-6, "0.0001 %"),
        (1e-7, "under 0.0001 %"),
        (1 - 1e-7, "over 99.9999 %"),
    ],
)
def test_percentages(share: float, text: str) -> None:
    assert format_percent(share) == text


def test_percentages_with_decimals() -> None:
    assert [format_percent(share, decimals=1) for share in (0, 0.01, 0.125, 0.9999, 1)] == [
        "0.0 %",
        "1.0 %",
        "12.5 %",
        "99.99 %",
        "100.0 %",
    ]


@given(SHARES, st.integers(0, 3))
def test_only_none_is_zero_percent_and_only_all_is_hundred_percent(share: float, decimals: int) -> None:
    number = format_percent(share, decimals=decimals).removesuffix(" %")
    if not number.startswith(("under", "over")):
        assert (float(number) == 0) == (share == 0)
        assert (float(number) == 100) == (share == 1)


def test_an_interval_of_a_share_is_in_percent_by_the_same_rule() -> None:
    assert format_percent_range(0.6888, 0.957) == "69–96 %"
    assert format_percent_range(0.94, 1.0) == "94–100 %"
    assert format_percent_range(0.004, 0.9996) == "0.4–99.96 %"


def test_confidences() -> None:
    assert [format_confidence(value) for value in (0, 0.004, 0.666, 0.9941, 0.996, 0.9996, 1)] == [
        ".00",
        ".004",
        ".67",
        ".994",
        ".996",
        ".9996",
        "1.00",
    ]


@given(SHARES)
def test_only_certainty_is_a_confidence_of_one(confidence: float) -> None:
    text = format_confidence(confidence)
    if not text.startswith(("under", "over")):
        assert (float(text) == 1) == (confidence == 1)
        assert (float(text) == 0) == (confidence == 0)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("हि", 2), ("می\u200cخواهم", 7), ("👩\u200d🚀", 4), ("✔\ufe0f", 1)],
)
def test_marks_and_joiners_take_no_columns(text: str, columns: int) -> None:
    assert display_width(text) == columns
