from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.parse import CUT, EMPTY, ParsedAnswer
from textsynth.parse.text import Text


def texts(answer: str, *, cut: bool = False, first_line: bool = False) -> ParsedAnswer:
    return Text(first_line=first_line).read(answer, cut=cut)


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
def test_the_whole_answer_is_the_text_without_what_surrounds_it(answer: str, text: str) -> None:
    assert texts(answer) == ParsedAnswer((text,))


@pytest.mark.parametrize("answer", ["", " \n\t ", '""', "\x00", "“ ”"])
def test_nothing_is_a_fault(answer: str) -> None:
    reading = texts(answer)
    assert not reading.texts
    assert [fault.reason for fault in reading.failures] == [EMPTY]


def test_an_answer_that_was_cut_off_is_a_fault() -> None:
    reading = texts("where is my", cut=True)
    assert not reading.texts
    assert [(fault.raw, fault.reason) for fault in reading.failures] == [("where is my", CUT)]


def test_the_first_line_is_complete_once_another_follows() -> None:
    assert texts(" a line\nanother", first_line=True).texts == ("a line",)
    assert texts("a line\nanoth", first_line=True, cut=True).texts == ("a line",)
    assert texts("a line\n", first_line=True, cut=True).texts == ("a line",)
    assert texts("a lin", first_line=True, cut=True).failures[0].reason == CUT
    assert texts('"a line"\nanother', first_line=True).texts == ("a line",)


@settings(deadline=None)
@given(st.text(), st.booleans(), st.booleans())
def test_every_answer_is_read_into_a_text_or_a_fault(answer: str, cut: bool, first_line: bool) -> None:
    reading = texts(answer, cut=cut, first_line=first_line)
    assert len(reading.texts) + len(reading.failures) == 1
    assert all(text and text == text.strip() for text in reading.texts)
