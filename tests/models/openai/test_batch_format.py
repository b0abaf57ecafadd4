"""Requests and replies as lines of a batch."""

from __future__ import annotations

import json

import pytest

from tests.mock import TOO_LONG
from tests.models.model_calls import request
from textsynth.core.records import Completion, Constraint
from textsynth.models.openai.batch_format import guess_server_kind, parse_reply_line, request_line
from textsynth.models.openai.capabilities import ServerCapabilities

REQUEST = request("x")
COMPLETE = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}


def test_a_request_as_a_line_of_a_batch() -> None:
    constrained = request("x", constraint=Constraint("choice", '["a", "b"]'))
    line = request_line(ServerCapabilities("small", {}, server="vllm"), constrained)
    assert (line["custom_id"], line["method"], line["url"]) == (constrained.key, "POST", "/v1/chat/completions")
    assert line["body"]["structured_outputs"] == {"choice": ["a", "b"]}  # type: ignore[index]
    plain = request_line(ServerCapabilities("small", {}, server="openai"), request("x", chat=False))
    assert plain["url"] == "/v1/completions"
    assert set(plain["body"]) == {  # type: ignore[call-overload]
        "model", "prompt", "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty",
    }  # fmt: skip


def test_the_kind_of_a_server_is_guessed_from_its_address() -> None:
    assert guess_server_kind("https://api.openai.com/v1") == "openai"
    assert guess_server_kind("https://us.openai.azure.com/v1") == "openai"
    assert guess_server_kind("http://127.0.0.1:8000/v1") == guess_server_kind("https://notopenai.com/v1") == "vllm"


def reply(status: int | None, body: object = None, error: object = None) -> dict[str, object]:
    response = None if status is None else {"status_code": status, "body": body}
    return {"id": "1", "custom_id": REQUEST.key, "response": response, "error": error}


def test_a_completion_is_read_as_from_a_server() -> None:
    assert parse_reply_line(reply(200, COMPLETE), REQUEST, "small") == Completion("hi", "stop", 3, 0)
    assert parse_reply_line(reply(200, json.dumps(COMPLETE)), REQUEST, "small") == Completion("hi", "stop", 3, 0)


@pytest.mark.parametrize("field", ["body", "error"])
def test_a_rejection_is_final_as_it_is_when_a_server_is_asked_directly(field: str) -> None:
    too_long = parse_reply_line(reply(400, **{field: {"error": {"message": TOO_LONG}}}), REQUEST, "small")
    assert isinstance(too_long, Completion)
    assert str(too_long.failure).startswith("prompt too long for 'small': This model's maximum")
    rejected = parse_reply_line(reply(400, **{field: {"error": {"message": "no such parameter"}}}), REQUEST, "small")
    assert rejected == Completion("", failure="rejected by the server (HTTP 400): no such parameter")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (reply(500, {"error": {"message": "oh"}}), "HTTP 500: 'oh'"),
        (reply(429, error={"message": "slow down"}), "HTTP 429: 'slow down'"),
        (reply(None, error={"code": "batch_expired", "message": "expired"}), "expired"),
        (reply(None, error="engine died"), "engine died"),
        (reply(None), "no reason given"),
        (reply(200, {"choices": []}), "the response has no choices but"),
        (reply(200), "HTTP 200: 'no reason given'"),
        ({"response": [1]}, "no reason given"),
    ],
)
def test_an_error_that_may_pass_is_a_sentence_and_no_completion(line: dict[str, object], sentence: str) -> None:
    result = parse_reply_line(line, REQUEST, "small")
    assert isinstance(result, str)
    assert result.startswith(sentence)
