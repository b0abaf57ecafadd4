from __future__ import annotations

import json
import unicodedata

import pytest
import yaml

from textsynth.text.labels import escaped, one_form, similar_label


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
        ("delivery\u200b", ("delivery", "invisible characters or kinds of spaces")),
        ("card\u00a0arrival", ("card_arrival", "spaces, hyphens or underscores")),
        ("ｄelivery", ("delivery", "the Unicode form of its characters")),
        ("delivry", None),
        ("delivery", None),
    ],
)
def test_the_difference_of_similar_names_is_named(name: str, expected: tuple[str, str] | None) -> None:
    assert similar_label(name, ["delivery", "card_arrival"]) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [("café", '"café"'), ("a\u00a0b\u200b", '"a\\u00a0b\\u200b"'), ('say "x"', '"say \\"x\\""')],
)
def test_invisible_characters_of_a_name_are_shown(name: str, text: str) -> None:
    assert escaped(name) == text
    assert yaml.safe_load(text) == json.loads(text) == name
