"""Shared use of servers: a lease finds a running server or starts one, and keeps it running while it is held.

A server is identified by its model, its command, its environment variables and its number among replicas. It has a
folder of its own, which only its owner can read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from textsynth.core.errors import ModelError, write_error_reason
from textsynth.models.vllm_server import locks
from textsynth.models.vllm_server.log import failure_reason, tail
from textsynth.models.vllm_server.process import kill_group
from textsynth.models.vllm_server.state import (
    API_KEY_FILE,
    KEEP_RUNNING_FILE,
    PLAN_FILE,
    START_STOP_LOCK,
    STATE_FILE,
    SUPERVISOR_LOCK,
    USERS_LOCK,
    ServerPlan,
    ServerState,
    read_state,
    write_json,
)

START_STOP_TIMEOUT_SECONDS = 90.0
SUPERVISOR_START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 40.0
ORPHAN_TIMEOUT_SECONDS = 5.0
# Longer than `locks.is_free` holds a lock to test it.
LOCK_TEST_SECONDS = 0.2
POLL_SECONDS = 0.05


class ServerLease:
    """The right to use one server: while a lease is held, the supervisor does not stop the server.

    `started` says whether this lease started the server.
    """

    def __init__(self, folder: Path, users_lock: int, *, started: bool) -> None:
        self.folder = folder
        self.started = started
        self._users_lock: int | None = users_lock

    @property
    def api_key(self) -> str:
        """The API key that the server requires."""
        return (self.folder / API_KEY_FILE).read_text("ascii")

    def state(self) -> ServerState:
        """Return the server's state; its stage is `lost` where its supervisor was killed."""
        return _current_state(self.folder)

    def release(self) -> None:
        """Release the lease; the last release stops the server, unless it keeps running. May be called twice."""
        if self._users_lock is not None:
            os.close(self._users_lock)
            self._users_lock = None


def servers_folder(cache: Path) -> Path:
    """Return the folder of a cache folder in which each server of this machine has its folder.

    Several machines may share a cache folder, as the nodes of a cluster do; a server listens on its own machine only.
    """
    return cache / "serve" / (platform.node() or "localhost")


def acquire(root: Path, plan: ServerPlan, *, keep_running: bool = False) -> ServerLease:
    """Return a lease of the server that `plan` describes; start the server where it does not run yet.

    `keep_running` lets the server run on when it is unused. Does not wait until it is ready. Raises ModelError.
    """
    folder = root / _folder_name(plan)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _start_stop_lock(folder), contextlib.ExitStack() as on_error:
            users_lock = locks.open_lock(folder / USERS_LOCK)
            on_error.callback(os.close, users_lock)
            locks.acquire_lock(users_lock, shared=True)
            started = _ensure_supervisor(folder, plan)
            if keep_running:
                (folder / KEEP_RUNNING_FILE).touch()
            on_error.pop_all()
            return ServerLease(folder, users_lock, started=started)
    except OSError as error:
        raise ModelError(f"the server's files cannot be written in {folder}: {write_error_reason(error)}") from error


def running_servers(root: Path) -> dict[Path, ServerState]:
    """Return the servers that are running or starting, by their folders."""
    states = {path.parent: _current_state(path.parent) for path in sorted(root.glob(f"*/{STATE_FILE}"))}
    return {folder: state for folder, state in states.items() if state.is_running}


def stop_when_unused(folder: Path) -> None:
    """Make a server that keeps running stop when it is unused."""
    (folder / KEEP_RUNNING_FILE).unlink(missing_ok=True)


def stop_server(folder: Path) -> bool:
    """Stop a server, even if it is in use or keeps running; return whether it stopped within 40 seconds."""
    stop_when_unused(folder)
    state = _current_state(folder)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    if state.is_running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.supervisor_pid, signal.SIGTERM)
    while not locks.is_free(folder / SUPERVISOR_LOCK):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _ensure_supervisor(folder: Path, plan: ServerPlan) -> bool:
    """Start a supervisor where there is none; return whether one was started."""
    lock = locks.open_lock(folder / SUPERVISOR_LOCK)
    try:
        if not locks.acquire_lock(lock, timeout=LOCK_TEST_SECONDS):
            return False
        _kill_orphaned_server(folder)
        stop_when_unused(folder)
        if not (folder / API_KEY_FILE).is_file():
            descriptor = os.open(folder / API_KEY_FILE, os.O_WRONLY | os.O_CREAT, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123
                file.write(secrets.token_urlsafe(24))
        write_json(folder / PLAN_FILE, plan)
        _start_supervisor(folder, plan, lock)
    finally:
        os.close(lock)
    return True


def _start_supervisor(folder: Path, plan: ServerPlan, lock: int) -> None:
    """Start a supervisor that inherits the lock, and return when it has written its first state."""
    log = Path(plan.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    previous = read_state(folder / STATE_FILE)
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with log.open("ab") as output:
        log_offset = output.tell()
        # The process forks and exits at once; its child is the supervisor, which no process waits for.
        result = subprocess.run(
            [sys.executable, "-m", "textsynth.models.vllm_server.supervisor", str(folder), str(lock)],
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
            check=False,
            timeout=SUPERVISOR_START_TIMEOUT_SECONDS,
        )
    deadline = time.monotonic() + SUPERVISOR_START_TIMEOUT_SECONDS
    while result.returncode == 0 and time.monotonic() < deadline:
        state = read_state(folder / STATE_FILE)
        if state is not None and (previous is None or state.supervisor_pid != previous.supervisor_pid):
            return
        time.sleep(POLL_SECONDS)
    raise ModelError(f"the server's supervisor did not start: {failure_reason(tail(log, log_offset)) or f'see {log}'}")


def _kill_orphaned_server(folder: Path) -> None:
    """Kill the server of a supervisor that was killed, if it does not end by itself within 5 seconds."""
    state = read_state(folder / STATE_FILE)
    if state is None or state.stage in ("stopped", "failed") or not state.process_group:
        return
    deadline = time.monotonic() + ORPHAN_TIMEOUT_SECONDS
    while _is_vllm_group(state.process_group) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    if _is_vllm_group(state.process_group):
        kill_group(state.process_group)


def _is_vllm_group(process_group: int) -> bool:
    """Return whether a process group belongs to vLLM; its id may have been reused by another program."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            in_group = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[2]) == process_group
            if in_group and b"vllm" in stat.with_name("cmdline").read_bytes().lower():
                return True
    return False


def _current_state(folder: Path) -> ServerState:
    state = read_state(folder / STATE_FILE)
    if state is None:
        return ServerState("lost")
    if state.stage not in ("failed", "stopped") and locks.is_free(folder / SUPERVISOR_LOCK):
        # The supervisor may have ended between reading the state and testing the lock: read the state again.
        state = read_state(folder / STATE_FILE) or state
        return state if state.stage in ("failed", "stopped") else dataclasses.replace(state, stage="lost")
    return state


def _folder_name(plan: ServerPlan) -> str:
    replica = [plan.replica] if plan.replica else []
    identity = json.dumps([plan.name, plan.command, sorted(plan.environment.items()), *replica])
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


@contextlib.contextmanager
def _start_stop_lock(folder: Path) -> Iterator[None]:
    lock = locks.open_lock(folder / START_STOP_LOCK)
    try:
        if not locks.acquire_lock(lock, timeout=START_STOP_TIMEOUT_SECONDS):
            raise ModelError(
                f"another process has been starting or stopping the same server for {START_STOP_TIMEOUT_SECONDS:.0f} s:"
                f" {folder}"
            )
        yield
    finally:
        os.close(lock)
