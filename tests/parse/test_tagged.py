from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.parse import CUT, EMPTY, EMPTY_PIECE
from textsynth.parse.tagged import Tagged


def found(answer: str, *, cut: bool = False) -> tuple[list[str], list[str]]:
    reading = Tagged(tag="t").read(answer, cut=cut)
    return list(reading.texts), [fault.reason for fault in reading.failures]


@pytest.mark.parametrize(
    "answer",
    [
        "<t>one</t><t>two</t>",
        "Sure!\n<t>\none\n</t>\nand\n<t>two</t>\nDone.",
        '<T>one</T>\n<t id="2">two</t >',
        "<text>no</text><t>one</t> <t>two</t> 3 < 4",
    ],
)
def test_texts_stand_between_their_tags(answer: str) -> None:
    assert found(answer) == (["one", "two"], [])


@pytest.mark.parametrize(
    ("answer", "texts", "reasons"),
    [
        ("", [], [EMPTY]),
        ("I cannot do that.", [], ["the answer has no <t>…</t>"]),
        ("<other>one</other>", [], ["the answer has no <t>…</t>"]),
        ("<t></t><t>two</t>", ["two"], [EMPTY_PIECE]),
        ("<t>one", [], ["a <t> is not closed"]),
        ("<t>one<t>two</t>", ["two"], ["a <t> is not closed"]),
        ("one</t><t>two</t>", ["two"], ["a </t> closes nothing"]),
        ("<t>zero</t><t>one<t>two</t>three</t><t>four</t>", ["zero", "four"], ["a <t> holds another one"]),
        ("<t>o\x00ne</t>", [], ["a text holds characters that no text has (NUL, or half of a surrogate pair)"]),
    ],
)
def test_broken_answers_are_faults_with_their_reason(answer: str, texts: list[str], reasons: list[str]) -> None:
    assert found(answer) == (texts, reasons)


def test_what_was_cut_off_is_no_text() -> None:
    assert found("<t>one</t><t>tw", cut=True) == (["one"], [CUT])
    assert found("<t>one</t>\nDo", cut=True) == (["one"], [])
    assert found("Sure", cut=True) == ([], [CUT])


def test_the_raw_piece_is_kept() -> None:
    assert [fault.raw for fault in Tagged(tag="t").read("a <t>b<t>c</t>d</t> e").failures] == ["<t>b<t>c</t>d</t>"]


@pytest.mark.parametrize("answer", ["<t>" * 100_000, "<t>x</t>" * 50_000, "</t>" * 100_000, "<t " * 100_000])
def test_a_huge_answer_is_read_in_no_time(answer: str) -> None:
    before = time.process_time()
    reading = Tagged(tag="t").read(answer)
    assert reading.texts or reading.failures
    assert time.process_time() - before < 5


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["<t>", "</t>", "<T", ">", " ", "x", "\ud800"])).map("".join) | st.text(), st.booleans()
)
def test_every_answer_is_read_into_texts_and_faults(answer: str, cut: bool) -> None:
    reading = Tagged(tag="t").read(answer, cut=cut)
    assert reading.texts or reading.failures
    assert all(text and text == text.strip() for text in reading.texts)
