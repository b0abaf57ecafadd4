from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.mock import BROKEN, TOO_LONG
from tests.models.asked import request
from textsynth.core.records import Completion, Constraint, Request
from textsynth.models.remote import wire


def body(one: Request) -> dict[str, Any]:
    return dict(json.loads(wire.encoded(wire.parameters(one, "small"))))


def test_a_chat_goes_as_messages_and_a_raw_prompt_as_a_prompt() -> None:
    chat, raw = request("hello"), request("1. a\n2.", chat=False)
    assert (wire.path_of(chat), wire.path_of(raw)) == ("/chat/completions", "/completions")
    assert body(chat)["messages"] == [{"role": "user", "content": "hello"}]
    assert body(raw)["prompt"] == "1. a\n2."


def test_what_every_server_knows_stands_apart_from_what_a_recipe_sets() -> None:
    assert set(body(request("x"))) == {"model", "messages", "temperature", "top_p", "max_tokens"}
    more = body(request("x", top_k=5, repetition_penalty=1.1, stop=("\n\n",), temperature=0.0))
    assert (more["top_k"], more["repetition_penalty"], more["stop"], more["temperature"]) == (5, 1.1, ["\n\n"], 0.0)


CHOICE = Constraint("choice", '["a", "b"]')


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ("structured_outputs", {"structured_outputs": {"choice": ["a", "b"]}}),
        ("guided", {"guided_choice": ["a", "b"]}),
        ("none", {}),
    ],
)
def test_a_constraint_is_sent_in_each_form(form: wire.Form, sent: dict[str, object]) -> None:
    assert wire.constrained(CHOICE, form) == sent


def test_where_only_schemas_are_known_a_choice_and_a_pattern_are_wrapped_in_one() -> None:
    def schema(constraint: Constraint) -> Any:
        sent: Any = wire.constrained(constraint, "response_format")["response_format"]
        return sent["json_schema"]["schema"]

    assert schema(CHOICE)["properties"]["answer"] == {"type": "string", "enum": ["a", "b"]}
    assert schema(Constraint("regex", "a+"))["properties"]["answer"] == {"type": "string", "pattern": "a+"}
    assert schema(Constraint("json", '{"type": "object"}')) == {"type": "object"}
    assert wire.constrained(Constraint("grammar", "root ::= 'a'"), "response_format") == {}
    assert wire.constrained(Constraint("grammar", "root ::= 'a'"), "structured_outputs") == {
        "structured_outputs": {"grammar": "root ::= 'a'"}
    }


@pytest.mark.parametrize("said", ['{"answer": "a"}', ' {"answer":"a"}\n'])
def test_what_was_wrapped_is_unwrapped(said: str) -> None:
    assert wire.unwrapped(said, CHOICE) == "a"
    assert wire.unwrapped(said, None) == said
    assert wire.unwrapped(said, Constraint("json", "{}")) == said


@pytest.mark.parametrize("said", ["a", '{"answer": 3}', '{"answer": "a", "b": 1}', "{", '{"other": "a"}', "{" * 9000])
def test_what_was_not_wrapped_stays(said: str) -> None:
    assert wire.unwrapped(said, CHOICE) == said


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thoughts_are_left_behind_and_are_no_answer(name: str) -> None:
    whole = wire.read_answer(answer(message={"content": "hi", name: "Let me see"}, finish_reason="stop"))
    assert whole == Completion("hi", "stop", 7, 3)
    cut = wire.read_answer(answer(message={"content": None, name: "Let me see"}, finish_reason="length"))
    assert (cut.text, cut.failure) == ("", wire.STILL_THINKING)


@pytest.mark.parametrize("said", [None, 3, "half \ud83d", "\x1b[31m"])
def test_an_engine_is_told_by_a_plain_name_or_not_at_all(said: object) -> None:
    raw = json.dumps({"choices": [{"text": "x"}], "system_fingerprint": said}).encode()
    assert wire.read_answer(raw).engine == ""
    assert (
        wire.read_answer(b'{"choices": [{"text": "x"}], "system_fingerprint": "vllm-0.32.0"}').engine == "vllm-0.32.0"
    )


