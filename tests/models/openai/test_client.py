"""The client against a mock server that fails on demand."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from tests.mock import MODEL
from tests.models.model_calls import answers, complete, request, requests, runtime
from tests.models.raw_server import raw_server
from tests.server import Fault, serving
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.http import Http
from textsynth.models.openai import protocol
from textsynth.models.openai.client import Client
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.token_count import estimated_tokens
from textsynth.models.vllm_server.process import free_port


def client(url: str, log: list[str] | None = None, **options: object) -> Any:
    defaults = {"base_url": url, "model": MODEL, "timeout_seconds": 5.0}
    return Http.model_validate({**defaults, **options}).open(runtime(lines=log))


def failed(completions: list[Completion]) -> list[int]:
    """Return the positions of the completions with a failure."""
    return [position for position, completion in enumerate(completions) if completion.failure is not None]


@pytest.mark.parametrize("concurrency", [1, 16, 256])
def test_answers_are_the_same_at_any_concurrency(concurrency: int) -> None:
    with serving(latency=0.002) as server:
        completions = answers(client(server.url, concurrency=concurrency), requests(300))
        stats = server.stats()
        assert stats["requests"] == stats["distinct"] == 300
        assert stats["peak"] <= concurrency
        assert completions == answers(client(server.url), requests(300))
    assert len({completion.text for completion in completions}) == 300
    assert {(completion.prompt_tokens, completion.completion_tokens) for completion in completions} == {(40, 20)}


def test_two_calls_share_one_limit() -> None:
    with serving(min_concurrency=8) as server:
        model = client(server.url, concurrency=8)

        async def go() -> None:
            await asyncio.gather(complete(model, requests(60)[:30]), complete(model, requests(60)[30:]))
            await model.close()

        asyncio.run(go())
        assert server.stats()["peak"] == 8


def test_a_single_request_is_sent_once() -> None:
    with serving() as server:
        assert answers(client(server.url), [request("hello")])[0].text.startswith("1. ")
        assert len(server.mock.bodies) == 1
        assert server.mock.bodies[0]["messages"] == [{"role": "user", "content": "hello"}]
        assert "authorization" not in {name.lower() for name in server.mock.bodies[0]}


def test_raw_prompts_go_to_the_endpoint_for_completions() -> None:
    with serving() as server:
        completions = answers(client(server.url, mode="completion"), requests(3, chat=False))
        assert set(server.mock.paths) == {"/v1/completions"}
    assert not failed(completions)


@pytest.mark.parametrize("kind", ["reset", "close", "cut", "garbage", "list", "empty", "notext", "500", "502", "503"])
def test_an_occasional_failure_is_repeated(kind: str) -> None:
    with serving(latency=0.002, faults=[Fault(kind, every=4)]) as server:
        model = client(server.url, retries=50)
        completions = answers(model, requests(40))
        repeated = server.stats()["requests"] - 40
    assert not failed(completions)
    assert model.retried == repeated > 5


@pytest.mark.parametrize("kind", ["reset", "garbage", "empty", "500", "503"])
def test_a_request_that_always_fails_is_given_up(kind: str) -> None:
    with serving(latency=0.005, faults=[Fault(kind, contains="question 7.")]) as server:
        completions = answers(client(server.url, retries=2, concurrency=2), requests(40))
        assert server.stats()["requests"] == 39 + 3
    assert failed(completions) == [7]
    assert str(completions[7].failure).startswith("given up after 3 attempts: ")


def test_a_request_that_hangs_ends_with_its_timeout() -> None:
    with serving(faults=[Fault("hang", contains="question 3.")]) as server:
        completions = answers(client(server.url, retries=1, timeout_seconds=0.3), requests(10))
    assert failed(completions) == [3]
    assert "no answer within timeout_seconds 0.3" in str(completions[3].failure)


@pytest.mark.parametrize("after", ["1", "date+2"])
def test_no_request_is_sent_before_the_time_that_the_server_asks_for(after: str) -> None:
    with serving(faults=[Fault("429", first=1, after=after)]) as server:
        log: list[str] = []
        started = time.monotonic()
        completions = answers(client(server.url, log, concurrency=4), requests(8))
        seconds = time.monotonic() - started
        times = sorted(server.mock.times)
    assert not failed(completions)
    assert seconds >= 0.9
    assert times[4] - times[0] >= 0.9, "a request was sent while the server wanted none"
    assert log == [f"{server.url}: HTTP 429: 'status 429 on demand'; trying again"]


def test_a_prompt_that_is_too_long_fails_alone() -> None:
    with serving(faults=[Fault("toolong", contains="question 2.")]) as server:
        completions = answers(client(server.url), requests(8))
        assert server.stats()["requests"] == 8
    assert failed(completions) == [2]
    message = f"the prompt is too long for {MODEL!r}: This model's maximum context length"
    assert str(completions[2].failure).startswith(message)


def test_a_rejected_request_fails_alone_with_the_message_of_the_server() -> None:
    with serving(faults=[Fault("400", contains="question 2.", message="bad " * 100)]) as server:
        completions = answers(client(server.url), requests(8))
    assert failed(completions) == [2]
    assert str(completions[2].failure).startswith("rejected by the server (HTTP 400): bad bad")
    assert len(str(completions[2].failure)) < 250


def test_a_server_that_rejects_every_request_stops_the_run() -> None:
    with (
        serving(faults=[Fault("400", message="unknown parameter top_a")]) as server,
        pytest.raises(ModelError, match=r"rejected each of the first 5 requests.*unknown parameter top_a.*extra_body"),
    ):
        answers(client(server.url, concurrency=2), requests(50))
    assert server.stats()["requests"] < 10


def test_impossible_token_counts_and_lone_surrogates_do_not_reach_the_run() -> None:
    sent = requests(2)
    with serving(faults=[Fault("usage", contains="question 0."), Fault("surrogate", contains="question 1.")]) as server:
        no_counts, surrogate = answers(client(server.url), sent)
    assert has_estimated_tokens(sent[0], no_counts)
    assert surrogate.text == "half a pair: \ufffd"


def has_estimated_tokens(request: ModelRequest, completion: Completion) -> bool:
    """Whether the completion has the tokens that are estimated where a server gives no possible counts."""
    prompt = estimated_tokens(*(message.content for message in request.prompt.messages))
    return (completion.prompt_tokens, completion.completion_tokens) == (prompt, estimated_tokens(completion.text))


def test_impossible_usage_of_every_kind_is_estimated() -> None:
    sent = requests(12)
    with serving(faults=[Fault("usage")]) as server:
        completions = answers(client(server.url), sent)
    assert all(map(has_estimated_tokens, sent, completions))


def test_an_answer_cut_at_max_tokens_says_so_and_null_is_empty() -> None:
    with serving(faults=[Fault("long", contains="question 0."), Fault("null", contains="question 1.")]) as server:
        cut, null, complete_answer = answers(client(server.url), requests(3))
    assert (cut.finish, complete_answer.finish) == ("length", "stop")
    assert (null.text, null.finish, null.failure) == ("", "length", None)


def test_a_wrong_key_stops_the_run_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_KEY", "sesame-wrong")
    with serving(key="sesame-right") as server:
        with pytest.raises(ModelError, match="refuses the key in 'MOCK_KEY'") as caught:
            answers(client(server.url, api_key_env="MOCK_KEY"), requests(3))
        assert "sesame-wrong" not in str(caught.value)
        with pytest.raises(ModelError, match=r"without a key; name the environment variable .* with api_key_env"):
            answers(client(server.url), requests(3))
        monkeypatch.setenv("MOCK_KEY", "sesame-right")
        assert not failed(answers(client(server.url, api_key_env="MOCK_KEY"), requests(3)))


def test_a_key_that_the_server_repeats_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_KEY", "sesame-123")
    with (
        serving(faults=[Fault("403", message="your key sesame-123 is no good")]) as server,
        pytest.raises(ModelError, match=r"your key \*\*\* is no good") as caught,
    ):
        answers(client(server.url, api_key_env="MOCK_KEY"), requests(1))
    assert "sesame" not in str(caught.value)


def test_an_unknown_model_names_the_most_similar_one() -> None:
    with serving() as server, pytest.raises(ModelError, match="has no model 'mock-smal'; did you mean 'mock-small'"):
        answers(client(server.url, model="mock-smal"), requests(3))


def test_an_address_without_the_api_is_an_error_that_says_so() -> None:
    with (
        serving() as server,
        pytest.raises(ModelError, match=r"no OpenAI-compatible API at .*/v2 .*ends with /v1"),
    ):
        answers(client(server.url.replace("/v1", "/v2")), requests(3))


def test_an_account_without_credit_stops_the_run() -> None:
    fault = Fault("429", code="insufficient_quota", message="You exceeded your current quota")
    with serving(faults=[fault]) as server, pytest.raises(ModelError, match="has no credit left"):
        answers(client(server.url), requests(3))


def test_a_redirect_is_not_followed() -> None:
    with serving(faults=[Fault("redirect")]) as server, pytest.raises(ModelError, match="redirects to 'http://127"):
        answers(client(server.url), requests(1))


def test_no_server_is_an_error_of_one_sentence_after_a_while() -> None:
    log: list[str] = []
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(ModelError, match=r"no server at .*refused.*vllm serve") as caught:
        answers(client(url, log, max_downtime_seconds=0.5), requests(100))
    assert "\n" not in str(caught.value)
    assert len(log) == 1
    assert "trying again" in log[0]


def test_an_unknown_host_is_an_error_of_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"no server at http://nowhere\.invalid:8000/v1"):
        answers(client("http://nowhere.invalid:8000/v1", max_downtime_seconds=0.2), requests(2))


def test_a_server_that_dies_is_waited_for_until_it_is_back() -> None:
    port = free_port()
    log: list[str] = []
    completions: list[Completion] = []

    def run() -> None:
        completions.extend(answers(client(f"http://127.0.0.1:{port}/v1", log, concurrency=4), requests(60)))

    run_thread = threading.Thread(target=run)
    with serving(port=port, latency=0.02) as server:
        run_thread.start()
        while server.stats()["answered"] < 12:
            time.sleep(0.005)
    time.sleep(0.5)
    with serving(port=port) as server:
        run_thread.join(timeout=30)
        sent = server.stats()["requests"]
    assert not failed(completions)
    assert len(completions) == 60
    assert sent < 60
    assert any("trying again" in line for line in log)


def test_a_cancelled_call_has_no_requests_in_flight() -> None:
    with serving(latency=300.0) as server:
        model = client(server.url, timeout_seconds=600.0)

        async def go() -> None:
            call = asyncio.ensure_future(complete(model, requests(10)))
            while server.stats()["requests"] < 10:
                await asyncio.sleep(0.005)
            assert model.in_flight == 10
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            assert model.in_flight == 0
            await model.close()

        asyncio.run(asyncio.wait_for(go(), timeout=60))  # far less than the latency


def test_the_late_answer_to_a_cancelled_request_goes_to_no_other_request() -> None:
    with serving(latency=0.2) as server:
        model = client(server.url, concurrency=4)

        async def go() -> dict[str, Completion]:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(complete(model, requests(4)), 0.1)
            completions = await complete(model, requests(12)[4:])
            await model.close()
            return completions

        completions = asyncio.run(go())
        expected = answers(client(server.url), requests(12)[4:])
    assert [completions[each.key] for each in requests(12)[4:]] == expected


def test_the_late_answer_to_a_request_that_timed_out_goes_to_no_other_request() -> None:
    with serving(latency=0.04, faults=[Fault("slow", contains="question 3.")]) as server:
        completions = answers(client(server.url, retries=1, timeout_seconds=0.3, concurrency=2), requests(80))
        assert server.mock.times[-1] - server.mock.times[0] > 1.1, "the late answer came while requests were sent"
    with serving() as server:
        expected = answers(client(server.url), requests(80))
    assert failed(completions) == [3]
    assert [*completions[:3], *completions[4:]] == [*expected[:3], *expected[4:]]


def test_there_may_be_more_connections_than_files_are_usually_allowed() -> None:
    with serving(min_concurrency=1100) as server:
        completions = answers(client(server.url, concurrency=1500, timeout_seconds=60.0), requests(1500))
        assert server.stats()["peak"] >= 1100
    assert not failed(completions)


def test_a_client_that_was_never_used_can_be_closed() -> None:
    config = EndpointConfig(("http://a",), "m")
    asyncio.run(Client(config, concurrency=1, retries=0, max_downtime_seconds=1, log=print).close())


def test_a_request_that_waits_in_the_queue_of_the_server_never_times_out() -> None:
    with serving(latency=0.05, capacity=4) as server:
        model = client(server.url, concurrency=100, timeout_seconds=0.4)
        completions = answers(model, requests(150))
        assert server.stats()["requests"] == 150
        assert server.stats()["longest_queue"] > 80
    assert not failed(completions)
    assert model.retried == 0


def test_with_metrics_the_server_is_full_and_its_queue_short() -> None:
    with serving(latency=0.2, capacity=100, metrics=True) as server:
        model = client(server.url, concurrency="auto")
        assert not failed(answers(model, requests(1200)))
        stats = server.stats()
        assert server.mock.metrics_requests >= 2
    assert stats["peak"] > 100
    # with a fixed concurrency of 1,200 it would be 1,100; how short it is depends on how busy the machine is
    assert stats["longest_queue"] < 100
    assert 100 <= model.limit < 200


def test_a_server_without_metrics_is_polled_once_and_the_concurrency_grows_all_the_same() -> None:
    with serving(latency=0.3, capacity=200) as server:
        model = client(server.url, concurrency="auto")
        assert not failed(answers(model, requests(700)))
        assert server.stats()["peak"] > 64
        assert server.mock.metrics_requests == 0


def test_429s_reduce_the_concurrency() -> None:
    with serving(latency=0.01, faults=[Fault("429", every=10, after="0")]) as server:
        model = client(server.url, concurrency="auto")
        assert not failed(answers(model, requests(200)))
    assert model.limit < 64


@pytest.mark.parametrize("kind", ["drip", "flood"])
def test_a_response_without_end_ends_at_the_timeout_or_the_size_limit(kind: str) -> None:
    with serving(faults=[Fault(kind, contains="question 3.")]) as server:
        completions = answers(client(server.url, retries=1, timeout_seconds=1.0), requests(10))
    assert failed(completions) == [3]
    assert ("no answer within" if kind == "drip" else "body exceeds") in str(completions[3].failure)


def test_a_slow_request_delays_no_other() -> None:
    with serving(latency=0.002, faults=[Fault("slow", contains="question 3.")]) as server:
        model_requests, answered = requests(100), []

        async def go() -> None:
            model = client(server.url, concurrency=4)

            async def on_completion(answered_request: object, _: Completion) -> None:
                answered.append(answered_request)

            await model.complete(model_requests, on_completion)
            await model.close()

        asyncio.run(go())
    assert answered[-1] is model_requests[3]


def test_several_servers_share_the_requests_by_the_beginning_of_the_prompts() -> None:
    texts = [f"{label} " * 60 + str(number) for label in ("card", "app", "transfer", "fee") for number in range(25)]
    with serving(latency=0.002) as first, serving(latency=0.002) as second:
        urls = (first.url, second.url)
        model = Http.model_validate({"base_urls": urls, "model": MODEL, "concurrency": 4}).open(runtime())
        assert not failed(answers(model, [request(text) for text in texts]))
        assert first.mock.bodies
        assert second.mock.bodies
        assert len(first.mock.bodies) + len(second.mock.bodies) == 100


def test_a_server_that_is_down_from_the_start_is_left_out() -> None:
    log: list[str] = []
    with serving() as server:
        urls = (f"http://127.0.0.1:{free_port()}/v1", server.url)
        model = Http.model_validate({"base_urls": urls, "model": MODEL}).open(runtime(lines=log))
        completions = answers(model, requests(40))
        assert server.stats()["requests"] == 40
    assert not failed(completions)
    assert len(log) == 1


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("tool", protocol.TOOL_CALL),
        ("filtered", protocol.CONTENT_FILTERED),
        ("thoughts", protocol.ONLY_THOUGHTS),
        ("thinking", protocol.STILL_THINKING),
        ("error 400", "rejected by the server (HTTP 400): an error on demand"),
    ],
)
def test_an_answer_without_a_text_names_its_reason(kind: str, failure: str, concurrency: int) -> None:
    with serving(faults=[Fault(kind, contains="question 7.")]) as server:
        completions = answers(client(server.url, concurrency=concurrency), requests(40))
        assert server.stats()["requests"] == 40
    assert failed(completions) == [7]
    assert completions[7].failure == failure


def test_content_in_parts_is_read() -> None:
    with serving(faults=[Fault("parts")]) as server:
        (completion,) = answers(client(server.url), [request("x")])
    assert (completion.text, completion.failure) == ("1. where is it", None)


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            "page",
            r"gives no completions: each of the first 4 .* no JSON but a web page: '<!DOCTYPE html>.*; it may be the",
        ),
        ("stream", r"no JSON but an event stream: 'data: .*; remove stream from extra_body"),
        ("list", r"no choices but .*; base_url must be the address of an OpenAI-compatible API"),
        ("error 401", r"refuses requests without a key; .*HTTP 401: 'an error on demand'"),
        ("error 400", r"rejected each of the first 5 requests \(HTTP 400: 'an error on demand'\)"),
        ("error text", r"rejected each of the first 5 requests \(HTTP 400: 'an error on demand'\)"),
    ],
)
def test_a_server_that_gives_no_completions_stops_the_run_at_once(kind: str, sentence: str, concurrency: int) -> None:
    with serving(faults=[Fault(kind)]) as server:
        with pytest.raises(ModelError, match=sentence) as error:
            answers(client(server.url, concurrency=concurrency), requests(100))
        assert server.stats()["requests"] <= 10 + 3 * concurrency
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["error 429", "error 503", "error rate"])
def test_an_error_with_http_200_that_may_pass_is_waited_for(kind: str) -> None:
    with serving(faults=[Fault(kind, first=3)]) as server:
        completions = answers(client(server.url), requests(20))
        assert server.stats()["requests"] == 23
    assert not failed(completions)


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n", "Content-Length overflow"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: " + b"0" * 5000 + b"\r\n\r\n", "has 5,000 digits"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 5_000_000 + b"\r\n\r\n", "head exceeds 65,536 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500_000 + b"\r\n", "head exceeds 65,536 bytes"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the response is not HTTP: it begins with b'SSH"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "another protocol"),
    ],
)
def test_a_response_that_is_no_http_stops_the_run_at_once(pieces: bytes, reason: str, concurrency: int) -> None:
    async def go() -> None:
        async with raw_server(lambda _: [pieces]) as server:
            model = client(server.url, concurrency=concurrency)
            with pytest.raises(ModelError, match=reason) as error:
                await complete(model, requests(100))
            assert len(server.requests) <= 10 + 3 * concurrency
            assert "gives no completions" in str(error.value)
            assert "\n" not in str(error.value)
            await model.close()

    asyncio.run(go())


def test_a_refused_proxy_is_called_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"me:word@127.0.0.1:{free_port()}")
    with pytest.raises(ModelError) as error:
        answers(client("http://far.example/v1", max_downtime_seconds=0.2), requests(2))
    sentence = str(error.value)
    assert sentence.startswith("no connection to the server at http://far.example/v1 for ")
    assert re.search(r"connection refused \(through the proxy http://127\.0\.0\.1:\d+ that the environment", sentence)
    assert "correct the environment variable HTTP_PROXY, or except the server with NO_PROXY" in sentence
    assert "word" not in sentence


def test_a_proxy_of_another_kind_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5h://127.0.0.1")
    with pytest.raises(
        ModelError, match=r"the environment variable https_proxy names the proxy 'socks5h://127\.0\.0\.1'"
    ):
        client("https://far.example/v1")
