from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import RecipeError
from textsynth.parse import CUT, EMPTY, ParsedAnswer
from textsynth.parse.choice import Choice

YES_NO = Choice(options=("Yes", "No", "Not sure"))


@pytest.mark.parametrize("said", ["Yes", " yes\n", '"Yes"', "YES.", "“yes”"])
def test_an_option_is_known_in_any_dress(said: str) -> None:
    assert YES_NO.read(said) == ParsedAnswer(("Yes",))


@pytest.mark.parametrize("said", ["Yes and no", "Yess", "I think yes", "{}"])
def test_anything_else_is_a_fault_and_nothing_is_guessed(said: str) -> None:
    (fault,) = YES_NO.read(said).failures
    assert fault.reason == "the answer is none of the options: Yes, No, Not sure"


def test_no_answer_and_a_cut_one_are_told_apart() -> None:
    assert YES_NO.read(" ").failures[0].reason == EMPTY
    assert YES_NO.read("Not", cut=True).failures[0].reason == CUT
    assert YES_NO.read("Not sure", cut=True) == ParsedAnswer(("Not sure",))


def test_an_engine_may_be_held_to_the_options() -> None:
    held = YES_NO.constraint
    assert (held.kind, json.loads(held.value)) == ("choice", ["Yes", "No", "Not sure"])


@pytest.mark.parametrize("options", [("a",), ("a", "A"), ("a", " "), ("yes", "yes.")])
def test_options_must_differ(options: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError):
        Choice(options=options)


@given(st.text(), st.booleans())
def test_any_answer_is_read_into_something(said: str, cut: bool) -> None:
    found = YES_NO.read(said, cut=cut)
    assert len(found.texts) + len(found.failures) == 1
