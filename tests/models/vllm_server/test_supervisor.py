"""The supervisor: waits for a slow start, reports why a start failed, restarts a crashed server, and gives up."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.models.vllm_server.fake_vllm import fake_plan, is_alive, kill, wait_for_state, wait_until, wait_until_stage
from textsynth.models.vllm_server.lease import acquire, running_servers
from textsynth.models.vllm_server.state import ServerPlan, ServerState


def failed_state(folder: Path, plan: ServerPlan) -> ServerState:
    """Return the last state of a server that fails by itself."""
    lease = acquire(folder / "serve", plan)
    try:
        return wait_until_stage(lease, "failed")
    finally:
        lease.release()
        wait_until(lambda: not running_servers(folder / "serve"))


def test_a_slow_start_is_awaited_and_its_stage_is_reported(tmp_path: Path) -> None:
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path, "--fake-start", "1.5"))
    assert wait_for_state(lease, lambda state: state.message != "").message == "loading the model"
    assert wait_until_stage(lease, "ready").ready_count == 1
    lease.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_start_that_exceeds_its_time_limit_fails(tmp_path: Path) -> None:
    state = failed_state(tmp_path, fake_plan(tmp_path, "--fake-start", "60", start_timeout_seconds=1.0))
    assert state.message == "it was not ready after 1 s"
    assert not is_alive(state.process_group)


def test_a_failed_start_is_reported_with_the_root_cause_in_the_log(tmp_path: Path) -> None:
    state = failed_state(tmp_path, fake_plan(tmp_path, "--fake-error", "torch.OutOfMemoryError: CUDA out of memory."))
    assert state.message == "OutOfMemoryError: CUDA out of memory."
    assert state.crash_count == 0


def test_an_invalid_flag_is_reported_with_the_error_of_the_server(tmp_path: Path) -> None:
    state = failed_state(tmp_path, fake_plan(tmp_path, "--max-modell-len", "9"))
    assert state.message == "unrecognized arguments: --max-modell-len 9"


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path))
    port = wait_until_stage(lease, "ready").port
    second_lease = acquire(tmp_path / "serve", fake_plan(tmp_path, "--max-model-len", "7", port=port))
    # The first server passes the health check on this port, but must not be taken for the second one.
    state = wait_for_state(second_lease, lambda state: state.stage in ("ready", "failed"))
    assert state.message == f"the port {port} is taken"
    second_lease.release()
    lease.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_killed_server_is_restarted_with_the_same_address_and_key(tmp_path: Path) -> None:
    child_file = tmp_path / "child"
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path, "--fake-child", str(child_file)))
    first = wait_until_stage(lease, "ready")
    child, api_key = int(child_file.read_text()), lease.api_key
    kill(first.process_group, signal.SIGKILL)
    wait_until(lambda: not is_alive(child))  # the children of a killed server are killed before the restart
    second = wait_for_state(lease, lambda state: state.ready_count == 2 and state.stage == "ready")
    assert (second.port, lease.api_key, second.crash_count) == (first.port, api_key, 1)
    assert second.process_group != first.process_group
    lease.release()
    wait_until(lambda: not is_alive(second.process_group))


def test_a_server_that_crashes_repeatedly_fails_with_the_reason(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    error = "RuntimeError: the card fell off the bus"
    plan = fake_plan(tmp_path, "--fake-starts", str(starts), "--fake-error", error, max_restarts=2)
    lease = acquire(tmp_path / "serve", plan)
    kill(wait_until_stage(lease, "ready").process_group, signal.SIGKILL)
    state = wait_until_stage(lease, "failed")
    assert state.message == f"it crashed 3 times and is not restarted; last: {error}"
    assert len(starts.read_text().splitlines()) == 3
    lease.release()


def test_a_terminated_supervisor_stops_its_server(tmp_path: Path) -> None:
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path), keep_running=True)
    state = wait_until_stage(lease, "ready")
    kill(state.supervisor_pid, signal.SIGINT)  # ignored, so that a Ctrl-C in a terminal does not stop the server
    time.sleep(0.5)
    assert lease.state() == state
    kill(state.supervisor_pid, signal.SIGTERM)
    wait_until_stage(lease, "stopped")
    assert not is_alive(state.process_group)
    lease.release()
