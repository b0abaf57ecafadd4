from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.model_calls import request
from textsynth.core.errors import UsageError
from textsynth.core.records import Completion
from textsynth.models.scripted_answers import Script, load_function, load_rules


def test_a_function_may_return_a_completion() -> None:
    completion = Completion("text", "length", 1, 2)
    assert Script(function=lambda _: completion).answer(request("x")) == completion


def test_a_function_that_returns_no_text_is_a_failure() -> None:
    completion = Script(function=lambda _: 5).answer(request("x"))
    assert completion.failure == "the scripted function returned 5, expected a text"


def test_a_function_that_raises_stops_the_run_with_its_error() -> None:
    with pytest.raises(UsageError, match="the scripted function failed: ZeroDivisionError"):
        Script(function=lambda _: 1 // 0).answer(request("x"))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def answers(request): pass", "has no function 'answer'; did you mean 'answers'"),
        ("answer = 'text'", "has no function 'answer'"),
        ("import nothing_of_this_name", "cannot be loaded: line 1: ModuleNotFoundError"),
        ("def answer(:", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_file_without_the_function_is_an_error_in_one_sentence(code: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(code)
    with pytest.raises(UsageError, match=message):
        load_function("./s.py:answer", tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "2: not valid JSON: '{'"),
        ("[1]", "2: answer must be a text or a list of texts, found None"),
        ('{"answer": []}', r"2: answer must be a text or a list of texts, found \[\]"),
        ('{"answer": [1]}', r"2: answer must be a text or a list of texts, found \[1\]"),
        ('{"answer": "a", "contains": 5}', "2: contains must be a text, found 5"),
    ],
)
def test_an_invalid_line_is_an_error_with_its_number(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"answer": "fine"}}\n{line}\n')
    with pytest.raises(UsageError, match=message):
        load_rules(path)


def test_an_empty_file_or_another_encoding_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n")
    with pytest.raises(UsageError, match=r'has no lines; expected lines such as \{"answer": "a text"\}'):
        load_rules(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        load_rules(path)


def test_the_first_line_that_matches_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"contains": "b", "answer": "first"}\n{"contains": "ab", "answer": "second"}\n')
    assert load_rules(path).answer(request("ab", chat=False)).text == "first"
