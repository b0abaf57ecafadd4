"""One server for all who want the same: found running or started, held while it is used.

A server is known by its model and its command; each has a folder of its own, which only its owner can read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server import locks
from textsynth.models.vllm_server.log import failure_reason, tail
from textsynth.models.vllm_server.process import kill_group
from textsynth.models.vllm_server.state import ServerPlan, ServerState, read_state, write_json

DOOR_SECONDS = 90.0
SPAWN_SECONDS = 30.0
END_SECONDS = 40.0
CLEAR_SECONDS = 5.0
POLL_SECONDS = 0.05


class ServerLease:
    """The use of one server: while this is held, its keeper does not end it. `started` says that this began it."""

    def __init__(self, folder: Path, users: int, *, started: bool) -> None:
        self.folder = folder
        self.started = started
        self._users: int | None = users

    @property
    def api_key(self) -> str:
        """The key that the server asks for."""
        return (self.folder / "key").read_text("ascii")

    def state(self) -> ServerState:
        """Return the server's state; `gone` where its keeper was killed."""
        return _state_in(self.folder)

    def release(self) -> None:
        """Let go: the last one to do so ends the server, unless it is kept. May be called twice."""
        if self._users is not None:
            os.close(self._users)
            self._users = None


def servers_folder(cache: Path) -> Path:
    """Return where the folders of servers lie in a cache folder."""
    return cache / "serve"


def acquire(root: Path, plan: ServerPlan, *, keep_running: bool = False) -> ServerLease:
    """Return the use of the server that `plan` describes, which is started where it does not run yet.

    `keep` lets it run on when nobody uses it any more. Does not wait until it is ready. Raises ModelError.
    """
    folder = root / _name_of(plan)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _door(folder), contextlib.ExitStack() as undo:
            users = locks.open_lock(folder / "users.lock")
            undo.callback(os.close, users)
            locks.acquire_lock(users, shared=True)
            started = _started(folder, plan)
            if keep_running:
                (folder / "kept").touch()
            undo.pop_all()
            return ServerLease(folder, users, started=started)
    except OSError as fault:
        raise ModelError(f"the server's state cannot be kept in {folder}: {fault.strerror or fault}") from fault


def running_servers(root: Path) -> dict[Path, ServerState]:
    """Return the servers that run or start now, by their folders."""
    found = {path.parent: _state_in(path.parent) for path in sorted(root.glob("*/state.json"))}
    return {folder: state for folder, state in found.items() if state.stage in ("starting", "ready", "restarting")}


def stop_when_unused(folder: Path) -> None:
    """Keep a server no longer: it ends when nobody uses it."""
    (folder / "kept").unlink(missing_ok=True)


def stop_server(folder: Path) -> bool:
    """End a server, also a kept one and one that is used; return whether it ended within 40 seconds."""
    stop_when_unused(folder)
    state = _state_in(folder)
    end = time.monotonic() + END_SECONDS
    if state.stage in ("starting", "ready", "restarting"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.supervisor_pid, signal.SIGTERM)
    while not locks.is_free(folder / "keeper.lock"):
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _started(folder: Path, plan: ServerPlan) -> bool:
    """Start a keeper where there is none; return whether that was so."""
    lock = locks.open_lock(folder / "keeper.lock")
    try:
        # a look of somebody else may hold the lock for a moment
        if not locks.acquire_lock(lock, timeout=0.2):
            return False
        _clear_away(folder)
        (folder / "kept").unlink(missing_ok=True)
        if not (folder / "key").is_file():
            with open(os.open(folder / "key", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as out:  # noqa: PTH123
                out.write(secrets.token_urlsafe(24))
        write_json(folder / "plan.json", plan)
        _spawn(folder, plan, lock)
    finally:
        os.close(lock)
    return True


def _spawn(folder: Path, plan: ServerPlan, lock: int) -> None:
    log = Path(plan.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    before = read_state(folder / "state.json")
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with log.open("ab") as out:
        since = out.tell()
        # It makes itself a process that nobody waits for; what is waited for here is only its first half.
        done = subprocess.run(
            [sys.executable, "-m", "textsynth.models.vllm_server.supervisor", str(folder), str(lock)],
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=settings,
            check=False,
            timeout=SPAWN_SECONDS,
        )
    end = time.monotonic() + SPAWN_SECONDS
    while done.returncode == 0 and time.monotonic() < end:
        state = read_state(folder / "state.json")
        if state is not None and (before is None or state.supervisor_pid != before.supervisor_pid):
            return
        time.sleep(POLL_SECONDS)
    raise ModelError(f"the server's keeper did not start: {failure_reason(tail(log, since)) or f'see {log}'}")


def _clear_away(folder: Path) -> None:
    """End what a killed keeper left behind."""
    state = read_state(folder / "state.json")
    if state is None or state.stage in ("stopped", "failed") or not state.process_group:
        return
    end = time.monotonic() + CLEAR_SECONDS
    while _is_engine(state.process_group) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    if _is_engine(state.process_group):
        kill_group(state.process_group)


def _is_engine(group: int) -> bool:
    """Whether a process group is one of vLLM's, as its number may be another's by now."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            own = int(stat.read_text("utf-8", "replace").rpartition(")")[2].split()[2]) == group
            if own and b"vllm" in stat.with_name("cmdline").read_bytes().lower():
                return True
    return False


def _state_in(folder: Path) -> ServerState:
    state = read_state(folder / "state.json")
    if state is None:
        return ServerState("gone")
    if state.stage not in ("failed", "stopped") and locks.is_free(folder / "keeper.lock"):
        # it may have ended between the two looks
        state = read_state(folder / "state.json") or state
        return state if state.stage in ("failed", "stopped") else dataclasses.replace(state, stage="gone")
    return state


def _name_of(plan: ServerPlan) -> str:
    told = json.dumps([plan.name, plan.command, sorted(plan.environment.items())])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


@contextlib.contextmanager
def _door(folder: Path) -> Iterator[None]:
    door = locks.open_lock(folder / "door.lock")
    try:
        if not locks.acquire_lock(door, timeout=DOOR_SECONDS):
            raise ModelError(
                f"another process has been starting or ending the same server for {DOOR_SECONDS:.0f} s: {folder}"
            )
        yield
    finally:
        os.close(door)
