"""Answers whose items are in a structure that is easily taken for the text itself, and what is no text at all."""

from __future__ import annotations

import pytest

from textsynth.parse import TOOL_CALL, ParseFailure, without_thinking
from textsynth.parse.list import ListReader
from textsynth.parse.text import TextReader

ONE, TWO = "where is my parcel", "my chair is late again"


@pytest.mark.parametrize(
    "answer",
    [
        f'```json ["{ONE}", "{TWO}"] ```',
        f'```json {{"texts": ["{ONE}", "{TWO}"]}}```',
        f'"[\\"{ONE}\\", \\"{TWO}\\"]"',
        f'"1. {ONE}\\n2. {TWO}"',
        f"1. {ONE}\\n2. {TWO}",
        f'text,label\n"{ONE}",delivery\n"{TWO}",delivery',
        f"id;text\n1;{ONE}\n2;{TWO}",
        f"text\tlabel\n{ONE}\tdelivery\n{TWO}\tdelivery",
        f"text | label\n{ONE} | delivery\n{TWO} | delivery",
        f"{ONE}<br>{TWO}<br/>",
        f"- text: {ONE}\n  label: delivery\n- text: {TWO}\n  label: delivery",
        f"1. Text: {ONE}\n   Label: delivery\n2. Text: {TWO}\n   Label: delivery",
        f"1. \\text{{{ONE}}}\n2. \\text{{{TWO}}}",
        f"**Calm:**\n1. {ONE}\n**Angry:**\n2. {TWO}",
        f"Assistant: 1. {ONE}\n2. {TWO}",
        f"Sure, here are two: 1. {ONE}\n2. {TWO}",
        *(f"1. {ONE}{end}2. {TWO}" for end in ("\r", "\x85", "\u2028", "\u2029", "\x0c")),
    ],
)
def test_the_texts_are_read_without_their_structure(answer: str) -> None:
    result = ListReader().read(answer)
    assert result.texts == (ONE, TWO)
    assert result.failures == ()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("[1, 2, 3]", "a number in place of a text"),
        (f'{{"name": "write", "arguments": {{"text": "{ONE}"}}}}', "a tool call in place of a text"),
        (f"```text {ONE}```", "a text begins with a code fence"),
        (f"text,label\nwhere, then, is it,delivery\n{ONE},delivery", "a row of the table has another number of cells"),
    ],
)
def test_what_is_not_clear_is_a_failure(answer: str, reason: str) -> None:
    result = ListReader().read(answer)
    assert result.failures[0].reason.startswith(reason)
    assert len(result.texts) == (ONE in answer and "," in answer and "{" not in answer)


@pytest.mark.parametrize(
    "answer",
    [
        f"Question, please\n{ONE}\n{TWO}",
        f"1. User: {ONE}\n   Agent: on its way\n2. User: {TWO}\n   Agent: sorry",
        f"1. {ONE} (the blue one)\n2. {TWO} \\o/",
    ],
)
def test_ordinary_texts_that_look_a_little_like_a_structure_stay(answer: str) -> None:
    result = ListReader().read(answer)
    assert " ".join(result.texts).replace("\\o/", "").count(ONE) == 1
    assert len(result.texts) >= 2


@pytest.mark.parametrize(
    "call",
    [
        '<tool_call>{"name": "write"}</tool_call>',
        '<|python_tag|>write.call(text="x")',
        '[TOOL_CALLS][{"name": "write"}]',
        "<function=write>{}</function>",
    ],
)
def test_a_tool_call_in_the_text_of_an_answer_is_no_text(call: str) -> None:
    assert without_thinking(call) == ParseFailure(call, TOOL_CALL)


def test_a_boxed_text_is_the_text() -> None:
    assert TextReader().read(f"\\boxed{{{ONE}}}").texts == (ONE,)
