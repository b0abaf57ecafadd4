"""Request bodies, and completions read from responses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mock import MALFORMED_BODIES
from tests.models.model_calls import request
from textsynth.core.records import Completion, Constraint, ModelRequest
from textsynth.http.response import Response
from textsynth.models.openai import protocol

CHOICE = Constraint("choice", '["a", "b"]')


def body_of(model_request: ModelRequest) -> dict[str, Any]:
    return dict(json.loads(protocol.encode_json(protocol.base_parameters(model_request, "small"))))


def response_with(**choice: Any) -> bytes:
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}).encode()


def response_with_choices(choices: list[Any], usage: object = None) -> bytes:
    return json.dumps({"choices": choices, "usage": usage}).encode()


def test_a_chat_is_sent_as_messages_and_a_raw_prompt_as_a_prompt() -> None:
    chat, raw = request("hello"), request("1. a\n2.", chat=False)
    assert (protocol.endpoint_path(chat), protocol.endpoint_path(raw)) == ("/chat/completions", "/completions")
    assert body_of(chat)["messages"] == [{"role": "user", "content": "hello"}]
    assert body_of(raw)["prompt"] == "1. a\n2."


def test_sampling_parameters_beyond_the_basic_ones_are_sent_where_they_are_set() -> None:
    assert set(body_of(request("x"))) == {"model", "messages", "temperature", "top_p", "max_tokens"}
    body = body_of(request("x", top_k=5, repetition_penalty=1.1, stop=("\n\n",), temperature=0.0))
    assert (body["top_k"], body["repetition_penalty"], body["stop"], body["temperature"]) == (5, 1.1, ["\n\n"], 0.0)


@pytest.mark.parametrize("text", ["ünï", "half \ud83d", "\x00", "<|im_start|>", "\u2028"])
def test_any_text_can_be_sent(text: str) -> None:
    assert body_of(request("x", stop=(text,)))["stop"] == [text]


@pytest.mark.parametrize(
    ("form", "parameters"),
    [
        ("structured_outputs", {"structured_outputs": {"choice": ["a", "b"]}}),
        ("guided", {"guided_choice": ["a", "b"]}),
        ("none", {}),
    ],
)
def test_a_constraint_is_sent_in_each_form(form: protocol.ConstraintForm, parameters: dict[str, object]) -> None:
    assert protocol.constraint_parameters(CHOICE, form) == parameters


def test_where_only_schemas_are_supported_a_choice_and_a_regex_are_wrapped_in_one() -> None:
    def schema(constraint: Constraint) -> Any:
        parameters: Any = protocol.constraint_parameters(constraint, "response_format")
        return parameters["response_format"]["json_schema"]["schema"]

    assert schema(CHOICE)["properties"]["answer"] == {"type": "string", "enum": ["a", "b"]}
    assert schema(Constraint("regex", "a+"))["properties"]["answer"] == {"type": "string", "pattern": "a+"}
    assert schema(Constraint("json", '{"type": "object"}')) == {"type": "object"}
    assert protocol.constraint_parameters(Constraint("grammar", "root ::= 'a'"), "response_format") == {}
    assert protocol.constraint_parameters(Constraint("grammar", "root ::= 'a'"), "structured_outputs") == {
        "structured_outputs": {"grammar": "root ::= 'a'"}
    }


@pytest.mark.parametrize("text", ['{"answer": "a"}', ' {"answer":"a"}\n'])
def test_a_wrapped_answer_is_unwrapped(text: str) -> None:
    assert protocol.unwrap(text, CHOICE) == "a"
    assert protocol.unwrap(text, None) == text
    assert protocol.unwrap(text, Constraint("json", "{}")) == text


@pytest.mark.parametrize("text", ["a", '{"answer": 3}', '{"answer": "a", "b": 1}', "{", '{"other": "a"}', "{" * 9000])
def test_an_answer_that_is_not_wrapped_is_not_changed(text: str) -> None:
    assert protocol.unwrap(text, CHOICE) == text


def test_completions_of_both_endpoints_are_read_with_their_token_counts() -> None:
    expected = Completion("hi", "stop", 7, 3)
    assert protocol.parse_completion(response_with(message={"content": "hi"}, finish_reason="stop")) == expected
    assert protocol.parse_completion(response_with(text="hi", finish_reason=None)) == expected
    assert protocol.parse_completion(response_with(text="hi", finish_reason="length")).finish == "length"
    assert protocol.parse_completion(response_with(text="hi", finish_reason="tool_calls")).finish == "stop"


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 125}, (20, 105)),
        ({"prompt_tokens": 20, "completion_tokens": 0, "total_tokens": 81}, (20, 61)),
        ({"completion_tokens": 5, "total_tokens": 25}, (20, 5)),
        ({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 3}, (20, 5)),
        ({"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": "many"}, (20, 5)),
    ],
)
def test_tokens_that_are_in_the_total_only_are_counted(usage: dict[str, object], counts: tuple[int, int]) -> None:
    completion = protocol.parse_completion(json.dumps({"choices": [{"text": "x"}], "usage": usage}).encode())
    assert (completion.prompt_tokens, completion.completion_tokens) == counts


def test_a_response_may_state_its_model() -> None:
    assert protocol.stated_model(b'{"model": "phi-4"}') == "phi-4"
    assert {protocol.stated_model(body) for body in (b"{}", b'{"model": 3}', b'{"model": "\\u001b["}', b"[]")} == {""}


@pytest.mark.parametrize(
    ("stated", "requested", "same"),
    [
        ("gpt-4o-2024-08-06", "openai/gpt-4o", True),
        ("phi:latest", "Phi", True),
        ("/models/qwen3-8b.gguf", "Qwen/Qwen3-8B", True),
        ("qwen3-8b", "qwen3-8b-instruct", True),
        ("qwen3-32b", "qwen3-8b", False),
        ("gemma-3-1b-it", "any-model", False),
    ],
)
def test_names_that_may_mean_one_model(stated: str, requested: str, same: bool) -> None:
    assert protocol.may_be_same_model(stated, requested) is same


def test_null_content_is_an_empty_text() -> None:
    null = response_with(message={"content": None}, finish_reason="length")
    assert protocol.parse_completion(null) == Completion("", "length", 7, 3)


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "refusal": "I cannot."},
        {"content": "", "refusal": "I cannot."},
        {"content": [{"type": "refusal", "refusal": "I cannot."}]},
    ],
)
def test_what_the_server_marks_as_a_refusal_is_no_text(message: dict[str, Any]) -> None:
    completion = protocol.parse_completion(response_with(message=message))
    assert (completion.text, completion.failure) == ("", f"{protocol.REFUSED}: 'I cannot.'")


@pytest.mark.parametrize(
    "sentence",
    [
        "messages[0].role: Input should be 'user' or 'assistant'",
        "Invalid value for role: should be one of 'user', 'assistant'",
        "Unsupported message role: 'system'",
        "System role not supported",
    ],
)
def test_refusals_of_the_system_role_are_recognized(sentence: str) -> None:
    assert protocol.NO_SYSTEM_ROLE.search(sentence) is not None


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thoughts_are_dropped_and_are_no_answer(name: str) -> None:
    message = {"content": "hi", name: "Let me see"}
    complete = protocol.parse_completion(response_with(message=message, finish_reason="stop"))
    assert complete == Completion("hi", "stop", 7, 3)
    message = {"content": None, name: "Let me see"}
    cut = protocol.parse_completion(response_with(message=message, finish_reason="length"))
    assert (cut.text, cut.failure) == ("", protocol.STILL_THINKING)


@pytest.mark.parametrize("name", [None, 3, "half \ud83d", "\x1b[31m"])
def test_an_engine_has_a_printable_name_or_none(name: object) -> None:
    body = json.dumps({"choices": [{"text": "x"}], "system_fingerprint": name}).encode()
    assert protocol.parse_completion(body).engine == ""
    named = b'{"choices": [{"text": "x"}], "system_fingerprint": "vllm-0.32.0"}'
    assert protocol.parse_completion(named).engine == "vllm-0.32.0"


@pytest.mark.parametrize("kind", sorted(set(MALFORMED_BODIES) - {"null"}))
def test_a_response_without_a_completion_is_malformed(kind: str) -> None:
    with pytest.raises(protocol.MalformedResponse):
        protocol.parse_completion(MALFORMED_BODIES[kind])


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"3", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"choices": {}}', b'{"choices": [{"text": 5}]}'],
)
def test_bytes_of_any_kind_are_malformed_and_never_crash(body: bytes) -> None:
    with pytest.raises(protocol.MalformedResponse):
        protocol.parse_completion(body)


@pytest.mark.parametrize("count", [-5, "many", None, True, float("nan"), float("inf"), [1], 2**40])
def test_an_impossible_token_count_is_zero(count: object) -> None:
    body = json.dumps({"choices": [{"text": "x"}], "usage": {"prompt_tokens": count, "completion_tokens": 4.0}})
    assert protocol.parse_completion(body.encode()) == Completion("x", "stop", 0, 4)


@pytest.mark.parametrize("usage", [None, [], "x", 4])
def test_missing_token_counts_are_zero(usage: object) -> None:
    assert protocol.parse_completion(response_with_choices([{"text": "x"}], usage)) == Completion("x")


def test_a_lone_surrogate_is_replaced_and_a_pair_stays() -> None:
    assert protocol.replace_surrogates("a \ud83d b") == "a \ufffd b"
    assert protocol.replace_surrogates("\ufeffa 😀 é") == "\ufeffa 😀 é"


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1000), min_size=1, max_size=16))
def test_the_parts_of_a_token_count_add_up(total: int, lengths: list[int]) -> None:
    parts = protocol.split_tokens(total, lengths)
    assert sum(parts) == total
    assert min(parts) >= 0
    assert len(parts) == len(lengths)


def test_choices_are_read_by_their_index_with_the_tokens_split() -> None:
    choices = [{"index": index, "text": "x" * index} for index in (2, 0, 1)]
    body = response_with_choices(choices, {"prompt_tokens": 9, "completion_tokens": 10})
    completions = protocol.parse_completions(body, request("?", chat=False), 3)
    assert [each and each.text for each in completions] == ["", "x", "xx"]
    assert [(each.prompt_tokens, each.completion_tokens) for each in completions if each] == [(9, 1), (0, 3), (0, 6)]


@pytest.mark.parametrize("indices", [[0, 0, 0], [None, 1, 2], ["2", 1, 0]])
def test_choices_without_different_indices_keep_their_order(indices: list[object]) -> None:
    choices = [{"index": index, "text": text} for index, text in zip(indices, "abc", strict=True)]
    completions = protocol.parse_completions(response_with_choices(choices), request("?"), 3)
    assert [each and each.text for each in completions] == ["a", "b", "c"]


def test_a_malformed_choice_leaves_the_others() -> None:
    choices = [{"text": "a"}, 7, {"index": 2}, {"text": "b"}, {"text": "c"}]
    completions = protocol.parse_completions(response_with_choices(choices), request("?"), 4)
    assert [each and each.text for each in completions] == ["a", None, None, "b"]
    with pytest.raises(protocol.MalformedResponse, match="2 choices without a text"):
        protocol.parse_completions(response_with_choices([7, {}]), request("?"), 2)
    with pytest.raises(protocol.MalformedResponse, match="no choices"):
        protocol.parse_completions(response_with_choices([]), request("?"), 2)


def test_the_message_of_an_error_response_is_one_line() -> None:
    assert protocol.server_message(b'{"error": {"message": "no\\n  such"}}') == "no such"
    assert protocol.server_message(b'{"detail": "gone"}') == "gone"
    assert protocol.server_message(b'{"error": {"code": 3}}') == '{"code": 3}'
    assert protocol.server_message(b"<html> bad  gateway") == "<html> bad gateway"
    assert len(protocol.server_message(b'{"message": "' + b"x" * 999 + b'"}')) == 200
    assert protocol.error_code(b'{"error": {"code": "insufficient_quota"}}') == "insufficient_quota"
    assert [protocol.error_code(body) for body in (b"x", b"[]", b'{"error": "x"}', b'{"error": {}}')] == [""] * 4


def test_retry_after_is_in_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    seconds = {"3": 3.0, "0.5": 0.5, "-2": 0.0, "99999": 3600.0, "nan": None, "soon": None, None: None, "": None}
    seconds["Thu, 01 Jan 2026 00:00:09 GMT"] = 9.0
    seconds["Wed, 31 Dec 2025 00:00:00 GMT"] = 0.0
    assert {value: protocol.parse_retry_after(value, now) for value in seconds} == seconds


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([], ""),
        ([{"type": "text", "text": "a "}, {"type": "output_text", "text": "b"}], "a b"),
        (["a", {"type": "image"}, "b"], "ab"),
        (
            [{"type": "reasoning", "text": "1. hm"}, {"type": "thought", "text": "so"}, {"type": "text", "text": "b"}],
            "b",
        ),
        ([{"text": "I think", "thought": True}, {"text": "b"}], "b"),
    ],
)
def test_content_may_be_a_list_of_parts(content: list[Any], text: str) -> None:
    assert protocol.parse_completion(response_with(message={"content": content})).text == text


@pytest.mark.parametrize("content", [[{"type": "image"}], [3], {"text": "a"}, 3])
def test_content_without_any_text_is_malformed(content: Any) -> None:
    with pytest.raises(protocol.MalformedResponse, match="no text but"):
        protocol.parse_completion(response_with(message={"content": content}))


@pytest.mark.parametrize(
    ("finish_reason", "message", "failure"),
    [
        ("content_filter", {"content": ""}, protocol.CONTENT_FILTERED),
        ("content_filter", {"content": None}, protocol.CONTENT_FILTERED),
        ("content_filter", {"content": "half a te"}, protocol.CONTENT_FILTERED),
        ("tool_calls", {"content": None, "tool_calls": [{"id": "1"}]}, protocol.TOOL_CALL),
        ("stop", {"content": "", "function_call": {"name": "search"}}, protocol.TOOL_CALL),
        ("stop", {"content": "", "reasoning_content": "well"}, protocol.ONLY_THOUGHTS),
        ("stop", {"content": None, "reasoning": "well"}, protocol.ONLY_THOUGHTS),
        ("length", {"content": "", "reasoning": "well"}, protocol.STILL_THINKING),
        ("max_tokens", {"content": [{"type": "thinking", "thinking": "well"}]}, protocol.STILL_THINKING),
        ("stop", {"content": "", "reasoning_details": [{"text": "well"}]}, protocol.ONLY_THOUGHTS),
        ("stop", {"content": [{"type": "reasoning", "text": "well"}]}, protocol.ONLY_THOUGHTS),
        ("SAFETY", {"content": "half a te"}, protocol.CONTENT_FILTERED.replace("content_filter)", "SAFETY)")),
        ("tool_calls", {"content": "a text", "tool_calls": [{"id": "1"}]}, None),
        ("stop", {"content": "", "reasoning_content": ""}, None),
    ],
)
def test_what_a_model_does_in_place_of_a_text_is_named(finish_reason: str, message: Any, failure: str | None) -> None:
    completion = protocol.parse_completion(response_with(message=message, finish_reason=finish_reason))
    assert completion.failure == failure
    assert completion.text == ("" if failure else message["content"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"  <!DOCTYPE html><p>", protocol.WebPage),
        (b"<HTML>", protocol.WebPage),
        (b"data: {}\n\n", protocol.EventStream),
        (b": keep-alive\n\ndata: {}", protocol.EventStream),
        (b"ok", protocol.MalformedResponse),
    ],
)
def test_a_body_that_is_not_json_is_called_what_it_is(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(protocol.MalformedResponse) as raised:
        protocol.parse_completion(body)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "502"}, 502),
        ({"status": 401, "code": "bad"}, 401),
        ({"type": "overloaded_error"}, 503),
        ({"code": "rate_limit_exceeded"}, 429),
        ({"code": 200, "message": "?"}, 400),
        ("no", 400),
        ("the model is loading", 503),
        ({"message": "at capacity, try again later"}, 503),
        (["no"], 400),
        ({"code": ["x"]}, 400),
    ],
)
def test_an_error_with_http_200_gets_the_status_of_its_code(error: Any, status: int) -> None:
    response = protocol.error_in_success(Response(200, {}, json.dumps({"error": error}).encode()))
    assert response is not None
    assert response.status == status


def test_an_error_object_with_http_200_is_an_error() -> None:
    body = b'{"object": "error", "message": "no such model", "code": 404}'
    response = protocol.error_in_success(Response(200, {}, body))
    assert response is not None
    assert response.status == 404


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_every_server_s_word_for_a_completion_that_was_cut_off(reason: str) -> None:
    assert protocol.parse_completion(response_with(finish_reason=reason, message={"content": "a"})).finish == "length"


@pytest.mark.parametrize("reason", ["stop", "eos_token", "end_turn", "stop_sequence", "COMPLETE", None, 3, ["stop"]])
def test_other_finish_reasons_are_complete(reason: object) -> None:
    assert protocol.parse_completion(response_with(finish_reason=reason, message={"content": "a"})).finish == "stop"


@pytest.mark.parametrize("reason", ["error", "abort", "network_error", "insufficient_system_resource"])
def test_a_completion_that_the_server_broke_off_is_no_answer(reason: str) -> None:
    with pytest.raises(protocol.BrokenOff, match=f"finish_reason '{reason}'") as raised:
        protocol.parse_completion(response_with(finish_reason=reason, message={"content": "a"}))
    assert "log" in raised.value.cure


@pytest.mark.parametrize(
    ("body", "words"), [(b" \n", "an empty body"), ('{"a": "é"}'.encode("latin-1"), "a body that is not UTF-8")]
)
def test_an_unreadable_body_is_described(body: bytes, words: str) -> None:
    with pytest.raises(protocol.MalformedResponse, match=words):
        protocol.parse_completion(body)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"error": null}', b'"error"', b"[" * 100_000])
def test_a_body_without_an_error_is_none(body: bytes) -> None:
    assert protocol.error_in_success(Response(200, {}, body)) is None
