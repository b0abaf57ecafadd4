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


def test_without_a_script_it_draws_words() -> None:
    texts = [completion.text for completion in answers(scripted().open(runtime()), requests(50))]
    assert len(set(texts)) > 45
    assert not any("{" in text for text in texts)


@pytest.mark.parametrize("in_flight", [1, 64])
def test_an_answer_depends_on_the_request_alone(in_flight: int) -> None:
    script = scripted(answers=["a", "b", "c"], in_flight=in_flight, latency_seconds=0.0005)
    found = answers(script.open(runtime()), requests(60))
    assert {completion.text for completion in found} == {"a", "b", "c"}
    assert found == answers(scripted(answers=["a", "b", "c"]).open(runtime()), requests(60))
    assert found[::-1] == answers(script.open(runtime()), requests(60)[::-1])


def test_a_pattern_draws_and_quotes() -> None:
    found = answers(scripted(pattern="{word}-{n}: {prompt} {other}").open(runtime()), [request("hello {n}")])
    assert found[0].text.endswith(": hello {n} {other}")
    assert (found[0].prompt_tokens, found[0].completion_tokens) == (2, 4)


def test_a_function_beside_the_recipe_answers(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "def answer(request):\n    return request.prompt.messages[-1].content.upper()\n"
    )
    script = scripted(function="./script.py:answer")
    assert [one.text for one in answers(script.open(runtime(tmp_path)), requests(2))] == ["QUESTION 0.", "QUESTION 1."]
    before = script.identity_at(tmp_path)
    (tmp_path / "script.py").write_text("def answer(request):\n    return 'other'\n")
    assert before != script.identity_at(tmp_path) != script.identity


def test_a_file_answers_by_what_stands_in_the_prompt(tmp_path: Path) -> None:
    lines = '{"contains": "question 1", "answer": "one"}\n\n{"answer": ["x", "y"]}\n'
    (tmp_path / "answers.jsonl").write_text(lines)
    found = answers(scripted(file="answers.jsonl").open(runtime(tmp_path)), requests(10))
    assert found[1].text == "one"
    assert {one.text for one in found} == {"one", "x", "y"}


def test_a_prompt_that_no_line_fits_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "answers.jsonl").write_text('{"contains": "nothing", "answer": "one"}')
    found = answers(scripted(file="answers.jsonl").open(runtime(tmp_path)), requests(1))
    assert found[0].failure == "no line of the scripted answers fits the prompt"


@pytest.mark.parametrize(
    ("kind", "count"), [("error", 100), ("empty", 100), ("cut", 100), ("garbage", 100), ("slow", 20)]
)
def test_faults_strike_the_same_requests_every_time(kind: str, count: int) -> None:
    script = scripted(answers=["a whole answer"], faults={"every": 5, "kind": kind}, latency_seconds=0.001)
    first, again = (answers(script.open(runtime()), requests(count)) for _ in range(2))
    assert first == again
    odd = [one for one in first if one.text != "a whole answer" or one.failure]
    assert kind == "slow" or 8 <= len(odd) <= 35
    assert all(one.failure == "a scripted fault" for one in odd) if kind == "error" else not any(o.failure for o in odd)
    assert kind != "cut" or {(one.text, one.finish) for one in odd} == {("a whole", "length")}


def test_a_scripted_stop_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="stops the run here"):
        answers(scripted(faults={"every": 2, "kind": "stop"}).open(runtime()), requests(20))


def test_identity_tells_scripts_apart_but_not_their_speed() -> None:
    same = {scripted(answers=["a"]).identity, scripted(answers=["a"], latency_seconds=1.0, in_flight=3).identity}
    assert len(same) == 1
    others = [scripted(), scripted(answers=["b"]), scripted(pattern="a"), scripted(answers=["a"], faults={})]
    assert len(same | {one.identity for one in others}) == 5


def test_the_form_of_prompts_can_be_chosen() -> None:
    assert (scripted().prompt_mode, scripted(prompts="completion").prompt_mode) == ("chat", "completion")


@pytest.mark.parametrize(
    "wrong",
    [{"answers": ["a"], "pattern": "b"}, {"function": "script"}, {"faults": {"every": 0}}, {"faults": {"kind": "x"}}],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        scripted(**wrong)


@pytest.mark.parametrize("options", [{"function": "./none.py:f"}, {"file": "none.jsonl"}])
def test_what_is_not_there_is_one_sentence(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"models: scripted: .*none"):
        scripted(**options).open(runtime(tmp_path))


def test_options_are_scored_after_the_answer_and_the_same_in_every_run() -> None:
    asked = [request(f"which, {place}?", options=("A", "B", "C")) for place in range(20)]
    told = answers(scripted(answers=["B"]).open(runtime()), asked)
    drawn = [answers(scripted(pattern="a {word}").open(runtime()), asked) for _ in "12"]
    assert drawn[0] == drawn[1]
    for one in (*told, *drawn[0]):
        assert one.text == ""
        assert one.scores is not None
        assert sum(math.exp(value) for value in one.scores.logprobs.values()) == pytest.approx(1.0, abs=1e-4)
    assert all(one.scores.logprobs["B"] > math.log(0.5) for one in told if one.scores is not None)
    assert len({max(one.scores.logprobs, key=one.scores.logprobs.__getitem__) for one in drawn[0] if one.scores}) == 3
