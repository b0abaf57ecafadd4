"""A model behind a server of our own: asked over as many lives as it takes, and no answer is asked for twice."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.models.model_calls import answers, complete, requests, runtime
from tests.models.vllm_server.engines import fake_python, is_alive, kill, wait_until
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import Model
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import folder_in, running_servers
from textsynth.models.vllm_server.state import ServerState


def model(folder: Path, said: list[str] | None = None, *, restarts: int = 3, **flags: object) -> Model:
    """Return a model whose server is the fake engine; `flags` are its flags."""
    python = folder / "env" / "bin" / "python"
    options = Vllm.model_validate(
        {
            "model": "small",
            "python": str(python) if python.exists() else fake_python(folder / "env"),
            "flags": {f"fake-{name.replace('_', '-')}": value for name, value in flags.items()},
            "restarts": restarts,
        }
    )
    return options.open(dataclasses.replace(runtime(folder, said), log_folder=folder))


def servers(folder: Path) -> list[ServerState]:
    """Return the servers that run."""
    return list(running_servers(folder_in(folder / "cache")).values())


def with_model(one: Model, do: Callable[[Model], Awaitable[None]]) -> None:
    """Do something with a model and close it."""

    async def go() -> None:
        try:
            await do(one)
        finally:
            await one.close()

    asyncio.run(go())


def test_the_first_request_starts_the_server_and_closing_ends_it(tmp_path: Path) -> None:
    said: list[str] = []
    found = answers(model(tmp_path, said, start=0.5), requests(20))
    assert [one.text for one in found] == [f"said to question {number}." for number in range(20)]
    assert said[0].startswith("vLLM 9.9.0 with small starts")
    assert any("serves small at http://127.0.0.1:" in one for one in said)
    assert "Starting vLLM server" in (tmp_path / "vllm-small.log").read_text()
    wait_until(lambda: not servers(tmp_path))


def test_a_server_that_cannot_start_stops_the_run_with_its_own_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"does not serve small: ValueError: no such model; its log: .*vllm-small.log"):
        answers(model(tmp_path, fault="ValueError: no such model"), requests(3))
    assert servers(tmp_path) == []


def test_a_server_that_dies_in_the_middle_is_waited_for_and_the_rest_is_asked_again(tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    found = answers(model(tmp_path, die_after=30, lives=str(lives), deadly=2, latency=0.02), requests(100))
    assert [one.failure for one in found] == [None] * 100
    assert len(lives.read_text().splitlines()) == 3


def test_a_server_that_dies_each_time_stops_the_run_with_the_reason(tmp_path: Path) -> None:
    arrived: list[str] = []

    async def count(request: ModelRequest, _: Completion) -> None:
        arrived.append(request.key)

    async def ask(one: Model) -> None:
        await one.complete(requests(100), count)

    one = model(tmp_path, restarts=1, die_after=5, lives=str(tmp_path / "lives"), latency=0.02)
    with pytest.raises(
        ModelError, match="does not serve small: it died 2 times and is not started again; last: killed"
    ):
        with_model(one, ask)
    assert len(arrived) == len(set(arrived)) <= 10
    wait_until(lambda: not servers(tmp_path))


def test_a_kill_from_outside_loses_nothing_that_had_arrived(tmp_path: Path) -> None:
    one = model(tmp_path, latency=0.05)

    async def ask(one: Model) -> None:
        asking = asyncio.create_task(complete(one, requests(300)))
        while one.in_flight == 0:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        (state,) = servers(tmp_path)
        kill(state.group, signal.SIGKILL)
        assert len(await asyncio.wait_for(asking, 30)) == 300  # `complete` checks that each came once

    with_model(one, ask)


def test_a_killed_keeper_is_replaced(tmp_path: Path) -> None:
    one = model(tmp_path, latency=0.05)

    async def ask(one: Model) -> None:
        await complete(one, requests(2))
        (state,) = servers(tmp_path)
        kill(state.supervisor, signal.SIGKILL)
        assert len(await asyncio.wait_for(complete(one, requests(50)), 30)) == 50

    with_model(one, ask)
    wait_until(lambda: not servers(tmp_path))


def test_two_runs_share_one_server_and_a_cancelled_one_lets_go(tmp_path: Path) -> None:
    first, second = model(tmp_path, latency=0.05), model(tmp_path, latency=0.05)

    async def ask(one: Model) -> None:
        await asyncio.gather(complete(one, requests(5)), complete(second, requests(5)))
        assert len(servers(tmp_path)) == 1
        cancelled = asyncio.create_task(complete(one, requests(200)))
        await asyncio.sleep(0.2)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await one.close()
        assert len(await complete(second, requests(5))) == 5
        await second.close()

    with_model(first, ask)
    wait_until(lambda: not servers(tmp_path))
    assert is_alive(os.getpid())
