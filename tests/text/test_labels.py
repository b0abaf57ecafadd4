from __future__ import annotations

import unicodedata

import pytest

from textsynth.text.labels import one_form, similar_label


def test_names_have_one_unicode_form() -> None:
    assert one_form(unicodedata.normalize("NFD", "café")) == "café"
    assert one_form("card_arrival") == "card_arrival"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Delivery", ("delivery", "upper and lower case")),
        ("delivery ", ("delivery", "a space at its start or end")),
        ("Delivery ", ("delivery", "case, and a space at its start or end")),
        ("card arrival", ("card_arrival", "spaces, hyphens or underscores")),
        ("delivry", None),
        ("delivery", None),
    ],
)
def test_the_difference_of_similar_names_is_named(name: str, expected: tuple[str, str] | None) -> None:
    assert similar_label(name, ["delivery", "card_arrival"]) == expected
