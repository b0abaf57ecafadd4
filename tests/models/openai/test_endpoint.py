"""One server: the check of its model, its metrics, and what happens when its connection breaks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence

import pytest

from tests.mock import CLOSE, COMPLETE_BODY
from tests.models.model_calls import request
from tests.models.raw_server import raw_server, response
from textsynth.core.errors import ModelError
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint, ModelInfo, parse_model_list
from textsynth.models.openai.retry import TransientError

METRICS = b"vllm:num_requests_running 64\nvllm:num_requests_waiting 0\n"


def model_list(root: str, name: str = "m") -> bytes:
    return response(json.dumps({"data": [{"id": name, "root": root, "max_model_len": 2048}]}).encode())


class Engine:
    """Responds by path: `models` to /v1/models, `metrics` to /metrics, `completion` to everything else."""

    def __init__(self) -> None:
        self.models: list[object] = [model_list("org/a")]
        self.metrics: list[object] = [response(METRICS)]
        self.completion: list[object] = [response(COMPLETE_BODY)]
        self.model_list_requests = 0

    def __call__(self, received: bytes) -> Sequence[object]:
        if received.startswith(b"GET /v1/models"):
            self.model_list_requests += 1
            return self.models
        return self.metrics if received.startswith(b"GET /metrics") else self.completion


def with_endpoint(
    engine: Engine,
    work: Callable[[Endpoint], Awaitable[object]],
    timeout_seconds: float = 5.0,
    log: Callable[[str], None] = print,
) -> None:
    async def go() -> None:
        async with raw_server(engine) as server:
            config = EndpointConfig((server.url,), "m", timeout_seconds=timeout_seconds)
            endpoint = Endpoint(server.url, config, concurrency=None, log=log)
            try:
                await work(endpoint)
            finally:
                endpoint.close()
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(go(), 60))


def test_all_first_requests_share_one_check_of_the_model() -> None:
    engine = Engine()

    async def work(endpoint: Endpoint) -> None:
        results = await asyncio.gather(*(endpoint.complete(request("hello")) for _ in range(10)))
        texts = [[each.text for each in result if each] for result in results if isinstance(result, list)]
        assert texts == [["text"]] * 10
        assert endpoint.model_info is not None
        assert (endpoint.model_info.root, endpoint.model_info.context) == ("org/a", 2048)

    with_endpoint(engine, work)
    assert engine.model_list_requests == 1


@pytest.mark.parametrize("status", [200, 201, 202, 203])
def test_every_status_of_success_is_an_answer_if_it_has_one(status: int) -> None:
    engine = Engine()
    engine.completion = [response(COMPLETE_BODY, status)]

    async def work(endpoint: Endpoint) -> None:
        result = await endpoint.complete(request("hello"))
        assert isinstance(result, list)
        assert [completion.text for completion in result if completion] == ["text"]

    with_endpoint(engine, work)


def test_a_success_without_a_body_is_a_malformed_response_and_no_rejection() -> None:
    engine = Engine()
    engine.completion = [b"HTTP/1.1 204 No Content\r\n\r\n"]

    async def work(endpoint: Endpoint) -> None:
        result = await endpoint.complete(request("hello"))
        assert isinstance(result, TransientError)
        assert (result.kind, result.message) == ("broken", "the response has an empty body")
        assert result.cure

    with_endpoint(engine, work)


def test_another_model_under_the_same_name_stops_the_run_after_a_broken_connection() -> None:
    engine = Engine()

    async def work(endpoint: Endpoint) -> None:
        await endpoint.complete(request("hello"))
        engine.models, engine.completion = [model_list("org/b")], [CLOSE]
        result = await endpoint.complete(request("hello"))
        assert isinstance(result, TransientError)
        assert (result.kind, result.server_responded) == ("broken", False)
        with pytest.raises(ModelError, match=r"now serves another model as 'm': 'org/b', before 'org/a'; .*would mix"):
            await endpoint.complete(request("hello"))

    with_endpoint(engine, work)


@pytest.mark.parametrize(
    "models", [[response(b"none", 404)], [response(b"<html>")], [model_list("org/a", name="other")]]
)
def test_a_server_without_a_useful_model_list_gets_requests_all_the_same(models: list[object]) -> None:
    engine = Engine()
    engine.models = models

    async def work(endpoint: Endpoint) -> None:
        for _ in range(3):
            assert isinstance(await endpoint.complete(request("hello")), list)

    with_endpoint(engine, work)
    assert engine.model_list_requests == 1


def test_a_peer_with_another_model_is_an_error() -> None:
    engine = Engine()

    async def work(endpoint: Endpoint) -> None:
        peer = Endpoint("http://127.0.0.1:9/v1", EndpointConfig((), "m"), concurrency=None, log=print)
        await endpoint.check_model()
        peer.model_info, peer.peers = endpoint.model_info, [endpoint]
        endpoint.peers, endpoint.model_info = [peer], None
        engine.models = [model_list("org/b")]
        with pytest.raises(ModelError, match=r"base_urls: .*:9/v1 serves 'org/a' as 'm', but .* serves 'org/b'"):
            await endpoint.check_model()

    with_endpoint(engine, work)


def test_a_server_without_metrics_is_polled_once() -> None:
    engine = Engine()
    engine.metrics = [response(b"not here", 404)]

    async def work(endpoint: Endpoint) -> None:
        assert endpoint.has_metrics
        await endpoint.poll_metrics(0.0, saturated=True)
        assert not endpoint.has_metrics

    with_endpoint(engine, work)


def test_metrics_adapt_the_concurrency_and_a_failed_poll_changes_nothing() -> None:
    engine = Engine()

    async def work(endpoint: Endpoint) -> None:
        endpoint.in_flight = 64
        await endpoint.poll_metrics(0.0, saturated=True)
        assert endpoint.concurrency.limit == 96
        engine.metrics = [CLOSE]
        await endpoint.poll_metrics(1.0, saturated=True)
        assert endpoint.has_metrics
        assert endpoint.concurrency.limit == 96

    with_endpoint(engine, work)


def test_a_timeout_is_told_apart_from_a_cancellation() -> None:
    engine = Engine()
    engine.completion = [30.0]

    async def work(endpoint: Endpoint) -> None:
        overdue = asyncio.ensure_future(endpoint.complete(request("hello")))
        cancelled = asyncio.ensure_future(endpoint.complete(request("hello")))
        await asyncio.sleep(0.2)
        cancelled.cancel()
        endpoint.timeouts.cancel_overdue(asyncio.get_running_loop().time())
        result = await overdue
        assert isinstance(result, TransientError)
        assert (result.kind, result.message) == ("unavailable", "no answer within timeout_seconds 0.1")
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    with_endpoint(engine, work, timeout_seconds=0.1)


def info_of(**row: object) -> ModelInfo:
    models = parse_model_list(json.dumps({"data": [{"id": "m", **row}]}).encode())
    assert models is not None
    return models["m"]


def test_a_model_list_is_read_by_name() -> None:
    assert info_of(root="org/model", max_model_len=2048, revision="abc") == ModelInfo("org/model", "abc", None, 2048)
    assert info_of() == ModelInfo()


@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"object": "list"}'])
def test_a_page_that_is_not_a_model_list_is_none(page: bytes) -> None:
    assert parse_model_list(page) is None


def test_values_of_the_wrong_type_are_ignored() -> None:
    assert info_of(root=7, revision="", created="x", max_model_len=-1) == ModelInfo()
    assert info_of(max_model_len=True, created=True) == ModelInfo()


def test_a_date_that_is_the_current_time_is_ignored() -> None:
    assert info_of(created=int(time.time())).created is None
    assert info_of(created=1_700_000_000).created == 1_700_000_000


def test_models_conflict_only_in_values_that_both_have() -> None:
    first, second = ModelInfo("org/a"), ModelInfo("org/b")
    assert first.conflicts_with(second)
    assert not first.conflicts_with(ModelInfo("org/a", context=1))
    assert not first.conflicts_with(ModelInfo())
    assert ModelInfo("a", "1").conflicts_with(ModelInfo("a", "2"))
    assert ModelInfo(created=1).conflicts_with(ModelInfo(created=2))
    assert ModelInfo("a", "1", 5).describe() == "'a', revision '1', created 5"
    assert ModelInfo().describe() == "a model without root, revision and date"


def test_another_model_in_the_answers_is_logged_once() -> None:
    engine, log = Engine(), list[str]()
    body = json.loads(COMPLETE_BODY)
    engine.completion = [response(json.dumps({**body, "model": "phi-4"}).encode())]

    async def work(endpoint: Endpoint) -> None:
        for number in range(3):
            await endpoint.complete(request(str(number)))
        engine.completion = [response(COMPLETE_BODY)]
        await endpoint.check_model()
        await endpoint.complete(request("again"))

    with_endpoint(engine, work, log=log.append)
    (line,) = [line for line in log if "phi-4" in line]
    assert "asked for the model 'm' and states that 'phi-4' answers" in line


def test_the_model_in_the_answers_is_read_again_after_a_broken_connection() -> None:
    engine, log = Engine(), list[str]()

    def named(name: str, *more: object) -> list[object]:
        return [response(json.dumps({**json.loads(COMPLETE_BODY), "model": name}).encode()), *more]

    async def work(endpoint: Endpoint) -> None:
        engine.completion = named("m")
        await endpoint.complete(request("first"))
        engine.completion = [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", CLOSE]
        await endpoint.complete(request("second"))
        engine.completion = named("phi-4")
        await endpoint.complete(request("third"))

    with_endpoint(engine, work, log=log.append)
    assert sum("'phi-4' answers" in line for line in log) == 1
