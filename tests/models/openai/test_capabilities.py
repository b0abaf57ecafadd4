"""What is learned about a server, with mock engines that accept the parameters of real ones."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.engines import engine
from tests.mock import MODEL
from tests.models.model_calls import answers, request, requests, runtime
from tests.server import Fault, serving
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, Constraint, Message, ModelRequest, RenderedPrompt
from textsynth.models import Model
from textsynth.models.http import Http
from textsynth.models.openai.capabilities import RequestEncoder, ServerCapabilities

NEUTRAL = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
COMPLETE_BODY = json.dumps({"choices": [{"text": "a"}, {"text": "b"}]}).encode()
CONSTRAINED = request("hi", constraint=Constraint("regex", "[ab]"))


def model(url: str, log: list[str] | None = None, **options: object) -> Model:
    return Http.model_validate({"base_url": url, "model": "small", "concurrency": 4, **options}).open(
        runtime(lines=log)
    )


def body(capabilities: ServerCapabilities, **options: Any) -> dict[str, Any]:
    return body_of(RequestEncoder(capabilities, request("x", **options)))


def body_of(encoder: RequestEncoder) -> dict[str, Any]:
    return dict(json.loads(encoder.body()))


def failures(completions: list[Completion]) -> list[str]:
    return [completion.failure for completion in completions if completion.failure]


def test_every_sampling_parameter_is_sent_and_thinking_is_off() -> None:
    sent = body(ServerCapabilities("small", {}))
    assert {name: sent[name] for name in NEUTRAL} == NEUTRAL
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert "seed" not in sent
    own = body(ServerCapabilities("small", {}), top_k=5, repetition_penalty=1.1)
    assert (own["top_k"], own["repetition_penalty"]) == (5, 1.1)
    assert "chat_template_kwargs" not in body(ServerCapabilities("small", {}), chat=False)


def test_the_parameters_of_the_recipe_replace_ours_and_null_removes_one() -> None:
    extra_body = {"max_tokens": None, "max_completion_tokens": 9, "temperature": 0.1, "top_k": None}
    sent = body(ServerCapabilities("small", extra_body))
    assert "max_tokens" not in sent
    assert "top_k" not in sent
    assert (sent["max_completion_tokens"], sent["temperature"]) == (9, 0.1)


def test_thinking_has_its_own_tokens_and_is_off_where_options_are_scored() -> None:
    capabilities = ServerCapabilities("small", {}, thinking_tokens=1000)
    sent = body(capabilities, max_tokens=50)
    assert (sent["max_tokens"], sent["chat_template_kwargs"]) == (1050, {"enable_thinking": True})
    scored = body(capabilities, max_tokens=1, options=("A", "B"))
    assert (scored["max_tokens"], scored["chat_template_kwargs"]) == (1, {"enable_thinking": False})
    assert (scored["logprobs"], scored["top_logprobs"]) == (True, 20)


@pytest.mark.parametrize("bluntly", [False, True])
def test_parameters_that_a_server_rejects_are_omitted_from_then_on(bluntly: bool) -> None:
    log: list[str] = []
    with engine("openai", rejects_bluntly=bluntly) as server:
        completions = answers(model(server.url, log), requests(40))
        last = server.bodies[-1]
        rejected = sum("min_p" in sent for sent in server.bodies)
    assert not failures(completions)
    assert not {"top_k", "min_p", "repetition_penalty", "chat_template_kwargs"} & last.keys()
    assert rejected <= 4 * (1 if bluntly else 3)
    assert any("does not support" in line and "chat_template_kwargs" in line for line in log)
    if not bluntly:
        assert (last["presence_penalty"], last["frequency_penalty"]) == (0.0, 0.0)


def test_parameters_that_the_recipe_sets_are_never_omitted() -> None:
    with engine("openai") as server:
        plain, with_top_k = answers(model(server.url), [request("x"), request("y", top_k=5)])
    assert plain.failure is None
    assert "top_k" in str(with_top_k.failure)


def test_the_value_with_which_older_engines_switch_top_k_off_is_found() -> None:
    with engine("old_vllm") as server:
        completions = answers(model(server.url), requests(8))
        assert server.bodies[-1]["top_k"] == -1
    assert not failures(completions)


def test_the_newer_name_of_max_tokens_is_found() -> None:
    with engine("openai", requires_max_completion_tokens=True) as server:
        completions = answers(model(server.url, server="openai"), requests(8))
        assert server.bodies[-1]["max_completion_tokens"] == 256
    assert not failures(completions)


@pytest.mark.parametrize("kind", ["reasoning", "reasoning_content", "block"])
def test_thoughts_are_not_asked_for_and_never_part_of_an_answer(kind: str) -> None:
    with engine("vllm", thoughts=kind) as server:
        (plain,) = answers(model(server.url), [request("x", max_tokens=20)])
        (thinking,) = answers(model(server.url, thinking={"max_tokens": 500}), [request("x", max_tokens=20)])
    assert plain.failure is None
    assert "card" in plain.text or plain.text
    assert thinking.text.removeprefix("<think>\nThe user wants a label.\n</think>\n\n") == plain.text


def test_thoughts_that_leave_no_room_for_an_answer_are_a_failure_that_says_so() -> None:
    with engine("vllm", thoughts="reasoning") as server:
        thinking = model(server.url, extra_body={"chat_template_kwargs": {"enable_thinking": True}})
        (completion,) = answers(thinking, [request("x", max_tokens=20)])
    assert "still thinking" in str(completion.failure)
    assert "thinking.max_tokens" in str(completion.failure)


def test_a_completion_names_its_engine() -> None:
    with engine("vllm") as server:
        (completion,) = answers(model(server.url), [request("x")])
    assert completion.engine == "vllm-0.32.0-tp1-abc"


def test_another_engine_than_the_recipe_names_stops_the_run() -> None:
    with engine("vllm") as server:
        (completion,) = answers(model(server.url, engine="vllm-0.32"), [request("x")])
        assert completion.failure is None
        with pytest.raises(ModelError, match=r"come from 'vllm-0.32.0-tp1-abc', but the recipe says engine: vllm-0.33"):
            answers(model(server.url, engine="vllm-0.33"), [request("x")])
    with engine("llama") as server, pytest.raises(ModelError, match="a server that does not name its engine"):
        answers(model(server.url, engine="vllm"), [request("x")])


def test_a_constraint_that_a_server_rejects_is_omitted_for_that_constraint_only() -> None:
    lookahead, plain = Constraint("regex", "(?=a)b"), Constraint("regex", "no [0-9]{3}")
    log: list[str] = []
    with engine("vllm") as server:
        completions = answers(
            model(server.url, log, concurrency=1),
            [request("x", constraint=lookahead), request("y", constraint=plain), request("z", constraint=lookahead)],
        )
        assert sum("(?=" in json.dumps(sent) for sent in server.bodies) == 1
    assert [completion.failure for completion in completions] == [None] * 3
    assert completions[1].text == "no 777"
    assert any("rejects the constraint" in line for line in log)


@pytest.mark.parametrize(
    "message",
    [
        "n must be 1 when using greedy sampling, got 2.",
        "Unsupported value: 'n' does not support 2 with this model.",
        "`n` > 1 is not supported",
        "Only one completion choice is allowed",
    ],
)
def test_a_rejection_that_names_n_disables_it(message: str) -> None:
    log: list[str] = []
    capabilities = ServerCapabilities("small", {}, server="vllm", log=log.append)
    encoder = RequestEncoder(capabilities, CONSTRAINED, n=2)
    assert body_of(encoder)["n"] == 2
    assert encoder.on_rejection(400, json.dumps({"error": {"message": message}}).encode())
    assert "n" not in body_of(encoder)
    assert [completion and completion.text for completion in encoder.parse_response(COMPLETE_BODY)] == ["a"]
    assert capabilities.max_n == 1
    assert not capabilities.unsupported
    capabilities.disable_n()
    assert log == ["the server gives one completion a request (it ignores or rejects n); requests are sent one by one"]


def test_a_rejection_that_names_nothing_disables_n_if_the_request_succeeds_without_it() -> None:
    without_n, without_more = (ServerCapabilities("small", {}, server="vllm") for _ in range(2))
    encoder = RequestEncoder(without_n, CONSTRAINED, n=2)
    encoder.body()
    assert encoder.on_rejection(400, b"Bad request\\n")
    assert {"n", "top_k"} & body_of(encoder).keys() == {"top_k"}
    encoder.parse_response(COMPLETE_BODY)
    assert (without_n.max_n, without_n.unsupported) == (1, set())

    encoder = RequestEncoder(without_more, CONSTRAINED, n=2)
    for _ in range(2):
        encoder.body()
        assert encoder.on_rejection(400, b"Bad request")
    assert "top_k" not in body_of(encoder)
    encoder.parse_response(COMPLETE_BODY)
    assert without_more.max_n == 16
    assert "top_k" in without_more.unsupported


def test_a_prompt_that_is_too_long_says_nothing_about_the_server() -> None:
    capabilities = ServerCapabilities("small", {})
    encoder = RequestEncoder(capabilities, CONSTRAINED, n=2)
    encoder.body()
    assert not encoder.on_rejection(400, b"n is fine, but the prompt is too long")
    assert capabilities.max_n == 16


def test_fewer_completions_are_asked_for_after_a_failure() -> None:
    capabilities = ServerCapabilities("small", {})
    capabilities.reduce_n(16)
    capabilities.reduce_n(16)
    assert capabilities.max_n == 8
    capabilities.reduce_n(3)
    assert capabilities.max_n == 1


def with_system(text: str = "hello") -> ModelRequest:
    messages = (Message("system", "You write texts."), Message("user", text))
    return replace(request(text), prompt=RenderedPrompt("test", "0", messages=messages))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "System role not supported"),
        (500, "Jinja Exception: System role not supported"),
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model."),
        (400, "Only user and assistant roles are supported!"),
        (422, "system messages are not supported by this model"),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 64])
def test_a_server_without_a_system_role_gets_the_system_message_in_the_first_user_message(
    status: int, message: str, concurrency: int
) -> None:
    log: list[str] = []
    rejects = [Fault(str(status), contains='"system"', message=message)]
    with serving(faults=rejects) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=concurrency).open(runtime(lines=log))
        completions = answers(small, [with_system(f"text {number}") for number in range(100)])
        rejected = sum(sent["messages"][0]["role"] == "system" for sent in server.mock.bodies)
        last = server.mock.bodies[-1]["messages"]
    assert not failures(completions)
    assert 1 <= rejected <= concurrency
    assert [sent["role"] for sent in last] == ["user"]
    assert last[0]["content"].startswith("You write texts.\n\ntext ")
    assert [line for line in log if "system role" in line] == [
        f"{server.url}: the model has no system role; the system message is put in front of the first user message"
    ]


def test_a_rejection_of_the_system_role_without_a_system_message_is_a_failure() -> None:
    with serving(faults=[Fault("400", contains="question 3", message="System role not supported")]) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=1).open(runtime())
        completions = answers(small, requests(6))
        assert server.mock.requests <= 8
    assert failures(completions) == ["rejected by the server (HTTP 400): System role not supported"]


@pytest.mark.parametrize(
    ("message", "free_tokens"),
    [
        (
            "This model's maximum context length is 2048 tokens. However, you requested 2298 tokens (298 in the"
            " messages, 2000 in the completion). Please reduce the length of the messages or completion.",
            1750,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 2000. This model's maximum context length is 2048"
            " tokens and your request has 300 input tokens (2000 > 2048 - 300).",
            1748,
        ),
        (
            "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 298 `inputs` tokens and 2000 `max_new_tokens`",
            1750,
        ),
        (
            "Requested token count exceeds the model's maximum context length of 2048 tokens. You requested a total of"
            " 2298 tokens: 298 tokens from the input messages and 2000 tokens for the completion.",
            1750,
        ),
    ],
)
@pytest.mark.parametrize("concurrency", [1, 64])
def test_max_tokens_beyond_the_context_is_lowered_to_what_is_left(
    message: str, free_tokens: int, concurrency: int
) -> None:
    log: list[str] = []
    with serving(faults=[Fault("400", contains='"max_tokens":2000', message=message)]) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=concurrency).open(runtime(lines=log))
        long = [replace(each, sampling=replace(each.sampling, max_tokens=2000)) for each in requests(70)]
        completions = answers(small, [*long, request("short")])
        sent = [body["max_tokens"] for body in server.mock.bodies]
    assert not failures(completions)
    assert set(sent) == {2000, free_tokens, 256}
    assert (
        len([line for line in log if f"lowered to what the prompt leaves of the context, here {free_tokens}" in line])
        == 1
    )


def test_a_limit_of_completions_is_learned_once_for_all_prompts() -> None:
    log: list[str] = []
    message = "max_tokens is too large: 2000. This model supports at most 1024 completion tokens"
    with serving(faults=[Fault("400", contains='"max_tokens":2000', message=message)]) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=1).open(runtime(lines=log))
        long = [replace(each, sampling=replace(each.sampling, max_tokens=2000)) for each in requests(20)]
        completions = answers(small, [*long, request("short")])
        sent = [body["max_tokens"] for body in server.mock.bodies]
    assert not failures(completions)
    assert sent == [2000, *[1024] * 20, 256]
    assert [line for line in log if "requests are sent with 1024" in line] == log


@pytest.mark.parametrize("left", [-6953, 0, 15])
def test_a_prompt_that_leaves_no_room_is_too_long(left: int) -> None:
    message = (
        f"This model's maximum context length is 2048 tokens. However, you requested 9999 tokens ({2048 - left} in the"
        " messages, 256 in the completion)."
    )
    with serving(faults=[Fault("400", contains="question 3", message=message)]) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=1).open(runtime())
        (failure,) = failures(answers(small, requests(6)))
        assert server.mock.requests == 6
    assert failure.startswith(f"the prompt is too long for {MODEL!r}: ")


def test_a_max_tokens_of_the_recipe_is_not_lowered() -> None:
    message = "max_tokens is too large: 9000. This model supports at most 1024 completion tokens"
    with serving(faults=[Fault("400", contains="question 3", message=message)]) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=1, extra_body={"max_tokens": 9000}).open(runtime())
        (failure,) = failures(answers(small, requests(6)))
    assert failure.startswith("rejected by the server (HTTP 400): max_tokens is too large")


@pytest.mark.parametrize(
    ("message", "omitted"),
    [
        ("Unsupported value: 'temperature' does not support 0.8 with this model. Only the default (1) value is"
         " supported.", {"temperature"}),
        ("Unsupported parameter: 'top_p' is not supported with this model.", {"top_p"}),
        ("`temperature` and `top_p` cannot both be specified for this model. Please use only one.", {"top_p"}),
        ("temperature and top_p are not supported by reasoning models", {"temperature", "top_p"}),
    ],
)  # fmt: skip
def test_a_refused_temperature_or_top_p_is_omitted_with_a_note(message: str, omitted: set[str]) -> None:
    log: list[str] = []
    contains = '"top_p"' if "top_p" in omitted else '"temperature"'
    with serving(faults=[Fault("400", contains=contains, message=message)]) as server:
        completions = answers(Http(base_url=server.url, model=MODEL).open(runtime(lines=log)), requests(20))
        last = server.mock.bodies[-1]
    assert not failures(completions)
    assert {"temperature", "top_p"} - last.keys() == omitted
    assert [line for line in log if "requests are sent without, and its own value applies" in line]


@pytest.mark.parametrize("message", ["temperature must be between 0 and 1", "top_p is out of range"])
def test_a_refused_value_of_temperature_or_top_p_is_a_failure(message: str) -> None:
    with serving(faults=[Fault("400", contains="question 3", message=message)]) as server:
        small = Http(base_url=server.url, model=MODEL, concurrency=1).open(runtime())
        assert failures(answers(small, requests(6))) == [f"rejected by the server (HTTP 400): {message}"]
