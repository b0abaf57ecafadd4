from __future__ import annotations

import pytest

from textsynth.personal.announced import announced


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("call me on ", True),
        ("Tel.: ", True),
        ("call", True),
        ("my new number is ", True),
        ("customer services ", True),
        ("the order number is ", False),
        ("call me about my order ", False),
        ("my order is late, call ", True),
        ("invoice no. ", False),
        ("the area code of ", None),
        ("it is ", None),
        ("", None),
        ("Please call. Then wait for ", None),
        ("call me when you are at the station at ", None),
        ("sms.ac/u/anna", False),
        ("I recall ", None),
        ("Telefon: ", True),
        ("Rechnung ", False),
    ],
)
def test_the_last_word_near_a_number_says_what_it_is(before: str, told: bool | None) -> None:
    assert announced(f"{before}0161 234 5001", len(before)) is told


def test_words_far_away_are_not_looked_at() -> None:
    text = "call " + "x" * 10_000
    assert announced(text, len(text)) is None
