from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.parse import CUT, EMPTY, EMPTY_PIECE
from textsynth.parse.list import NESTED, NO_LIST, NO_MORE, List


def found(answer: str, *, cut: bool = False, **options: bool | int) -> tuple[list[str], list[str]]:
    reading = List.model_validate(options).read(answer, cut=cut)
    return list(reading.texts), [fault.reason for fault in reading.failures]


@pytest.mark.parametrize(
    "answer",
    [
        "1. one\n2. two\n3. three",
        "1) one\n2) two\n3) three",
        "(1) one\n(2) two\n(3) three",
        "1.one\n2.two\n3.three",
        "**1.** one\n**2.** two\n**3.** three",
        "1、one\n2、two\n3、three",
        "- one\n- two\n- three",
        "* one\n* two\n* three",
        "• one\n•two\n• three",
        "one\ntwo\nthree",
        "one\n\ntwo\n\n\nthree\n",
        "Sure, here are three:\n\n1. one\n2. two\n3. three\n\nI hope these help!",
        "Here you are:\none\ntwo\nthree",
        "  1. one\n  2. two\n  3. three",
        "1. one\r\n2. two\r\n3. three\r\n",
        "```\n1. one\n2. two\n3. three\n```",
        "1. one\n---\n2. two\n---\n3. three",
        '1. "one"\n2. “two”\n3. three',
        "**Plain:**\n1. one\n2. two\n\n**Annoyed:**\n3. three",
        "7. one\n8. two\n9. three",
        "1. one\n2. two\n1. three",
    ],
)
def test_lists_are_read_as_a_person_would(answer: str) -> None:
    assert found(answer) == (["one", "two", "three"], [])


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ("1. a text that\n   goes on\n2. two", ["a text that goes on", "two"]),
        ("1. a text that\ngoes on\n2. two", ["a text that goes on", "two"]),
        (
            "1. Dear all,\n\nwe close on Monday.\n\n2. Dear all,\n\nwe move.",
            ["Dear all,\nwe close on Monday.", "Dear all,\nwe move."],
        ),
        ("1. one\n\n   its second paragraph", ["one\nits second paragraph"]),
        ("1. same\n2. same", ["same", "same"]),
        ("1. costs 1.5 euros\n1.5 is too much\n2. two", ["costs 1.5 euros 1.5 is too much", "two"]),
        ("1. **Title:** text\n2. two", ["**Title:** text", "two"]),
        ("**1. Title:** text", ["Title: text"]),
        ("2024 was a good year\n1999 was not", ["2024 was a good year", "1999 was not"]),
        ("[sigh] it broke\n[sigh] again", ["[sigh] it broke", "[sigh] again"]),
        ("-5 degrees today\n-3 tomorrow", ["-5 degrees today", "-3 tomorrow"]),
        ("1. one\nnot 2. two", ["one not 2. two"]),
    ],
)
def test_lines_go_where_they_belong(answer: str, texts: list[str]) -> None:
    assert found(answer) == (texts, [])


@pytest.mark.parametrize(
    ("answer", "texts", "reasons"),
    [
        ("", [], [EMPTY]),
        (" \n \t", [], [EMPTY]),
        ("Sure, here are five examples:", [], [NO_LIST]),
        ("# Examples\n\n", [], [NO_LIST]),
        ("1.", [], [EMPTY_PIECE]),
        ("1. one\n2.\n3. three", ["one", "three"], [EMPTY_PIECE]),
        ('1. ""\n2. two', ["two"], [EMPTY_PIECE]),
        ("1. one\n   - a\n   - b\n2. two", ["two"], [NESTED]),
        ("- one\n  1. a\n- two", ["two"], [NESTED]),
        ('["one", "two"]', [], ["the answer is JSON, where a list was asked for"]),
        ('{"texts": ["one"]}', [], ["the answer is JSON, where a list was asked for"]),
        (
            "1. o\x00ne\n2. two",
            ["two"],
            ["a text holds characters that no text has (NUL, or half of a surrogate pair)"],
        ),
        (
            "1. o\ud800ne\n2. two",
            ["two"],
            ["a text holds characters that no text has (NUL, or half of a surrogate pair)"],
        ),
    ],
)
def test_broken_answers_are_faults_with_their_reason(answer: str, texts: list[str], reasons: list[str]) -> None:
    assert found(answer) == (texts, reasons)


