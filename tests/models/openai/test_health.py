"""The background work of a client, with real servers."""

from __future__ import annotations

import asyncio

import pytest

from tests.mock import MODEL
from tests.models.model_calls import complete, request, requests
from tests.server import Fault, serving
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.health import HealthMonitor
from textsynth.models.openai.load_balancer import LoadBalancer
from textsynth.models.openai.retry import TransientError


def endpoint_of(url: str, timeout_seconds: float) -> Endpoint:
    config = EndpointConfig((url,), MODEL, timeout_seconds=timeout_seconds)
    return Endpoint(url, config, concurrency=1, log=print)


async def never_answer(_: RequestGroup) -> list[Completion]:
    await asyncio.sleep(30)
    return [Completion("")]


def test_a_check_readmits_an_ejected_server() -> None:
    with serving() as first, serving() as second:

        async def go() -> None:
            balancer = LoadBalancer([endpoint_of(server.url, 1.0) for server in (first, second)])
            limiter = ConcurrencyLimiter(lambda: balancer.limit, never_answer)
            monitor = HealthMonitor(balancer, limiter, 1.0)
            balancer.eject(balancer.endpoints[0], asyncio.get_running_loop().time())
            monitor.start()
            for _ in range(3_000):
                await asyncio.sleep(0.02)
                if not balancer.endpoints[0].ejected:
                    break
            assert not balancer.endpoints[0].ejected
            await monitor.stop()
            for endpoint in balancer.endpoints:
                endpoint.close()
            await asyncio.sleep(0)

        asyncio.run(go())


def test_all_calls_can_be_aborted() -> None:
    async def go() -> None:
        limiter = ConcurrencyLimiter(lambda: 4, never_answer)

        class Model:
            complete = limiter.run

        calls = [asyncio.ensure_future(complete(Model, requests(10))) for _ in range(2)]  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        limiter.abort(ModelError("another model"))
        for call in calls:
            with pytest.raises(ModelError, match="another model"):
                await call
        assert limiter.in_flight == 0

    asyncio.run(go())


def test_an_overdue_request_is_cancelled_and_no_task_is_left_behind() -> None:
    with serving(faults=[Fault("hang")]) as server:

        async def go() -> None:
            balancer = LoadBalancer([endpoint_of(server.url, 0.2)])
            monitor = HealthMonitor(balancer, ConcurrencyLimiter(lambda: 1, never_answer), 0.2)
            assert not monitor.is_running
            monitor.start()
            assert monitor.is_running
            result = await balancer.endpoints[0].complete(request("hello"))
            assert isinstance(result, TransientError)
            assert "no answer within" in result.message
            await monitor.stop()
            balancer.endpoints[0].close()
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(go())
