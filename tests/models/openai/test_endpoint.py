"""One server: looks at what it serves, at its metrics, and what it does when its connection breaks."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence

import pytest

from tests.mock import WHOLE
from tests.models.asked import request
from tests.models.raw import END, raw, whole
from textsynth.core.errors import ModelError
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint, ModelInfo, parse_model_list
from textsynth.models.openai.retry import TransientError

METRICS = b"vllm:num_requests_running 64\nvllm:num_requests_waiting 0\n"


def listing(root: str, name: str = "m") -> bytes:
    return whole(json.dumps({"data": [{"id": name, "root": root, "max_model_len": 2048}]}).encode())


class Engine:
    """Answers by path; `lists` is what /v1/models says, `answer` what everything posted gets."""

    def __init__(self) -> None:
        self.lists: list[object] = [listing("org/a")]
        self.answer: list[object] = [whole(WHOLE)]
        self.metrics: list[object] = [whole(METRICS)]
        self.looks = self.polls = 0

    def __call__(self, asked: bytes) -> Sequence[object]:
        if asked.startswith(b"GET /v1/models"):
            self.looks += 1
            return self.lists
        if asked.startswith(b"GET /metrics"):
            self.polls += 1
            return self.metrics
        return self.answer


def with_replica(engine: Engine, work: Callable[[Endpoint], object], seconds: float = 5.0) -> None:
    async def go() -> None:
        async with raw(engine) as server:
            replica = Endpoint(
                server.url, EndpointConfig((server.url,), "m", timeout_seconds=seconds), in_flight=None, say=print
            )
            try:
                await work(replica)  # type: ignore[misc]
            finally:
                replica.close()
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(go(), 20))


def test_one_look_serves_all_first_requests() -> None:
    engine = Engine()

    async def work(replica: Endpoint) -> None:
        found = await asyncio.gather(*(replica.complete(request("hello")) for _ in range(10)))
        assert [[one.text for one in some if one] for some in found if isinstance(some, list)] == [["text"]] * 10
        assert replica.listed is not None
        assert (replica.listed.root, replica.listed.context) == ("org/a", 2048)

    with_replica(engine, work)
    assert engine.looks == 1


def test_another_model_under_the_same_name_stops_after_the_connection_broke() -> None:
    engine = Engine()

    async def work(replica: Endpoint) -> None:
        await replica.complete(request("hello"))
        engine.lists, engine.answer = [listing("org/b")], [END]
        found = await replica.complete(request("hello"))
        assert isinstance(found, TransientError)
        assert (found.kind, found.server_responded) == ("broken", False)
        with pytest.raises(ModelError, match=r"now serves another model as 'm': 'org/b', before 'org/a'; .*would mix"):
            await replica.complete(request("hello"))

    with_replica(engine, work)


@pytest.mark.parametrize("lists", [[whole(b"none", 404)], [whole(b"<html>")], [listing("org/a", name="other")]])
def test_a_server_that_lists_nothing_useful_is_asked_all_the_same(lists: list[object]) -> None:
    engine = Engine()
    engine.lists = lists

    async def work(replica: Endpoint) -> None:
        for _ in range(3):
            found = await replica.complete(request("hello"))
            assert isinstance(found, list)

    with_replica(engine, work)
    assert engine.looks == 1


def test_other_models_beside_it_are_an_error() -> None:
    engine = Engine()

    async def work(replica: Endpoint) -> None:
        other = Endpoint("http://127.0.0.1:9/v1", EndpointConfig((), "m"), in_flight=None, say=print)
        await replica.check_health()
        other.listed, other.beside = replica.listed, [replica]
        replica.beside, replica.listed = [other], None
        engine.lists = [listing("org/b")]
        with pytest.raises(ModelError, match=r"base_urls: .*:9/v1 serves 'org/a' as 'm', but .* serves 'org/b'"):
            await replica.check_health()

    with_replica(engine, work)


def test_a_server_without_metrics_is_asked_once() -> None:
    engine = Engine()
    engine.metrics = [whole(b"not here", 404)]

    async def work(replica: Endpoint) -> None:
        assert replica.polls
        await replica.poll_metrics(0.0, pressed=True)
        assert not replica.polls

    with_replica(engine, work)


def test_metrics_set_the_pace_and_a_poll_that_fails_is_nothing() -> None:
    engine = Engine()

    async def work(replica: Endpoint) -> None:
        replica.in_flight = 64
        await replica.poll_metrics(0.0, pressed=True)
        assert replica.pace.limit == 96
        engine.metrics = [END]
        await replica.poll_metrics(1.0, pressed=True)
        assert replica.polls

    with_replica(engine, work)


def test_a_try_that_takes_too_long_is_told_apart_from_a_cancelled_one() -> None:
    engine = Engine()
    engine.answer = [30.0]

    async def work(replica: Endpoint) -> None:
        asking = asyncio.ensure_future(replica.complete(request("hello")))
        other = asyncio.ensure_future(replica.complete(request("hello")))
        await asyncio.sleep(0.2)
        other.cancel()
        replica.waits.cancel_overdue(asyncio.get_running_loop().time())
        found = await asking
        assert isinstance(found, TransientError)
        assert (found.kind, found.sentence) == ("down", "no answer within timeout_seconds 0.1")
        with pytest.raises(asyncio.CancelledError):
            await other

    with_replica(engine, work, seconds=0.1)


def listed(**more: object) -> ModelInfo:
    found = parse_model_list(json.dumps({"data": [{"id": "m", **more}]}).encode())
    assert found is not None
    return found["m"]


def test_a_listing_is_read_by_name() -> None:
    assert listed(root="org/model", max_model_len=2048, revision="abc") == ModelInfo("org/model", "abc", None, 2048)
    assert listed() == ModelInfo()


@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b'{"data": {}}', b'{"object": "list"}'])
def test_what_is_no_listing_is_none(page: bytes) -> None:
    assert parse_model_list(page) is None


def test_odd_values_tell_nothing() -> None:
    assert listed(root=7, revision="", created="x", max_model_len=-1) == ModelInfo()
    assert listed(max_model_len=True, created=True) == ModelInfo()


def test_the_date_counts_only_where_it_does_not_follow_the_clock() -> None:
    assert listed(created=int(time.time())).created is None
    assert listed(created=1_700_000_000).created == 1_700_000_000


def test_only_what_both_tell_can_differ() -> None:
    plain, other = ModelInfo("org/a"), ModelInfo("org/b")
    assert plain.difference(other)
    assert not plain.difference(ModelInfo("org/a", context=1))
    assert not plain.difference(ModelInfo())
    assert ModelInfo("a", "1").difference(ModelInfo("a", "2"))
    assert ModelInfo(created=1).difference(ModelInfo(created=2))
    assert ModelInfo("a", "1", 5).as_dict() == "'a', revision '1', created 5"
    assert ModelInfo().as_dict() == "nothing but the name"
