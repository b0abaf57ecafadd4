from __future__ import annotations

import json

import pytest

from tests.mock import TOO_LONG
from tests.models.asked import request
from textsynth.core.records import Completion, Constraint
from textsynth.models.openai.batch_format import guess_server_kind, parse_reply_line, request_line
from textsynth.models.openai.capabilities import ServerCapabilities

ONE = request("x")


def test_a_request_as_a_line_of_a_batch() -> None:
    one = request("x", constraint=Constraint("choice", '["a", "b"]'))
    line = request_line(ServerCapabilities("small", {}, speaks="vllm"), one)
    assert (line["custom_id"], line["method"], line["url"]) == (one.key, "POST", "/v1/chat/completions")
    assert line["body"]["structured_outputs"] == {"choice": ["a", "b"]}  # type: ignore[index]
    plain = request_line(ServerCapabilities("small", {}, speaks="openai"), request("x", chat=False))
    assert plain["url"] == "/v1/completions"
    assert set(plain["body"]) == {  # type: ignore[call-overload]
        "model", "prompt", "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty",
    }  # fmt: skip


def test_what_a_service_understands_is_told_by_its_address() -> None:
    assert guess_server_kind("https://api.openai.com/v1") == "openai"
    assert guess_server_kind("https://us.openai.azure.com/v1") == "openai"
    assert guess_server_kind("http://127.0.0.1:8000/v1") == guess_server_kind("https://notopenai.com/v1") == "vllm"


def reply(status: int | None, body: object = None, error: object = None) -> dict[str, object]:
    response = None if status is None else {"status_code": status, "body": body}
    return {"id": "1", "custom_id": ONE.key, "response": response, "error": error}


WHOLE = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}


def test_an_answer_is_read_as_one_from_a_server() -> None:
    assert parse_reply_line(reply(200, WHOLE), ONE, "small") == Completion("hi", "stop", 3, 0)
    assert parse_reply_line(reply(200, json.dumps(WHOLE)), ONE, "small") == Completion("hi", "stop", 3, 0)


@pytest.mark.parametrize("where", ["body", "error"])
def test_a_refusal_is_final_as_it_is_when_a_server_is_asked(where: str) -> None:
    too_long = parse_reply_line(reply(400, **{where: {"error": {"message": TOO_LONG}}}), ONE, "small")
    assert isinstance(too_long, Completion)
    assert str(too_long.failure).startswith("too long a prompt for 'small': This model's maximum")
    refused = parse_reply_line(reply(400, **{where: {"error": {"message": "no such parameter"}}}), ONE, "small")
    assert refused == Completion("", failure="refused by the server (HTTP 400): no such parameter")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (reply(500, {"error": {"message": "oh"}}), "HTTP 500: 'oh'"),
        (reply(429, error={"message": "slow down"}), "HTTP 429: 'slow down'"),
        (reply(None, error={"code": "batch_expired", "message": "expired"}), "expired"),
        (reply(None, error="engine died"), "engine died"),
        (reply(None), "no reason is given"),
        (reply(200, {"choices": []}), "the answer was no choices but"),
        (reply(200), "HTTP 200: 'no reason is given'"),
        ({"response": [1]}, "no reason is given"),
    ],
)
def test_what_may_succeed_another_time_is_no_answer(line: dict[str, object], sentence: str) -> None:
    said = parse_reply_line(line, ONE, "small")
    assert isinstance(said, str)
    assert said.startswith(sentence)
