"""Waiting: a word now and then, and an end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.models.vllm_server.engines import fake_plan, wait_until
from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.lease import acquire, running_servers
from textsynth.models.vllm_server.readiness import ReadinessMonitor, progress_line, wait_until_ready
from textsynth.models.vllm_server.state import ServerState


def test_a_wait_says_that_it_waits_and_that_it_is_over(tmp_path: Path) -> None:
    said: list[str] = []
    held = acquire(tmp_path / "serve", fake_plan(tmp_path, "--fake-start", "0.5"))
    state = wait_until_ready(held, said.append, seconds=20)
    assert said[0].startswith("vLLM 9.9.0 with small starts (0 s)")
    assert said[-1].startswith(f"vLLM 9.9.0 serves small at {state.url} after ")
    said.clear()
    assert wait_until_ready(held, said.append, seconds=20) == state
    assert said == []  # nothing was waited for
    held.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))
    with pytest.raises(ModelError, match="was ended while it started"):
        wait_until_ready(held, said.append, seconds=20)


def test_a_wait_in_vain_ends_with_the_reason() -> None:
    waiting = ReadinessMonitor([].append, seconds=0.05)
    with pytest.raises(ModelError, match=r"does not serve small: no memory; its log: /log"):
        waiting.check(ServerState("failed", name="small", message="no memory", log="/log"))
    time.sleep(0.1)
    with pytest.raises(ModelError, match="was not ready for small"):
        waiting.check(ServerState("starting", name="small"))


def test_progress_in_one_line() -> None:
    assert progress_line(ServerState("restarting", name="small", version="1", message="loading the model"), 12.4) == (
        "vLLM 1 with small starts again after it died (12 s): loading the model"
    )
