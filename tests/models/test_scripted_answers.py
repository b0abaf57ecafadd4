from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.model_calls import request
from textsynth.core.errors import UsageError
from textsynth.core.records import Completion
from textsynth.models.scripted_answers import Script, read_function, read_lines


def test_a_function_may_give_a_whole_completion() -> None:
    given = Completion("text", "length", 1, 2)
    assert Script(function=lambda _: given).answer(request("x")) == given


def test_a_function_that_gives_no_text_is_a_failure() -> None:
    found = Script(function=lambda _: 5).answer(request("x"))
    assert found.failure == "the scripted function returned 5; a text is wanted"


def test_a_function_that_fails_stops_the_run_with_its_error() -> None:
    with pytest.raises(UsageError, match="the scripted function failed: ZeroDivisionError"):
        Script(function=lambda _: 1 // 0).answer(request("x"))


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def answers(request): pass", "has no function 'answer'; did you mean 'answers'"),
        ("answer = 'text'", "has no function 'answer'"),
        ("import nothing_of_this_name", "cannot be loaded: line 1: ModuleNotFoundError"),
        ("def answer(:", "cannot be loaded: SyntaxError"),
    ],
)
def test_a_file_without_the_function_is_one_sentence(code: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(code)
    with pytest.raises(UsageError, match=told):
        read_function("./s.py:answer", tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "2: no JSON: '{'"),
        ("[1]", "2: answer must be a text or a list of texts, got None"),
        ('{"answer": []}', r"2: answer must be a text or a list of texts, got \[\]"),
        ('{"answer": [1]}', r"2: answer must be a text or a list of texts, got \[1\]"),
        ('{"answer": "a", "contains": 5}', "2: contains must be a text, got 5"),
    ],
)
def test_a_wrong_line_is_named(line: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"answer": "fine"}}\n{line}\n')
    with pytest.raises(UsageError, match=told):
        read_lines(path)


def test_an_empty_or_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n")
    with pytest.raises(UsageError, match="has no lines"):
        read_lines(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        read_lines(path)


def test_the_first_line_that_fits_answers(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"contains": "b", "answer": "first"}\n{"contains": "ab", "answer": "second"}\n')
    assert read_lines(path).answer(request("ab", chat=False)).text == "first"
