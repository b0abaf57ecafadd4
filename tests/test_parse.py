from __future__ import annotations

import pytest

from textsynth.core.errors import UsageError
from textsynth.parse import (
    CONTROL_CHARACTER,
    EMPTY_ITEM,
    MISREAD,
    UNSTORABLE,
    ParsedAnswer,
    ParseFailure,
    Reader,
    make_reader,
    parsed_answer,
    reader_names,
    without_thinking,
)
from textsynth.parse.json import JsonReader
from textsynth.parse.list import ListReader
from textsynth.parse.tagged import TaggedReader
from textsynth.parse.text import TextReader


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("text", TextReader()),
        ("list", ListReader()),
        ({"list": None}, ListReader()),
        ({"list": {"continues": True, "most": 3}}, ListReader(continues=True, most=3)),
        ({"json": {"texts": "items[].text"}}, JsonReader(texts="items[].text")),
        ({"tagged": {"tag": "review"}}, TaggedReader(tag="review")),
    ],
)
def test_a_reader_is_selected_by_name_or_with_settings(spec: object, expected: Reader) -> None:
    assert make_reader(spec, "p.jinja:7") == expected


def test_some_readers_have_a_constraint_for_the_engine() -> None:
    settings: dict[str, object] = {"choice": {"options": ["a", "b"]}, "regex": {"pattern": "a+"}}
    constraints = {name: make_reader({name: settings.get(name)}, "").constraint for name in reader_names()}
    assert {name: constraint.kind for name, constraint in constraints.items() if constraint is not None} == {
        "choice": "choice", "json": "json", "regex": "regex",
    }  # fmt: skip
    assert reader_names() == ["choice", "json", "list", "regex", "tagged", "text"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lsit", "there is no answer reader 'lsit'; did you mean 'list'?"),
        ("marks", "there is no answer reader 'marks'; there are: choice, json, list, regex, tagged, text"),
        ("../list", "there is no answer reader '../list'; did you mean 'list'?"),
        ({"list": {"mots": 3}}, "answer.list has no field 'mots'; did you mean 'most'?"),
        ({"list": {"most": 0}}, "answer.list.most takes a whole number (at least 1), found 0"),
        ({"list": 5}, "answer.list takes a map with the fields continues, strip_quotes, most, found 5"),
        ({"tagged": {"tag": "<a>"}}, "answer.tagged.tag takes text (of the form ^[A-Za-z][\\w-]*$), found '<a>'"),
        (5, "'answer' must be a reader's name or a map of one name to its settings, but is 5"),
        ({"list": {}, "text": {}}, "'answer' must be a reader's name or a map of one name to its settings, but is"),
        ({1: {}}, "'answer' must be a reader's name or a map of one name to its settings, but is {1: {}}"),
    ],
)
def test_a_wrong_reader_or_setting_is_an_error_with_its_location(spec: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_reader(spec, "p.jinja:7")
    assert str(caught.value).startswith(f"p.jinja:7: {message}")


def test_texts_that_no_file_can_hold_are_failures() -> None:
    assert parsed_answer(["a", "", "b\ud800"], [ParseFailure("\x00", "why")]) == ParsedAnswer(
        ("a",),
        (
            ParseFailure("\ufffd", "why"),
            ParseFailure("", EMPTY_ITEM),
            ParseFailure("b\ufffd", UNSTORABLE),
        ),
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("1. one", "1. one"),
        ("  1. I think so", "  1. I think so"),
        ("<think>\nhm, <b>\n</think>\n\n1. one", "1. one"),
        ("<thinking>a</thinking>1. one", "1. one"),
        ("<think></think><think>again</think>1. one", "1. one"),
        ("the template opened it\n</think>\n1. one", "1. one"),
        ("1. one <think>two</think>three", "1. one three"),
        ("<think>only thoughts</think>", ""),
    ],
)
def test_reasoning_is_removed(answer: str, expected: str) -> None:
    assert without_thinking(answer) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a\x07b", CONTROL_CHARACTER), ("\x1b[31mred", CONTROL_CHARACTER), ("caf\ufffd", MISREAD), ("tab\tand\nline", "")],
)
def test_texts_with_control_or_undecoded_characters_are_failures(text: str, reason: str) -> None:
    assert [failure.reason for failure in parsed_answer([text]).failures] == ([reason] if reason else [])


def test_reasoning_without_an_end_is_a_failure() -> None:
    failure = without_thinking("<think>let me see")
    assert isinstance(failure, ParseFailure)
    assert failure.raw == "<think>let me see"
    assert "max_tokens" in failure.reason


def test_the_base_class_reads_nothing() -> None:
    assert Reader().constraint is None
    with pytest.raises(NotImplementedError):
        Reader().read("x")
