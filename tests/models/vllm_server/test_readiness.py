from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.models.vllm_server.fake_vllm import fake_plan, wait_until
from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.lease import acquire, running_servers
from textsynth.models.vllm_server.readiness import ReadinessMonitor, progress_line, wait_until_ready
from textsynth.models.vllm_server.state import ServerState


def test_the_start_and_the_end_of_a_wait_are_logged(tmp_path: Path) -> None:
    log: list[str] = []
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path, "--fake-start", "0.5"))
    state = wait_until_ready(lease, log.append, timeout=60)
    assert log[0].startswith("vLLM 9.9.0 with small is starting (0 s)")
    assert log[-1].startswith(f"vLLM 9.9.0 serves small at {state.url} after ")
    log.clear()
    assert wait_until_ready(lease, log.append, timeout=60) == state
    assert log == []  # there was no wait
    lease.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))
    with pytest.raises(ModelError, match="was stopped while it started"):
        wait_until_ready(lease, log.append, timeout=60)


def test_a_wait_that_cannot_succeed_ends_with_the_reason() -> None:
    monitor = ReadinessMonitor([].append, timeout=0.05)
    with pytest.raises(ModelError, match=r"does not serve small: no memory; its log: /log"):
        monitor.check(ServerState("failed", name="small", message="no memory", log="/log"))
    time.sleep(0.1)
    with pytest.raises(ModelError, match="was not ready for small"):
        monitor.check(ServerState("starting", name="small"))


def test_the_progress_is_described_in_one_line() -> None:
    state = ServerState("restarting", name="small", version="1", message="loading the model")
    assert progress_line(state, 12.4) == "vLLM 1 with small is restarting after a crash (12 s): loading the model"
