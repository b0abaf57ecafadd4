"""A model behind a managed server: requests are answered across restarts, and no answer is requested twice."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.models.model_calls import answers, complete, requests, runtime
from tests.models.vllm_server.fake_vllm import fake_python, is_alive, kill, wait_until
from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import Model
from textsynth.models.vllm import Vllm
from textsynth.models.vllm_server.lease import running_servers, servers_folder
from textsynth.models.vllm_server.state import ServerState


def open_model(folder: Path, log: list[str] | None = None, *, restarts: int = 3, **flags: object) -> Model:
    """Return a model whose server is the fake engine; `flags` are its `--fake-…` flags."""
    python = folder / "env" / "bin" / "python"
    options = Vllm.model_validate(
        {
            "model": "small",
            "python": str(python) if python.exists() else fake_python(folder / "env"),
            "flags": {f"fake-{name.replace('_', '-')}": value for name, value in flags.items()},
            "restarts": restarts,
        }
    )
    return options.open(dataclasses.replace(runtime(folder, log), log_folder=folder))


def server_states(folder: Path) -> list[ServerState]:
    """Return the states of the running servers."""
    return list(running_servers(servers_folder(folder / "cache")).values())


def run_with_model(model: Model, function: Callable[[Model], Awaitable[None]]) -> None:
    """Call an async function with a model, and close the model."""

    async def call() -> None:
        try:
            await function(model)
        finally:
            await model.close()

    asyncio.run(call())


def test_the_first_request_starts_the_server_and_close_stops_it(tmp_path: Path) -> None:
    log: list[str] = []
    completions = answers(open_model(tmp_path, log, start=0.5), requests(20))
    texts = [completion.text for completion in completions]
    assert texts == [f"answer to question {number}." for number in range(20)]
    assert log[0].startswith("vLLM 9.9.0 with small is starting")
    assert any("serves small at http://127.0.0.1:" in line for line in log)
    assert "Starting vLLM server" in (tmp_path / "vllm-small.log").read_text()
    wait_until(lambda: not server_states(tmp_path))


def test_a_server_that_cannot_start_stops_the_run_with_its_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"does not serve small: ValueError: no such model; its log: .*vllm-small.log"):
        answers(open_model(tmp_path, error="ValueError: no such model"), requests(3))
    assert server_states(tmp_path) == []


def test_after_a_crash_the_requests_without_an_answer_are_sent_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    model = open_model(tmp_path, crash_after=30, starts=str(starts), crashing_starts=2, latency=0.02)
    completions = answers(model, requests(100))
    assert [completion.failure for completion in completions] == [None] * 100
    assert len(starts.read_text().splitlines()) == 3


def test_a_server_that_always_crashes_stops_the_run_with_the_reason(tmp_path: Path) -> None:
    answered: list[str] = []

    async def on_completion(request: ModelRequest, _: Completion) -> None:
        answered.append(request.key)

    async def request_answers(model: Model) -> None:
        await model.complete(requests(100), on_completion)

    model = open_model(tmp_path, restarts=1, crash_after=5, starts=str(tmp_path / "starts"), latency=0.02)
    with pytest.raises(ModelError, match="does not serve small: it crashed 2 times and is not restarted; last: killed"):
        run_with_model(model, request_answers)
    assert len(answered) == len(set(answered)) <= 10
    wait_until(lambda: not server_states(tmp_path))


def test_a_killed_server_loses_no_answer_that_has_arrived(tmp_path: Path) -> None:
    async def kill_while_answering(model: Model) -> None:
        answering = asyncio.create_task(complete(model, requests(300)))
        while not model.in_flight:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        (state,) = server_states(tmp_path)
        kill(state.process_group, signal.SIGKILL)
        assert len(await asyncio.wait_for(answering, 60)) == 300  # `complete` checks that each comes once

    run_with_model(open_model(tmp_path, latency=0.05), kill_while_answering)


def test_a_killed_supervisor_is_replaced(tmp_path: Path) -> None:
    async def kill_between_calls(model: Model) -> None:
        await complete(model, requests(2))
        (state,) = server_states(tmp_path)
        kill(state.supervisor_pid, signal.SIGKILL)
        assert len(await asyncio.wait_for(complete(model, requests(50)), 60)) == 50

    run_with_model(open_model(tmp_path, latency=0.05), kill_between_calls)
    wait_until(lambda: not server_states(tmp_path))


def test_two_runs_share_a_server_and_a_cancelled_run_releases_it(tmp_path: Path) -> None:
    second = open_model(tmp_path, latency=0.05)

    async def share(first: Model) -> None:
        await asyncio.gather(complete(first, requests(5)), complete(second, requests(5)))
        assert len(server_states(tmp_path)) == 1
        cancelled = asyncio.create_task(complete(first, requests(200)))
        await asyncio.sleep(0.2)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await first.close()
        assert len(await complete(second, requests(5))) == 5
        await second.close()

    run_with_model(open_model(tmp_path, latency=0.05), share)
    wait_until(lambda: not server_states(tmp_path))
    assert is_alive(os.getpid())