@pytest.mark.parametrize("text", ["ünï", "half \ud83d", "\x00", "<|im_start|>", "\u2028"])
def test_any_text_can_be_sent(text: str) -> None:
    assert body(request("x", stop=(text,)))["stop"] == [text]


def answer(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def test_answers_of_both_kinds_are_read_with_the_engines_counts() -> None:
    expected = Completion("hi", "stop", 7, 3)
    assert wire.read_answer(answer(message={"content": "hi"}, finish_reason="stop")) == expected
    assert wire.read_answer(answer(text="hi", finish_reason=None)) == expected
    assert wire.read_answer(answer(text="hi", finish_reason="length")).finish == "length"
    assert wire.read_answer(answer(text="hi", finish_reason="tool_calls")).finish == "stop"


def test_null_content_is_an_empty_answer_or_the_refusal() -> None:
    assert wire.read_answer(answer(message={"content": None}, finish_reason="length")) == Completion("", "length", 7, 3)
    assert wire.read_answer(answer(message={"content": None, "refusal": "I cannot."})).text == "I cannot."


@pytest.mark.parametrize("kind", sorted(set(BROKEN) - {"null"}))
def test_what_is_no_answer_is_broken(kind: str) -> None:
    with pytest.raises(wire.Broken):
        wire.read_answer(BROKEN[kind])


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"3", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"choices": {}}', b'{"choices": [{"text": 5}]}']
)
def test_odd_bytes_are_broken_and_never_crash(raw: bytes) -> None:
    with pytest.raises(wire.Broken):
        wire.read_answer(raw)


@pytest.mark.parametrize("count", [-5, "many", None, True, float("nan"), float("inf"), [1], 2**40])
def test_a_wrong_token_count_is_zero(count: object) -> None:
    raw = json.dumps({"choices": [{"text": "x"}], "usage": {"prompt_tokens": count, "completion_tokens": 4.0}})
    assert wire.read_answer(raw.encode()) == Completion("x", "stop", 0, 4)


@pytest.mark.parametrize("usage", [None, [], "x", 4])
def test_missing_counts_are_zero(usage: object) -> None:
    assert wire.read_answer(json.dumps({"choices": [{"text": "x"}], "usage": usage}).encode()) == Completion("x")


def test_half_a_surrogate_pair_is_replaced_and_whole_ones_stay() -> None:
    assert wire.clean("a \ud83d b") == "a \ufffd b"
    assert wire.clean("\ufeffa 😀 é") == "\ufeffa 😀 é"


def test_error_answers_are_told_in_one_line() -> None:
    assert wire.server_message(b'{"error": {"message": "no\\n  such"}}') == "no such"
    assert wire.server_message(b'{"detail": "gone"}') == "gone"
    assert wire.server_message(b'{"error": {"code": 3}}') == '{"code": 3}'
    assert wire.server_message(b"<html> bad  gateway") == "<html> bad gateway"
    assert len(wire.server_message(b'{"message": "' + b"x" * 999 + b'"}')) == 200
    assert wire.error_code(b'{"error": {"code": "insufficient_quota"}}') == "insufficient_quota"
    assert [wire.error_code(raw) for raw in (b"x", b"[]", b'{"error": "x"}', b'{"error": {}}')] == [""] * 4


@pytest.mark.parametrize(
    "said",
    [
        TOO_LONG,
        "The decoder prompt (length 9000) is longer than the maximum model length of 2048.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Requested tokens (600) exceed context window of 512",
        "the request exceeds the available context size",
    ],
)
def test_too_long_a_prompt_is_known_by_what_servers_say(said: str) -> None:
    assert wire.TOO_LONG.search(said)


def test_other_refusals_are_not_taken_for_too_long_a_prompt() -> None:
    assert not wire.TOO_LONG.search("temperature must be at most 2; unknown parameter top_k")


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    given = {"3": 3.0, "0.5": 0.5, "-2": 0.0, "99999": 3600.0, "nan": None, "soon": None, None: None, "": None}
    given["Thu, 01 Jan 2026 00:00:09 GMT"] = 9.0
    given["Wed, 31 Dec 2025 00:00:00 GMT"] = 0.0
    assert {value: wire.retry_after(value, now) for value in given} == given