def test_a_fault_can_be_written_to_a_file() -> None:
    reading = List().read("1. o\ud800ne")
    assert [fault.raw.encode() for fault in reading.failures] == ["o\ufffdne".encode()]


def test_what_was_cut_off_is_no_text() -> None:
    assert found("1. one\n2. tw", cut=True) == (["one"], [CUT])
    assert found("1. one\n2. two\n", cut=True) == (["one", "two"], [])
    assert found("one\ntw", cut=True) == (["one"], [CUT])
    assert found("1. one\n2.", cut=True) == (["one"], [CUT])
    assert found("Sure, here", cut=True) == ([], [CUT])
    assert found("", cut=True) == ([], [CUT])


def test_a_list_that_the_prompt_began_goes_on() -> None:
    def go_on(answer: str, *, cut: bool = False) -> tuple[list[str], list[str]]:
        return found(answer, cut=cut, continues=True)

    assert go_on(" four\n5. five\n6. six\n") == (["four", "five", "six"], [])
    assert go_on(" four\n5. five\n6. si", cut=True) == (["four", "five"], [CUT])
    assert go_on("4. four\n5. five") == (["four", "five"], [])
    assert go_on(" four\n- five") == (["four", "five"], [])
    assert go_on("\n5. five\n6. six") == (["five", "six"], [])
    assert go_on(" four\n\nQuestions about refunds:\n1. one") == (["four"], [])
    assert go_on(" four\n1. one of another list") == (["four"], [])
    assert go_on(" four\n5. five\n9. nine") == (["four", "five"], [])
    assert go_on(" four\nLabel: refund") == (["four"], [])
    assert go_on(" four\nand so on", cut=True) == (["four"], [])
    assert go_on("\nLabel: refund") == ([], [NO_MORE])
    assert go_on(" fou", cut=True) == ([], [CUT])


def test_more_than_asked_for_is_said() -> None:
    assert found("1. one\n2. two\n3. three", most=2) == (["one", "two"], ["more items than the 2 asked for"])


def test_quotes_stay_where_they_are_wanted() -> None:
    assert found('1. "one"', strip_quotes=False) == (['"one"'], [])


@pytest.mark.parametrize("answer", ["1. " + "x" * 1_000_000, "- - " * 250_000, " \x00" * 500_000, "1.\n" * 100_000])
def test_a_huge_answer_is_read_in_no_time(answer: str) -> None:
    before = time.process_time()
    reading = List().read(answer)
    assert reading.texts or reading.failures
    assert time.process_time() - before < 5


LINE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).map(
    lambda text: "x" + text.strip("\ufeff\u200b\u2060 ") + "x"
)


@settings(deadline=None)
@given(
    st.lists(LINE, min_size=1, max_size=9), st.sampled_from(["{n}. {text}", "{n}) {text}", "({n}) {text}", "- {text}"])
)
def test_a_list_that_was_written_is_read_back(lines: list[str], form: str) -> None:
    answer = "\n".join(form.format(n=place, text=text) for place, text in enumerate(lines, start=1))
    assert found(answer) == (lines, [])


@settings(deadline=None)
@given(st.text(st.sampled_from("1.) -*\n\t\"'x:#`()[]\x00\ud800")) | st.text(), st.booleans(), st.booleans())
def test_every_answer_is_read_into_texts_and_faults(answer: str, cut: bool, continues: bool) -> None:
    reading = List(continues=continues).read(answer, cut=cut)
    assert reading.texts or reading.failures
    assert all(text and text == text.strip() for text in reading.texts)
