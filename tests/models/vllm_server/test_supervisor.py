"""The keeper: waits for a slow start, tells why a start failed, restarts what dies, and gives up after some deaths."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.models.vllm_server.engines import fake_plan, is_alive, kill, wait_for, wait_until
from textsynth.models.vllm_server.lease import acquire, running_servers
from textsynth.models.vllm_server.state import ServerPlan, ServerState


def kept_through(folder: Path, plan: ServerPlan) -> ServerState:
    """Return how a server ends that fails by itself."""
    held = acquire(folder / "serve", plan)
    try:
        return wait_for(held, lambda one: one.stage == "failed")
    finally:
        held.release()
        wait_until(lambda: not running_servers(folder / "serve"))


def test_a_slow_start_is_waited_for_and_says_how_far_it_is(tmp_path: Path) -> None:
    held = acquire(tmp_path / "serve", fake_plan(tmp_path, "--fake-start", "1.5"))
    assert wait_for(held, lambda one: one.message != "").message == "loading the model"
    assert wait_for(held, lambda one: one.stage == "ready").ready_count == 1
    held.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_start_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    state = kept_through(tmp_path, fake_plan(tmp_path, "--fake-start", "60", start_seconds=1.0))
    assert state.message == "it was not ready after 1 s"
    assert not is_alive(state.process_group)


def test_a_start_that_fails_is_told_by_its_last_sensible_line(tmp_path: Path) -> None:
    state = kept_through(tmp_path, fake_plan(tmp_path, "--fake-fault", "torch.OutOfMemoryError: CUDA out of memory."))
    assert state.message == "OutOfMemoryError: CUDA out of memory."
    assert state.crash_count == 0


def test_a_wrong_flag_gives_the_servers_own_sentence(tmp_path: Path) -> None:
    assert kept_through(tmp_path, fake_plan(tmp_path, "--max-modell-len", "9")).message == (
        "unrecognized arguments: --max-modell-len 9"
    )


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    held = acquire(tmp_path / "serve", fake_plan(tmp_path))
    port = wait_for(held, lambda one: one.stage == "ready").port
    plan = fake_plan(tmp_path, "--max-model-len", "7", port=port)
    other = acquire(tmp_path / "serve", plan)
    # the server that has the port says that it is well: it must not be taken for this one
    assert wait_for(other, lambda one: one.stage in ("ready", "failed")).message == (f"the port {port} is taken")
    other.release()
    held.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_server_that_is_killed_starts_again_with_the_same_address_and_key(tmp_path: Path) -> None:
    child = tmp_path / "child"
    held = acquire(tmp_path / "serve", fake_plan(tmp_path, "--fake-child", str(child)))
    first = wait_for(held, lambda one: one.stage == "ready")
    behind, key = int(child.read_text()), held.api_key
    kill(first.process_group, signal.SIGKILL)
    wait_until(lambda: not is_alive(behind))  # what stands behind a killed server is ended before the next one starts
    second = wait_for(held, lambda one: one.ready_count == 2 and one.stage == "ready")
    assert (second.port, held.api_key, second.crash_count) == (first.port, key, 1)
    assert second.process_group != first.process_group
    held.release()
    wait_until(lambda: not is_alive(second.process_group))


def test_a_server_that_dies_again_and_again_is_given_up_with_the_reason(tmp_path: Path) -> None:
    lives = tmp_path / "lives"
    plan = fake_plan(
        tmp_path, "--fake-lives", str(lives), "--fake-fault", "RuntimeError: the card fell off the bus", restarts=2
    )
    held = acquire(tmp_path / "serve", plan)
    kill(wait_for(held, lambda one: one.stage == "ready").process_group, signal.SIGKILL)
    state = wait_for(held, lambda one: one.stage == "failed")
    assert state.message == ("it died 3 times and is not started again; last: RuntimeError: the card fell off the bus")
    assert len(lives.read_text().splitlines()) == 3
    held.release()


def test_a_keeper_that_is_told_to_end_takes_its_server_with_it(tmp_path: Path) -> None:
    held = acquire(tmp_path / "serve", fake_plan(tmp_path), keep_running=True)
    state = wait_for(held, lambda one: one.stage == "ready")
    kill(state.supervisor_pid, signal.SIGINT)  # a Ctrl-C is nothing to it
    time.sleep(0.5)
    assert held.state() == state
    kill(state.supervisor_pid, signal.SIGTERM)
    wait_for(held, lambda one: one.stage == "stopped")
    assert not is_alive(state.process_group)
    held.release()
