"""Shared use of a server: it is started once, runs while a lease is held, and stops with its last user."""

from __future__ import annotations

import platform
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.models.vllm_server.fake_vllm import ROOT, fake_plan, is_alive, kill, wait_until, wait_until_stage
from textsynth.models.vllm_server.lease import acquire, running_servers, servers_folder, stop_server
from textsynth.models.vllm_server.process import is_healthy


def test_a_server_is_started_once_shared_and_stopped_with_its_last_user(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path)
    first = acquire(tmp_path / "serve", plan)
    second = acquire(tmp_path / "serve", plan)
    assert (first.started, second.started) == (True, False)
    state = wait_until_stage(first, "ready")
    assert second.state() == state
    assert is_healthy(state.port)
    first.release()
    time.sleep(0.6)
    assert second.state().stage == "ready"
    second.release()
    wait_until_stage(second, "stopped")
    assert not is_alive(state.process_group)
    assert running_servers(tmp_path / "serve") == {}


def test_different_flags_use_different_servers(tmp_path: Path) -> None:
    first = acquire(tmp_path / "serve", fake_plan(tmp_path))
    second = acquire(tmp_path / "serve", fake_plan(tmp_path, "--max-model-len", "100"))
    assert first.folder != second.folder
    assert len({wait_until_stage(lease, "ready").port for lease in (first, second)}) == 2
    first.release()
    second.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_machines_that_share_a_cache_folder_do_not_share_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = set()
    for node in ("node-1", "node-2", ""):
        monkeypatch.setattr(platform, "node", lambda node=node: node)
        folders.add(servers_folder(tmp_path))
    assert folders == {tmp_path / "serve" / name for name in ("node-1", "node-2", "localhost")}


def test_a_server_with_keep_running_runs_until_it_is_stopped(tmp_path: Path) -> None:
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path), keep_running=True)
    state = wait_until_stage(lease, "ready")
    lease.release()
    time.sleep(0.8)
    assert list(running_servers(tmp_path / "serve").values()) == [state]
    assert stop_server(lease.folder)
    wait_until(lambda: not is_alive(state.process_group) and not is_alive(state.supervisor_pid))


def test_a_server_stops_when_its_only_user_is_killed(tmp_path: Path) -> None:
    fake_plan(tmp_path)
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from tests.models.vllm_server.fake_vllm import fake_plan, wait_until_stage\n"
        "from textsynth.models.vllm_server.lease import acquire\nfolder = Path(sys.argv[1])\n"
        "lease = acquire(folder / 'serve', fake_plan(folder))\n"
        "print(wait_until_stage(lease, 'ready').process_group, lease.folder, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as user:
        assert user.stdout is not None
        process_group, _, folder = user.stdout.readline().partition(" ")
        assert is_alive(int(process_group))
        user.kill()
    wait_until(lambda: not is_alive(int(process_group)))
    wait_until(lambda: "stopped" in (Path(folder.strip()) / "state.json").read_text())


def test_a_server_whose_supervisor_is_killed_stops_and_the_next_user_starts_it_at_the_same_address(
    tmp_path: Path,
) -> None:
    plan = fake_plan(tmp_path)
    lease = acquire(tmp_path / "serve", plan)
    state = wait_until_stage(lease, "ready")
    kill(state.supervisor_pid, signal.SIGKILL)
    wait_until_stage(lease, "lost")
    next_lease = acquire(tmp_path / "serve", plan)
    assert next_lease.started
    assert not is_alive(state.process_group)
    next_state = wait_until_stage(next_lease, "ready")
    assert (next_state.port, next_lease.api_key) == (state.port, lease.api_key)
    next_lease.release()
    lease.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_an_orphaned_server_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path, "--fake-ignore-sigterm")
    lease = acquire(tmp_path / "serve", plan)
    state = wait_until_stage(lease, "ready")
    kill(state.supervisor_pid, signal.SIGKILL)
    lease.release()
    kill(state.process_group, signal.SIGSTOP)  # it cannot react to anything but SIGKILL
    next_lease = acquire(tmp_path / "serve", plan)
    assert not is_alive(state.process_group)
    next_lease.release()
    kill(next_lease.state().supervisor_pid, signal.SIGKILL)
    wait_until_stage(next_lease, "lost")
    kill(next_lease.state().process_group, signal.SIGKILL)


def test_only_the_owner_can_read_the_api_key_and_no_command_or_file_shows_it(tmp_path: Path) -> None:
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path))
    state = wait_until_stage(lease, "ready")
    assert len(lease.api_key) >= 24
    for name in ("key", "state.json", "plan.json"):
        assert stat.S_IMODE((lease.folder / name).stat().st_mode) == 0o600, name
    assert lease.api_key not in repr(lease)
    for pid in (state.process_group, state.supervisor_pid):
        assert lease.api_key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "key":
            assert lease.api_key.encode() not in path.read_bytes(), path
    lease.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_failure_is_reported_to_every_lease_and_the_next_user_may_start_again(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path, "--fake-error", "ValueError: no memory for it")
    lease = acquire(tmp_path / "serve", plan)
    state = wait_until_stage(lease, "failed")
    assert state.message == "ValueError: no memory for it"
    assert acquire(tmp_path / "serve", plan).started
    lease.release()


@pytest.mark.parametrize("keep_running", [True, False])
def test_a_lease_may_be_released_twice(tmp_path: Path, keep_running: bool) -> None:
    lease = acquire(tmp_path / "serve", fake_plan(tmp_path), keep_running=keep_running)
    lease.release()
    lease.release()
    assert stop_server(lease.folder)
