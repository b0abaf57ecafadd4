from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.models.model_calls import answers, request, requests, runtime
from textsynth.core.errors import ModelError, UsageError
from textsynth.models.scripted import Scripted


def scripted(**options: object) -> Scripted:
    return Scripted.model_validate_json(json.dumps(options))


def test_without_a_script_the_answers_have_random_words() -> None:
    texts = [completion.text for completion in answers(scripted().open(runtime()), requests(50))]
    assert len(set(texts)) > 45
    assert not any("{" in text for text in texts)


@pytest.mark.parametrize("concurrency", [1, 64])
def test_an_answer_depends_on_the_request_alone(concurrency: int) -> None:
    options = scripted(answers=["a", "b", "c"], concurrency=concurrency, latency_seconds=0.0005)
    completions = answers(options.open(runtime()), requests(60))
    assert {completion.text for completion in completions} == {"a", "b", "c"}
    assert completions == answers(scripted(answers=["a", "b", "c"]).open(runtime()), requests(60))
    assert completions[::-1] == answers(options.open(runtime()), requests(60)[::-1])


def test_the_placeholders_of_a_pattern_are_filled() -> None:
    pattern = "{word}-{n}: {prompt} {other}"
    (completion,) = answers(scripted(pattern=pattern).open(runtime()), [request("hello {n}")])
    assert completion.text.endswith(": hello {n} {other}")
    assert (completion.prompt_tokens, completion.completion_tokens) == (2, 4)


def test_a_function_in_the_recipe_folder_answers_and_is_part_of_the_identity(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "def answer(request):\n    return request.prompt.messages[-1].content.upper()\n"
    )
    options = scripted(function="./script.py:answer")
    texts = [completion.text for completion in answers(options.open(runtime(tmp_path)), requests(2))]
    assert texts == ["QUESTION 0.", "QUESTION 1."]
    before = options.identity_at(tmp_path)
    (tmp_path / "script.py").write_text("def answer(request):\n    return 'other'\n")
    assert before != options.identity_at(tmp_path) != options.identity


def test_a_file_answers_by_what_the_prompt_contains(tmp_path: Path) -> None:
    lines = '{"contains": "question 1", "answer": "one"}\n\n{"answer": ["x", "y"]}\n'
    (tmp_path / "answers.jsonl").write_text(lines)
    completions = answers(scripted(file="answers.jsonl").open(runtime(tmp_path)), requests(10))
    assert completions[1].text == "one"
    assert {completion.text for completion in completions} == {"one", "x", "y"}


def test_a_prompt_that_no_line_matches_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"contains": "nothing", "answer": "one"}')
    (completion,) = answers(scripted(file="answers.jsonl").open(runtime(tmp_path)), requests(1))
    assert completion.failure == "no line of the answers file matches the prompt"


@pytest.mark.parametrize(
    ("kind", "count"), [("error", 100), ("empty", 100), ("cut", 100), ("garbage", 100), ("slow", 20)]
)
def test_faults_are_injected_into_the_same_requests_every_time(kind: str, count: int) -> None:
    options = scripted(answers=["a whole answer"], faults={"every": 5, "kind": kind}, latency_seconds=0.001)
    first, second = (answers(options.open(runtime()), requests(count)) for _ in range(2))
    assert first == second
    faulty = [completion for completion in first if completion.text != "a whole answer" or completion.failure]
    failures = {completion.failure for completion in faulty}
    assert kind == "slow" or 8 <= len(faulty) <= 35
    assert failures <= ({"an injected fault of the scripted model"} if kind == "error" else {None})
    assert kind != "cut" or {(completion.text, completion.finish) for completion in faulty} == {("a whole", "length")}


def test_a_scripted_stop_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="stops the run here"):
        answers(scripted(faults={"every": 2, "kind": "stop"}).open(runtime()), requests(20))


def test_the_identity_depends_on_the_script_but_not_on_its_speed() -> None:
    same = {scripted(answers=["a"]).identity, scripted(answers=["a"], latency_seconds=1.0, concurrency=3).identity}
    assert len(same) == 1
    others = [scripted(), scripted(answers=["b"]), scripted(pattern="a"), scripted(answers=["a"], faults={})]
    assert len(same | {options.identity for options in others}) == 5


def test_the_prompt_mode_can_be_set() -> None:
    assert (scripted().prompt_mode, scripted(mode="completion").prompt_mode) == ("chat", "completion")


@pytest.mark.parametrize(
    "options",
    [{"answers": ["a"], "pattern": "b"}, {"function": "script"}, {"faults": {"every": 0}}, {"faults": {"kind": "x"}}],
)
def test_invalid_options_are_rejected(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        scripted(**options)


@pytest.mark.parametrize("options", [{"function": "./none.py:f"}, {"file": "none.jsonl"}])
def test_a_missing_file_is_an_error_in_one_sentence(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"models: scripted: .*none"):
        scripted(**options).open(runtime(tmp_path))


def test_the_scores_of_options_follow_the_answer_and_are_the_same_in_every_run() -> None:
    questions = [request(f"which, {number}?", options=("A", "B", "C")) for number in range(20)]
    answered = answers(scripted(answers=["B"]).open(runtime()), questions)
    random_scores, repeated = (answers(scripted(pattern="a {word}").open(runtime()), questions) for _ in range(2))
    assert random_scores == repeated
    for completion in (*answered, *random_scores):
        assert completion.text == ""
        assert completion.scores is not None
        assert sum(math.exp(value) for value in completion.scores.logprobs.values()) == pytest.approx(1.0, abs=1e-4)
    for completion in answered:
        assert completion.scores is not None
        assert completion.scores.logprobs["B"] > math.log(0.5)
    all_logprobs = [completion.scores.logprobs for completion in random_scores if completion.scores is not None]
    assert len({max(logprobs, key=logprobs.__getitem__) for logprobs in all_logprobs}) == 3
