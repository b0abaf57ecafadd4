from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import assert_linear_growth
from textsynth.parse import EMPTY, EMPTY_ITEM, TRUNCATED, UNSTORABLE
from textsynth.parse.list import NESTED, NO_CONTINUATION, NO_LIST, ListReader
from textsynth.parse.structures import NO_CLEAR_TEXT


def read(answer: str, *, truncated: bool = False, **options: bool | int) -> tuple[list[str], list[str]]:
    """Return the texts and the reasons of the failures."""
    result = ListReader.model_validate(options).read(answer, truncated=truncated)
    return list(result.texts), [failure.reason for failure in result.failures]


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
        '["one", "two", "three"]',
        '{"texts": ["one", "two", "three"]}',
    ],
)
def test_lists_are_read_in_many_formats(answer: str) -> None:
    assert read(answer) == (["one", "two", "three"], [])


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
def test_each_line_is_added_to_the_item_it_belongs_to(answer: str, texts: list[str]) -> None:
    assert read(answer) == (texts, [])


@pytest.mark.parametrize(
    ("answer", "texts", "reasons"),
    [
        ("", [], [EMPTY]),
        (" \n \t", [], [EMPTY]),
        ("Sure, here are five examples:", [], [NO_LIST]),
        ("# Examples\n\n", [], [NO_LIST]),
        ("1.", [], [EMPTY_ITEM]),
        ("1. one\n2.\n3. three", ["one", "three"], [EMPTY_ITEM]),
        ('1. ""\n2. two', ["two"], [EMPTY_ITEM]),
        ("1. one\n   - a\n   - b\n2. two", ["two"], [NESTED]),
        ("- one\n  1. a\n- two", ["two"], [NESTED]),
        ('{"a": "one", "b": "two"}', [], [NO_CLEAR_TEXT]),
        (
            "1. o\x00ne\n2. two",
            ["two"],
            [UNSTORABLE],
        ),
        (
            "1. o\ud800ne\n2. two",
            ["two"],
            [UNSTORABLE],
        ),
    ],
)
def test_malformed_answers_are_failures_with_a_reason(answer: str, texts: list[str], reasons: list[str]) -> None:
    assert read(answer) == (texts, reasons)


def test_the_raw_part_of_a_failure_can_be_encoded() -> None:
    result = ListReader().read("1. o\ud800ne")
    assert [failure.raw.encode() for failure in result.failures] == ["o\ufffdne".encode()]


def test_a_truncated_item_is_a_failure() -> None:
    assert read("1. one\n2. tw", truncated=True) == (["one"], [TRUNCATED])
    assert read("1. one\n2. two\n", truncated=True) == (["one", "two"], [])
    assert read("one\ntw", truncated=True) == (["one"], [TRUNCATED])
    assert read("1. one\n2.", truncated=True) == (["one"], [TRUNCATED])
    assert read("Sure, here", truncated=True) == ([], [TRUNCATED])
    assert read("", truncated=True) == ([], [TRUNCATED])


def test_the_answer_can_continue_the_list_of_the_prompt() -> None:
    def continued(answer: str, *, truncated: bool = False) -> tuple[list[str], list[str]]:
        return read(answer, truncated=truncated, continues=True)

    assert continued(" four\n5. five\n6. six\n") == (["four", "five", "six"], [])
    assert continued(" four\n5. five\n6. si", truncated=True) == (["four", "five"], [TRUNCATED])
    assert continued("4. four\n5. five") == (["four", "five"], [])
    assert continued(" four\n- five") == (["four", "five"], [])
    assert continued("\n5. five\n6. six") == (["five", "six"], [])
    assert continued(" four\n\nQuestions about refunds:\n1. one") == (["four"], [])
    assert continued(" four\n1. one of another list") == (["four"], [])
    assert continued(" four\n5. five\n9. nine") == (["four", "five"], [])
    assert continued(" four\nLabel: refund") == (["four"], [])
    assert continued(" four\nand so on", truncated=True) == (["four"], [])
    assert continued("\nLabel: refund") == ([], [NO_CONTINUATION])
    assert continued(" fou", truncated=True) == ([], [TRUNCATED])


def test_items_beyond_the_limit_are_failures() -> None:
    assert read("1. one\n2. two\n3. three", most=2) == (["one", "two"], ["more items than the 2 requested"])


def test_quotes_are_kept_with_strip_quotes_false() -> None:
    assert read('1. "one"', strip_quotes=False) == (['"one"'], [])


@pytest.mark.parametrize(("start", "pattern"), [("1. ", "x"), ("", "- - "), ("", " \x00"), ("", "1.\n")])
def test_the_time_for_a_huge_answer_grows_linearly(start: str, pattern: str) -> None:
    small, large = (start + pattern * (size // len(pattern)) for size in (20_000, 1_000_000))
    result = ListReader().read(large)
    assert result.texts or result.failures
    assert_linear_growth(ListReader().read, small, large)


LINE = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="\ufffd"), min_size=1
).map(lambda text: "x" + text.strip("\ufeff\u200b\u2060 ") + "x")


@settings(deadline=None)
@given(
    st.lists(LINE, min_size=1, max_size=9), st.sampled_from(["{n}. {text}", "{n}) {text}", "({n}) {text}", "- {text}"])
)
def test_every_written_list_is_read_back(lines: list[str], form: str) -> None:
    answer = "\n".join(form.format(n=number, text=text) for number, text in enumerate(lines, start=1))
    assert read(answer) == (lines, [])


@settings(deadline=None)
@given(st.text(st.sampled_from("1.) -*\n\t\"'x:#`()[]\x00\ud800")) | st.text(), st.booleans(), st.booleans())
def test_every_answer_gives_texts_or_failures(answer: str, truncated: bool, continues: bool) -> None:
    result = ListReader(continues=continues).read(answer, truncated=truncated)
    assert result.texts or result.failures
    assert all(text and text == text.strip() for text in result.texts)
