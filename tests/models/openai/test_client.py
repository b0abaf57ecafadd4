"""The client against a real server that breaks on demand."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from tests.faults import free_port
from tests.mock import MODEL
from tests.models.asked import answers, complete, place, request, requests
from tests.server import Fault, serving
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.http.address import Address
from textsynth.models.http import Http
from textsynth.models.openai.client import Client
from textsynth.models.openai.config import EndpointConfig


def client(url: str, said: list[str] | None = None, **more: object) -> Any:
    options = Http.model_validate({"base_url": url, "model": MODEL, "timeout_seconds": 5.0, **more})
    return options.open(place(said=said))


def failed(found: list[Completion]) -> int:
    return sum(completion.failure is not None for completion in found)


@pytest.mark.parametrize("in_flight", [1, 16, 256])
def test_answers_are_the_same_at_any_number_in_flight(in_flight: int) -> None:
    with serving(latency=0.002) as server:
        found = answers(client(server.url, concurrency=in_flight), requests(300))
        stats = server.stats()
        assert stats["requests"] == stats["distinct"] == 300
        assert stats["peak"] <= in_flight
        assert found == answers(client(server.url), requests(300))
    assert len({completion.text for completion in found}) == 300
    assert {(completion.prompt_tokens, completion.completion_tokens) for completion in found} == {(40, 20)}


def test_two_calls_share_one_limit() -> None:
    with serving(gate=8) as server:
        model = client(server.url, concurrency=8)

        async def go() -> None:
            await asyncio.gather(complete(model, requests(60)[:30]), complete(model, requests(60)[30:]))
            await model.close()

        asyncio.run(go())
        assert server.stats()["peak"] == 8


def test_raw_prompts_go_to_the_other_endpoint() -> None:
    with serving() as server:
        found = answers(client(server.url, mode="completion"), requests(3, chat=False))
        assert set(server.mock.paths) == {"/v1/completions"}
    assert failed(found) == 0


@pytest.mark.parametrize("kind", ["reset", "close", "cut", "garbage", "list", "empty", "notext", "500", "502", "503"])
def test_what_goes_wrong_at_times_is_tried_again(kind: str) -> None:
    with serving(latency=0.002, faults=[Fault(kind, every=4)]) as server:
        model = client(server.url, retries=50)
        found = answers(model, requests(40))
        again = server.stats()["requests"] - 40
    assert failed(found) == 0
    assert model.retried == again > 5


@pytest.mark.parametrize("kind", ["reset", "garbage", "empty", "500", "503"])
def test_what_always_goes_wrong_for_one_request_is_its_failure(kind: str) -> None:
    with serving(latency=0.005, faults=[Fault(kind, contains="question 7.")]) as server:
        asked = requests(40)
        found = answers(client(server.url, retries=2, concurrency=2), asked)
        assert server.stats()["requests"] == 39 + 3
    assert [at for at, completion in enumerate(found) if completion.failure] == [7]
    assert str(found[7].failure).startswith("given up after 3 tries: ")


def test_a_request_that_hangs_ends_with_its_time() -> None:
    with serving(faults=[Fault("hang", contains="question 3.")]) as server:
        found = answers(client(server.url, retries=1, timeout_seconds=0.3), requests(10))
    assert [at for at, completion in enumerate(found) if completion.failure] == [3]
    assert "no answer within timeout_seconds 0.3" in str(found[3].failure)


@pytest.mark.parametrize("after", ["1", "date+2"])
def test_the_server_says_when_to_come_again(after: str) -> None:
    with serving(faults=[Fault("429", first=1, after=after)]) as server:
        said: list[str] = []
        started = time.monotonic()
        found = answers(client(server.url, said, concurrency=4), requests(8))
        took = time.monotonic() - started
        times = sorted(server.mock.times)
    assert failed(found) == 0
    assert took >= 0.9
    assert times[4] - times[0] >= 0.9, "a request was sent while the server wanted quiet"
    assert said == [f"{server.url}: HTTP 429: 'status 429 on demand'; trying again"]


def test_too_long_a_prompt_fails_alone() -> None:
    with serving(faults=[Fault("toolong", contains="question 2.")]) as server:
        found = answers(client(server.url), requests(8))
        assert server.stats()["requests"] == 8
    assert [at for at, completion in enumerate(found) if completion.failure] == [2]
    assert str(found[2].failure).startswith(f"too long a prompt for {MODEL!r}: This model's maximum context length")


def test_a_refused_request_fails_alone_with_what_the_server_says() -> None:
    with serving(faults=[Fault("400", contains="question 2.", message="bad " * 100)]) as server:
        found = answers(client(server.url), requests(8))
    assert failed(found) == 1
    assert str(found[2].failure).startswith("refused by the server (HTTP 400): bad bad")
    assert len(str(found[2].failure)) < 250


def test_a_server_that_refuses_everything_stops_the_run() -> None:
    with (
        serving(faults=[Fault("400", message="unknown parameter top_a")]) as server,
        pytest.raises(ModelError, match=r"refused each of the first 5 requests.*unknown parameter top_a.*body"),
    ):
        answers(client(server.url, concurrency=2), requests(50))
    assert server.stats()["requests"] < 10


def test_odd_counts_and_half_letters_do_not_reach_the_run() -> None:
    with serving(faults=[Fault("usage", contains="question 0."), Fault("surrogate", contains="question 1.")]) as server:
        odd, half = answers(client(server.url), requests(2))
    assert (odd.prompt_tokens, odd.completion_tokens) == (0, 0)
    assert half.text == "half a pair: \ufffd"


def test_an_answer_cut_at_max_tokens_says_so_and_null_is_empty() -> None:
    with serving(faults=[Fault("long", contains="question 0."), Fault("null", contains="question 1.")]) as server:
        cut, null, whole = answers(client(server.url), requests(3))
    assert (cut.finish, whole.finish) == ("length", "stop")
    assert (null.text, null.finish, null.failure) == ("", "length", None)


def test_a_wrong_key_stops_the_run_without_telling_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_KEY", "sesame-wrong")
    with serving(key="sesame-right") as server:
        with pytest.raises(ModelError, match="refuses the key in 'MOCK_KEY'") as caught:
            answers(client(server.url, api_key_env="MOCK_KEY"), requests(3))
        assert "sesame-wrong" not in str(caught.value)
        with pytest.raises(ModelError, match="without a key; name the variable that holds one with key_env"):
            answers(client(server.url), requests(3))
        monkeypatch.setenv("MOCK_KEY", "sesame-right")
        assert failed(answers(client(server.url, api_key_env="MOCK_KEY"), requests(3))) == 0


def test_a_server_that_repeats_the_key_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCK_KEY", "sesame-123")
    told = "your key sesame-123 is no good"
    with (
        serving(faults=[Fault("403", message=told)]) as server,
        pytest.raises(ModelError, match=r"your key \*\*\* is no good") as caught,
    ):
        answers(client(server.url, api_key_env="MOCK_KEY"), requests(1))
    assert "sesame" not in str(caught.value)


def test_an_unknown_model_names_the_nearest() -> None:
    with serving() as server, pytest.raises(ModelError, match="has no model 'mock-smal'; did you mean 'mock-small'"):
        answers(client(server.url, model="mock-smal"), requests(3))


def test_no_interface_there_is_said() -> None:
    with (
        serving() as server,
        pytest.raises(ModelError, match=r"no OpenAI-compatible interface at .*/v2 .*ends with /v1"),
    ):
        answers(client(server.url.replace("/v1", "/v2")), requests(3))


def test_an_empty_purse_stops_the_run() -> None:
    fault = Fault("429", code="insufficient_quota", message="You exceeded your current quota")
    with serving(faults=[fault]) as server, pytest.raises(ModelError, match="wants to be paid first"):
        answers(client(server.url), requests(3))


def test_a_server_that_sends_us_elsewhere_is_not_followed() -> None:
    with serving(faults=[Fault("redirect")]) as server, pytest.raises(ModelError, match="sends us on to 'http://127"):
        answers(client(server.url), requests(1))


def test_no_server_is_one_sentence_after_a_while() -> None:
    said: list[str] = []
    url = f"http://127.0.0.1:{free_port()}/v1"
    with pytest.raises(ModelError, match=r"no server at .*refused.*vllm serve") as caught:
        answers(client(url, said, max_downtime_seconds=0.5), requests(100))
    assert "\n" not in str(caught.value)
    assert len(said) == 1
    assert "trying again" in said[0]


def test_no_such_host_is_one_sentence() -> None:
    with pytest.raises(ModelError, match=r"no server at http://nowhere\.invalid:8000/v1"):
        answers(client("http://nowhere.invalid:8000/v1", max_downtime_seconds=0.2), requests(2))


def test_a_server_that_dies_is_waited_for_and_asked_again() -> None:
    port = free_port()
    said: list[str] = []
    found: list[Completion] = []

    def run() -> None:
        found.extend(answers(client(f"http://127.0.0.1:{port}/v1", said, concurrency=4), requests(60)))

    asking = threading.Thread(target=run)
    with serving(port=port, latency=0.02) as first:
        asking.start()
        while first.stats()["answered"] < 12:
            time.sleep(0.005)
    time.sleep(0.5)
    with serving(port=port) as second:
        asking.join(timeout=30)
        sent = second.stats()["requests"]
    assert failed(found) == 0
    assert len(found) == 60
    assert sent < 60
    assert any("trying again" in one for one in said)


def test_a_cancelled_call_lets_go_of_its_connections() -> None:
    with serving(latency=5.0) as server:
        model = client(server.url)

        async def go() -> None:
            call = asyncio.ensure_future(complete(model, requests(10)))
            await asyncio.sleep(0.1)
            assert model.in_flight == 10
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            assert model.in_flight == 0
            await model.close()

        started = time.monotonic()
        asyncio.run(go())
        assert time.monotonic() - started < 3


def test_more_connections_than_files_are_usually_allowed() -> None:
    with serving(gate=1100) as server:
        found = answers(client(server.url, concurrency=1500, timeout_seconds=60.0), requests(1500))
        assert server.stats()["peak"] >= 1100
    assert failed(found) == 0


@pytest.mark.parametrize(
    ("given", "root", "address"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://a/v1/chat/completions", "https://a/v1", "https://a/v1"),
        ("https://me:secret@a/api", "https://me:secret@a/api", "https://a/api"),
    ],
)
def test_addresses_are_read_as_people_write_them(given: str, root: str, address: str) -> None:
    found = Address(given)
    assert (found.root, found.name) == (root, address)


def test_closing_what_was_never_used_is_nothing() -> None:
    target = EndpointConfig(("http://a",), "m")
    asyncio.run(Client(target, in_flight=1, retries=0, patience_seconds=1, say=print).close())


def test_one_request_is_one_request() -> None:
    with serving() as server:
        one = request("hello")
        assert answers(client(server.url), [one])[0].text.startswith("1. ")
        assert server.mock.bodies[0]["messages"] == [{"role": "user", "content": "hello"}]
        assert "authorization" not in {name.lower() for name in server.mock.bodies[0]}


def test_a_request_that_only_waits_in_the_queue_never_times_out() -> None:
    with serving(latency=0.05, capacity=4) as server:
        model = client(server.url, concurrency=100, timeout_seconds=0.4)
        found = answers(model, requests(150))
        assert server.stats()["requests"] == 150
        assert server.stats()["longest_queue"] > 80
    assert failed(found) == model.retried == 0


def test_with_metrics_the_server_is_full_and_its_queue_short() -> None:
    with serving(latency=0.2, capacity=100, metrics=True) as server:
        model = client(server.url, concurrency="auto")
        assert failed(answers(model, requests(1200))) == 0
        stats = server.stats()
        assert server.mock.polls >= 2
    assert stats["peak"] > 100
    # Left to a fixed number of 1,200 it would be 1,100; how short depends on how busy the machine is.
    assert stats["longest_queue"] < 100
    assert 100 <= model.limit < 200


def test_a_server_without_metrics_is_asked_for_them_once_and_the_number_grows_by_itself() -> None:
    with serving(latency=0.3, capacity=200) as server:
        model = client(server.url, concurrency="auto")
        assert failed(answers(model, requests(700))) == 0
        assert server.stats()["peak"] > 64
        assert server.mock.polls == 0


def test_429s_make_the_number_smaller() -> None:
    with serving(latency=0.01, faults=[Fault("429", every=10, after="0")]) as server:
        model = client(server.url, concurrency="auto")
        assert failed(answers(model, requests(200))) == 0
    assert model.limit < 64


@pytest.mark.parametrize("kind", ["drip", "flood"])
def test_an_answer_without_end_ends(kind: str) -> None:
    with serving(faults=[Fault(kind, contains="question 3.")]) as server:
        found = answers(client(server.url, retries=1, timeout_seconds=1.0), requests(10))
    assert [at for at, completion in enumerate(found) if completion.failure] == [3]
    assert ("no answer within" if kind == "drip" else "went on beyond") in str(found[3].failure)


def test_wrong_usage_in_every_shape_counts_nothing() -> None:
    with serving(faults=[Fault("usage")]) as server:
        found = answers(client(server.url), requests(12))
    assert {(one.prompt_tokens, one.completion_tokens) for one in found} == {(0, 0)}


def test_a_slow_request_holds_up_no_other() -> None:
    with serving(latency=0.002, faults=[Fault("slow", contains="question 3.")]) as server:
        asked, came = requests(100), []

        async def go() -> None:
            model = client(server.url, concurrency=4)

            async def arrived(one: object, _: Completion) -> None:
                came.append(one)

            await model.complete(asked, arrived)
            await model.close()

        asyncio.run(go())
    assert came[-1] is asked[3]


def test_servers_side_by_side_share_by_the_beginning_of_prompts() -> None:
    texts = [f"{label} " * 60 + str(n) for label in ("card", "app", "transfer", "fee") for n in range(25)]
    with serving(latency=0.002) as one, serving(latency=0.002) as other:
        urls = (one.url, other.url)
        model = Http.model_validate({"base_urls": urls, "model": MODEL, "concurrency": 4}).open(place())
        assert failed(answers(model, [request(text) for text in texts])) == 0
        seen = [{body["messages"][0]["content"].split()[0] for body in each.mock.bodies} for each in (one, other)]
        assert len(one.mock.bodies) + len(other.mock.bodies) == 100
    assert all(seen)


def test_a_server_that_is_away_from_the_start_is_left_out() -> None:
    said: list[str] = []
    with serving() as server:
        urls = (f"http://127.0.0.1:{free_port()}/v1", server.url)
        model = Http.model_validate({"base_urls": urls, "model": MODEL}).open(place(said=said))
        found = answers(model, requests(40))
        assert server.stats()["requests"] == 40
    assert failed(found) == 0
    assert len(said) == 1
