from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import RecipeError
from textsynth.core.records import reason_category
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer
from textsynth.parse.regex import RegexReader

CODE = RegexReader(pattern="[A-Z]{2}-[0-9]{4}")


def test_the_pattern_must_match_the_whole_answer() -> None:
    assert CODE.read(" AB-1234\n") == ParsedAnswer(("AB-1234",))
    assert (
        reason_category(RegexReader(pattern="T: .*").read("a").failures[0].reason)
        == "the answer does not match the pattern"
    )
    assert CODE.read("It is AB-1234").failures[0].reason == "the answer does not match the pattern: '[A-Z]{2}-[0-9]{4}'"


def test_the_group_named_text_is_the_text() -> None:
    named = RegexReader(pattern="Summary: (?P<text>.+)")
    assert named.read("Summary: it rains").texts == ("it rains",)
    assert named.constraint.value == "Summary: (.+)"
    assert named.field_names == CODE.field_names == ()
    assert RegexReader(pattern="(?P<text>.+) / (?P<text_b>.+)").field_names == ("text_b",)


def test_an_empty_and_a_truncated_answer_have_their_own_reasons() -> None:
    assert CODE.read("").failures[0].reason == EMPTY
    assert CODE.read("AB-12", truncated=True).failures[0].reason == TRUNCATED
    assert CODE.read("AB-1234", truncated=True).texts == ("AB-1234",)


@pytest.mark.parametrize("pattern", ["(", "", "(?P<other>a)"])
def test_an_invalid_pattern_is_an_error(pattern: str) -> None:
    with pytest.raises(RecipeError):
        RegexReader(pattern=pattern)


@given(st.text(), st.booleans())
def test_every_answer_gives_one_text_or_one_failure(answer: str, truncated: bool) -> None:
    result = CODE.read(answer, truncated=truncated)
    assert len(result.texts) + len(result.failures) == 1


def test_the_other_named_groups_are_fields_of_the_text() -> None:
    reader = RegexReader(pattern=r"A: (?P<text>.+)\nB: (?P<text_b>.+?)(?: because (?P<why>.+))?")
    result = reader.read("A: one \nB: two")
    assert (result.texts, result.fields) == (("one",), ({"text_b": "two"},))
    assert reader.read("A: one\nB: two because three").fields == ({"text_b": "two", "why": "three"},)
    assert reader.constraint.value == r"A: (.+)\nB: (.+?)(?: because (.+))?"


def test_a_named_group_without_a_group_text_is_an_error() -> None:
    with pytest.raises(RecipeError, match="one group must be named 'text'"):
        RegexReader(pattern="(?P<label>a|b)")
