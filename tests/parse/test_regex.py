from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import RecipeError
from textsynth.core.records import reason_category
from textsynth.parse import CUT, EMPTY, ParsedAnswer
from textsynth.parse.regex import Regex

CODE = Regex(pattern="[A-Z]{2}-[0-9]{4}")


def test_the_answer_fits_as_a_whole() -> None:
    assert CODE.read(" AB-1234\n") == ParsedAnswer(("AB-1234",))
    assert reason_category(Regex(pattern="T: .*").read("a").failures[0].reason) == "the answer does not fit the pattern"
    assert CODE.read("It is AB-1234").failures[0].reason == "the answer does not fit the pattern: '[A-Z]{2}-[0-9]{4}'"


def test_the_text_may_be_a_part_of_it() -> None:
    named = Regex(pattern="Summary: (?P<text>.+)")
    assert named.read("Summary: it rains").texts == ("it rains",)
    assert named.constraint.value == "Summary: (.+)"


def test_no_answer_and_a_cut_one_are_told_apart() -> None:
    assert CODE.read("").failures[0].reason == EMPTY
    assert CODE.read("AB-12", cut=True).failures[0].reason == CUT
    assert CODE.read("AB-1234", cut=True).texts == ("AB-1234",)


@pytest.mark.parametrize("pattern", ["(", "", "(?P<other>a)"])
def test_wrong_patterns_are_mistakes(pattern: str) -> None:
    with pytest.raises(RecipeError):
        Regex(pattern=pattern)


@given(st.text(), st.booleans())
def test_any_answer_is_read_into_something(said: str, cut: bool) -> None:
    found = CODE.read(said, cut=cut)
    assert len(found.texts) + len(found.failures) == 1
