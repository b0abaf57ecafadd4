from __future__ import annotations

import json
import unicodedata

import pytest
import yaml

from textsynth.text.labels import escaped, label_name_fault, one_form, similar_label


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


@pytest.mark.parametrize("name", ["refund", "👩\u200d🚀 space", "می\u200cخواهم", "日本語", "تسليم", "a.b/c d"])
def test_a_label_may_have_joiners_of_words_and_emoji(name: str) -> None:
    assert label_name_fault(name) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "without spaces at its ends, found ''"),
        (" a", "without spaces at its ends, found ' a'"),
        ("a\nb", r"of visible characters, found 'a\nb'"),
        ("a\u200bb", r"of visible characters, found 'a\u200bb'"),
        ("a\u202eb", r"of visible characters, found 'a\u202eb'"),
        ("a\u200d", r"of visible characters, found 'a\u200d'"),
    ],
)
def test_a_label_is_one_line_of_visible_characters(name: str, fault: str) -> None:
    assert label_name_fault(name) == f"a label's name is one line {fault}"
