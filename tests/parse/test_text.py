from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer
from textsynth.parse.text import TextReader


def read(answer: str, *, truncated: bool = False, first_line: bool = False) -> ParsedAnswer:
    return TextReader(first_line=first_line).read(answer, truncated=truncated)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("  where is my card?\n", "where is my card?"),
        ('"where is my card?"', "where is my card?"),
        ("“where is my card?”", "where is my card?"),
        ("'I can't log in'", "I can't log in"),
        ('"one" and "two"', '"one" and "two"'),
        ("two\nlines", "two\nlines"),
        ("\ufeffwith a mark\x00", "with a mark"),
    ],
)
def test_the_text_is_the_answer_without_surrounding_space_and_quotes(answer: str, text: str) -> None:
    assert read(answer) == ParsedAnswer((text,))


@pytest.mark.parametrize("answer", ["", " \n\t ", '""', "\x00", "“ ”"])
def test_an_empty_answer_is_a_failure(answer: str) -> None:
    result = read(answer)
    assert not result.texts
    assert [failure.reason for failure in result.failures] == [EMPTY]


def test_a_truncated_answer_is_a_failure() -> None:
    result = read("where is my", truncated=True)
    assert not result.texts
    assert [(failure.raw, failure.reason) for failure in result.failures] == [("where is my", TRUNCATED)]


def test_the_first_line_is_complete_once_a_line_break_follows() -> None:
    assert read(" a line\nanother", first_line=True).texts == ("a line",)
    assert read("a line\nanoth", first_line=True, truncated=True).texts == ("a line",)
    assert read("a line\n", first_line=True, truncated=True).texts == ("a line",)
    assert read("a lin", first_line=True, truncated=True).failures[0].reason == TRUNCATED
    assert read('"a line"\nanother', first_line=True).texts == ("a line",)


@settings(deadline=None)
@given(st.text(), st.booleans(), st.booleans())
def test_every_answer_gives_one_text_or_one_failure(answer: str, truncated: bool, first_line: bool) -> None:
    result = read(answer, truncated=truncated, first_line=first_line)
    assert len(result.texts) + len(result.failures) == 1
    assert all(text and text == text.strip() for text in result.texts)
