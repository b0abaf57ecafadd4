from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.errors import RecipeError
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer
from textsynth.parse.choice import ChoiceReader

YES_NO = ChoiceReader(options=("Yes", "No", "Not sure"))


@pytest.mark.parametrize("answer", ["Yes", " yes\n", '"Yes"', "YES.", "“yes”"])
def test_an_option_is_recognized_in_any_case_and_with_quotes_or_a_full_stop(answer: str) -> None:
    assert YES_NO.read(answer) == ParsedAnswer(("Yes",))


@pytest.mark.parametrize("answer", ["Yes and no", "Yess", "I think yes", "{}"])
def test_any_other_answer_is_a_failure(answer: str) -> None:
    (failure,) = YES_NO.read(answer).failures
    assert failure.reason == "the answer is none of the options: Yes, No, Not sure"


def test_an_empty_and_a_truncated_answer_have_their_own_reasons() -> None:
    assert YES_NO.read(" ").failures[0].reason == EMPTY
    assert YES_NO.read("Not", truncated=True).failures[0].reason == TRUNCATED
    assert YES_NO.read("Not sure", truncated=True) == ParsedAnswer(("Not sure",))


def test_the_constraint_lists_the_options() -> None:
    constraint = YES_NO.constraint
    assert (constraint.kind, json.loads(constraint.value)) == ("choice", ["Yes", "No", "Not sure"])


@pytest.mark.parametrize("options", [("a",), ("a", "A"), ("a", " "), ("yes", "yes.")])
def test_options_must_differ_in_more_than_case_and_must_not_be_blank(options: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError):
        ChoiceReader(options=options)


@given(st.text(), st.booleans())
def test_every_answer_gives_one_text_or_one_failure(answer: str, truncated: bool) -> None:
    result = YES_NO.read(answer, truncated=truncated)
    assert len(result.texts) + len(result.failures) == 1
