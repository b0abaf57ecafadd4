"""One server for all who want the same: started once, held, ended with its last user, however that one ends."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.models.vllm_server.engines import ROOT, fake_plan, is_alive, kill, wait_for, wait_until
from textsynth.models.vllm_server.lease import acquire, running_servers, stop_server
from textsynth.models.vllm_server.process import is_healthy


def test_a_server_starts_is_shared_and_ends_with_its_last_user(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path)
    first = acquire(tmp_path / "serve", plan)
    second = acquire(tmp_path / "serve", plan)
    assert (first.started, second.started) == (True, False)
    state = wait_for(first, lambda one: one.stage == "ready")
    assert second.state() == state
    assert is_healthy(state.port)
    first.release()
    time.sleep(0.6)
    assert second.state().stage == "ready"
    second.release()
    wait_until(lambda: second.state().stage == "stopped")
    assert not is_alive(state.process_group)
    assert running_servers(tmp_path / "serve") == {}


def test_other_flags_are_another_server(tmp_path: Path) -> None:
    one = acquire(tmp_path / "serve", fake_plan(tmp_path))
    other = acquire(tmp_path / "serve", fake_plan(tmp_path, "--max-model-len", "100"))
    assert one.folder != other.folder
    assert {state.port for state in (wait_for(held, lambda it: it.stage == "ready") for held in (one, other))} != 1
    one.release()
    other.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_kept_server_runs_on_until_it_is_stopped(tmp_path: Path) -> None:
    held = acquire(tmp_path / "serve", fake_plan(tmp_path), keep_running=True)
    state = wait_for(held, lambda one: one.stage == "ready")
    held.release()
    time.sleep(0.8)
    assert list(running_servers(tmp_path / "serve").values()) == [state]
    assert stop_server(held.folder)
    wait_until(lambda: not is_alive(state.process_group) and not is_alive(state.supervisor_pid))


def test_a_server_ends_when_its_only_user_is_killed(tmp_path: Path) -> None:
    fake_plan(tmp_path)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom tests.models.vllm_server.engines import fake_plan, wait_for\n"
        "from textsynth.models.vllm_server.lease import acquire\nfolder = Path(sys.argv[1])\n"
        "held = acquire(folder / 'serve', fake_plan(folder))\n"
        "print(wait_for(held, lambda one: one.stage == 'ready').group, held.folder, flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as user:
        assert user.stdout is not None
        group, _, folder = user.stdout.readline().partition(" ")
        assert is_alive(int(group))
        user.kill()
    wait_until(lambda: not is_alive(int(group)))
    assert "stopped" in (Path(folder.strip()) / "state.json").read_text()


def test_a_server_whose_keeper_is_killed_ends_too_and_the_next_user_starts_anew_at_the_same_address(
    tmp_path: Path,
) -> None:
    plan = fake_plan(tmp_path)
    held = acquire(tmp_path / "serve", plan)
    state = wait_for(held, lambda one: one.stage == "ready")
    kill(state.supervisor_pid, signal.SIGKILL)
    wait_until(lambda: held.state().stage == "gone")
    again = acquire(tmp_path / "serve", plan)
    assert again.started
    assert not is_alive(state.process_group)
    after = wait_for(again, lambda one: one.stage == "ready")
    assert (after.port, again.api_key) == (state.port, held.api_key)
    again.release()
    held.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_deaf_server_left_behind_by_its_keeper_is_cleared_away(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path, "--fake-deaf")
    held = acquire(tmp_path / "serve", plan)
    state = wait_for(held, lambda one: one.stage == "ready")
    kill(state.supervisor_pid, signal.SIGKILL)
    held.release()
    kill(state.process_group, signal.SIGSTOP)  # it cannot even notice
    again = acquire(tmp_path / "serve", plan)
    assert not is_alive(state.process_group)
    again.release()
    kill(again.state().supervisor_pid, signal.SIGKILL)
    wait_until(lambda: again.state().stage == "gone")
    kill(again.state().process_group, signal.SIGKILL)


def test_only_the_owner_reads_the_key_and_nobody_sees_it_in_a_command(tmp_path: Path) -> None:
    held = acquire(tmp_path / "serve", fake_plan(tmp_path))
    state = wait_for(held, lambda one: one.stage == "ready")
    assert len(held.api_key) >= 24
    for name in ("key", "state.json", "plan.json"):
        assert stat.S_IMODE((held.folder / name).stat().st_mode) == 0o600, name
    assert held.api_key not in repr(held)
    for pid in (state.process_group, state.supervisor_pid):
        assert held.api_key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "key":
            assert held.api_key.encode() not in path.read_bytes(), path
    held.release()
    wait_until(lambda: not running_servers(tmp_path / "serve"))


def test_a_failure_is_told_to_all_and_the_next_one_may_try_again(tmp_path: Path) -> None:
    plan = fake_plan(tmp_path, "--fake-fault", "ValueError: no memory for it")
    held = acquire(tmp_path / "serve", plan)
    state = wait_for(held, lambda one: one.stage == "failed")
    assert state.message == "ValueError: no memory for it"
    assert acquire(tmp_path / "serve", plan).started
    held.release()


@pytest.mark.parametrize("kept", [True, False])
def test_letting_go_twice_is_letting_go(tmp_path: Path, kept: bool) -> None:
    held = acquire(tmp_path / "serve", fake_plan(tmp_path), keep_running=kept)
    held.release()
    held.release()
    assert stop_server(held.folder)
