from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.growth import assert_linear_growth
from textsynth.parse import EMPTY, EMPTY_ITEM, TRUNCATED, UNSTORABLE
from textsynth.parse.tagged import TaggedReader


def read(answer: str, *, truncated: bool = False) -> tuple[list[str], list[str]]:
    """Return the texts and the reasons of the failures."""
    result = TaggedReader(tag="t").read(answer, truncated=truncated)
    return list(result.texts), [failure.reason for failure in result.failures]


@pytest.mark.parametrize(
    "answer",
    [
        "<t>one</t><t>two</t>",
        "Sure!\n<t>\none\n</t>\nand\n<t>two</t>\nDone.",
        '<T>one</T>\n<t id="2">two</t >',
        "<text>no</text><t>one</t> <t>two</t> 3 < 4",
    ],
)
def test_texts_are_read_between_their_tags(answer: str) -> None:
    assert read(answer) == (["one", "two"], [])


@pytest.mark.parametrize(
    ("answer", "texts", "reasons"),
    [
        ("", [], [EMPTY]),
        ("I cannot do that.", [], ["the answer has no <t>…</t>"]),
        ("<other>one</other>", [], ["the answer has no <t>…</t>"]),
        ("<t></t><t>two</t>", ["two"], [EMPTY_ITEM]),
        ("<t>one", [], ["a <t> is not closed"]),
        ("<t>one<t>two</t>", ["two"], ["a <t> is not closed"]),
        ("one</t><t>two</t>", ["two"], ["a </t> has no opening tag"]),
        ("<t>zero</t><t>one<t>two</t>three</t><t>four</t>", ["zero", "four"], ["a <t> contains another <t>"]),
        ("<t>o\x00ne</t>", [], [UNSTORABLE]),
    ],
)
def test_malformed_answers_are_failures_with_a_reason(answer: str, texts: list[str], reasons: list[str]) -> None:
    assert read(answer) == (texts, reasons)


def test_a_truncated_text_is_a_failure() -> None:
    assert read("<t>one</t><t>tw", truncated=True) == (["one"], [TRUNCATED])
    assert read("<t>one</t>\nDo", truncated=True) == (["one"], [])
    assert read("Sure", truncated=True) == ([], [TRUNCATED])


def test_a_failure_has_the_raw_part_of_the_answer() -> None:
    assert [failure.raw for failure in TaggedReader(tag="t").read("a <t>b<t>c</t>d</t> e").failures] == [
        "<t>b<t>c</t>d</t>"
    ]


@pytest.mark.parametrize("pattern", ["<t>", "<t>x</t>", "</t>", "<t "])
def test_the_time_for_a_huge_answer_grows_linearly(pattern: str) -> None:
    result = TaggedReader(tag="t").read(pattern * 100_000)
    assert result.texts or result.failures
    assert_linear_growth(TaggedReader(tag="t").read, pattern * 2_000, pattern * 100_000)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["<t>", "</t>", "<T", ">", " ", "x", "\ud800"])).map("".join) | st.text(), st.booleans()
)
def test_every_answer_gives_texts_or_failures(answer: str, truncated: bool) -> None:
    result = TaggedReader(tag="t").read(answer, truncated=truncated)
    assert result.texts or result.failures
    assert all(text and text == text.strip() for text in result.texts)
