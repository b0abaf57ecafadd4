"""What goes on beside the requests, seen from outside: in clients with real servers."""

from __future__ import annotations

import asyncio

import pytest

from tests.mock import MODEL
from tests.models.asked import complete, request, requests
from tests.server import Fault, serving
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.health import HealthMonitor
from textsynth.models.openai.load_balancer import LoadBalancer


def replica(url: str, seconds: float) -> Endpoint:
    return Endpoint(url, EndpointConfig((url,), MODEL, timeout_seconds=seconds), in_flight=1, say=print)


async def no_answer(_: RequestGroup) -> list[Completion]:
    await asyncio.sleep(30)
    return [Completion("")]


def test_a_probe_brings_a_server_back() -> None:
    with serving() as one, serving() as other:
        servers = LoadBalancer([replica(each.url, 1.0) for each in (one, other)])

        async def go() -> None:
            flight = ConcurrencyLimiter(lambda: servers.limit, no_answer)
            tending = HealthMonitor(servers, flight, 1.0)
            servers.eject(servers.replicas[0], asyncio.get_running_loop().time())
            tending.start()
            for _ in range(100):
                await asyncio.sleep(0.02)
                if not servers.replicas[0].resting:
                    break
            assert not servers.replicas[0].resting
            await tending.stop()
            for replica in servers.replicas:
                replica.close()
            await asyncio.sleep(0)

        asyncio.run(go())


def test_a_flight_can_be_stopped_from_beside() -> None:
    async def go() -> None:
        flight = ConcurrencyLimiter(lambda: 4, no_answer)

        class Model:
            complete = flight.run

        calls = [asyncio.ensure_future(complete(Model, requests(10))) for _ in range(2)]  # type: ignore[arg-type]
        await asyncio.sleep(0.01)
        flight.abort(ModelError("another model"))
        for call in calls:
            with pytest.raises(ModelError, match="another model"):
                await call
        assert flight.in_flight == 0

    asyncio.run(go())


def test_it_ends_what_hangs_and_leaves_nothing_behind() -> None:
    with serving(faults=[Fault("hang")]) as server:
        servers = LoadBalancer([replica(server.url, 0.2)])

        async def go() -> None:
            tending = HealthMonitor(servers, ConcurrencyLimiter(lambda: 1, no_answer), 0.2)
            assert not tending.started
            tending.start()
            found = await servers.replicas[0].complete(request("hello"))
            assert "no answer within" in getattr(found, "sentence", "")
            await tending.stop()
            servers.replicas[0].close()
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1

        asyncio.run(go())
