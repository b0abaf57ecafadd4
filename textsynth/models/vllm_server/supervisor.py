"""The supervisor: a small background process that owns one server from its start to its stop.

It starts the server, records the progress of the start, restarts it when it crashes or no longer passes its health
check, and stops it when no process uses it. It exits when the server cannot be started or has crashed too often; the
state file then has the reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import time
from pathlib import Path

from textsynth.models.vllm_server import locks
from textsynth.models.vllm_server.environment import process_variables
from textsynth.models.vllm_server.log import failure_reason, find_error, startup_stage, tail
from textsynth.models.vllm_server.process import EngineProcess, free_port, is_healthy, kill_group
from textsynth.models.vllm_server.state import (
    API_KEY_FILE,
    KEEP_RUNNING_FILE,
    PLAN_FILE,
    START_STOP_LOCK,
    STATE_FILE,
    USERS_LOCK,
    ServerPlan,
    ServerState,
    Stage,
    read_plan,
    read_state,
    write_json,
)

POLL_SECONDS = 0.2
STARTUP_CHECK_SECONDS = 0.5
HEALTH_CHECK_SECONDS = 5.0
MAX_FAILED_HEALTH_CHECKS = 12
# A crash after this uptime has another cause than the crashes before it, so it starts a new count.
STABLE_UPTIME_SECONDS = 600.0
RESTART_DELAY_SECONDS = 1.0


class Supervisor:
    """Owns the server of one folder; `state` describes the files in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan: ServerPlan = read_plan(folder / PLAN_FILE)
        self._start_stop_lock = locks.open_lock(folder / START_STOP_LOCK)
        self._users_lock = locks.open_lock(folder / USERS_LOCK)
        previous = read_state(folder / STATE_FILE)
        self._port = self._plan.port or free_port(previous.port if previous is not None else 0)
        self._engine: EngineProcess | None = None
        self._state = ServerState("starting")
        self._stop_requested = False
        self._start_time = self._ready_time = self._last_check = 0.0
        self._failed_health_checks = self._consecutive_crashes = 0

    def run(self) -> None:
        """Keep the server running until it is unused, it fails for good, or this process receives SIGTERM."""
        signal.signal(signal.SIGTERM, self._request_stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            running = self._start("starting")
            while running and not (self._stop_requested or self._is_unused()):
                time.sleep(POLL_SECONDS)
                running = self._check()
        finally:
            self._terminate_engine()
            if self._state.stage != "failed":
                self._write_state("stopped")

    def _start(self, stage: Stage) -> bool:
        """Start the server; return whether it was started."""
        plan = self._plan
        if free_port(self._port) != self._port:
            # Another server may use the port, and would pass the health check of this one.
            return self._fail(f"the port {self._port} is taken")
        variables = {
            **process_variables(Path(plan.command[0])),
            **plan.environment,
            "VLLM_API_KEY": (self._folder / API_KEY_FILE).read_text("ascii"),
        }
        self._engine = EngineProcess([*plan.command, "--port", str(self._port)], variables, Path(plan.log))
        self._start_time = time.monotonic()
        self._failed_health_checks = 0
        self._write_state(stage)
        return True

    def _check(self) -> bool:
        """Check the server when its next check is due; return False when it has failed for good."""
        engine, now = self._engine, time.monotonic()
        assert engine is not None
        if engine.has_exited:
            return self._handle_crash(engine.exit_reason())
        is_ready = self._state.stage == "ready"
        if now - self._last_check < (HEALTH_CHECK_SECONDS if is_ready else STARTUP_CHECK_SECONDS):
            return True
        self._last_check = now
        if is_healthy(self._port):
            self._failed_health_checks = 0
            if not is_ready and not engine.has_exited:
                self._ready_time = now
                self._write_state("ready", ready_count=self._state.ready_count + 1)
            return True
        if is_ready:
            self._failed_health_checks += 1
            if self._failed_health_checks < MAX_FAILED_HEALTH_CHECKS:
                return True
            return self._handle_crash("it no longer answered /health")
        if now - self._start_time > self._plan.start_timeout_seconds:
            return self._fail(f"it was not ready after {now - self._start_time:.0f} s")
        self._write_state(self._state.stage, startup_stage(self._log_text()))
        return True

    def _handle_crash(self, exit_reason: str) -> bool:
        """Restart the server unless it never became ready or crashed too often; return whether it was restarted."""
        # The log of a process that was killed does not say why.
        log_has_reason = self._engine is None or not self._engine.was_killed
        self._terminate_engine()
        if self._state.ready_count == 0:
            return self._fail((log_has_reason and failure_reason(self._log_text())) or exit_reason)
        if self._state.stage == "ready" and time.monotonic() - self._ready_time > STABLE_UPTIME_SECONDS:
            self._consecutive_crashes = 0
        self._consecutive_crashes += 1
        self._state = dataclasses.replace(self._state, crash_count=self._state.crash_count + 1)
        if self._consecutive_crashes > self._plan.max_restarts:
            reason = (log_has_reason and find_error(self._log_text())) or exit_reason
            return self._fail(f"it crashed {self._state.crash_count} times and is not restarted; last: {reason}")
        time.sleep(RESTART_DELAY_SECONDS)
        return self._start("restarting")

    def _fail(self, reason: str) -> bool:
        self._terminate_engine()
        self._write_state("failed", reason)
        return False

    def _is_unused(self) -> bool:
        """Return whether no process uses the server, and then hold the start-stop lock, so that none acquires it."""
        if (self._folder / KEEP_RUNNING_FILE).exists() or not locks.acquire_lock(self._start_stop_lock):
            return False
        if locks.acquire_lock(self._users_lock):
            return True
        locks.release_lock(self._start_stop_lock)
        return False

    def _terminate_engine(self) -> None:
        if self._engine is not None:
            self._engine.terminate()
            kill_group(self._engine.process_group)

    def _log_text(self) -> str:
        return tail(Path(self._plan.log), self._engine.log_offset if self._engine is not None else 0)

    def _write_state(self, stage: Stage, message: str = "", ready_count: int | None = None) -> None:
        state = ServerState(
            stage,
            name=self._plan.name,
            version=self._plan.version,
            supervisor_pid=os.getpid(),
            process_group=self._engine.process_group if self._engine is not None else 0,
            port=self._port,
            log=self._plan.log,
            message=message,
            ready_count=self._state.ready_count if ready_count is None else ready_count,
            crash_count=self._state.crash_count,
        )
        if state != self._state:
            self._state = state
            write_json(self._folder / STATE_FILE, state)

    def _request_stop(self, _signal: int, _frame: object) -> None:
        self._stop_requested = True


def main() -> None:
    """Become a daemon without terminal and parent, and run the supervisor of a server's folder.

    The arguments of the command are the folder, and the descriptor of the supervisor lock, which is already held and
    stays held until this process ends.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    folder = Path(sys.argv[1])
    with contextlib.suppress(OSError):
        os.set_inheritable(int(sys.argv[2]), False)  # noqa: FBT003
    Supervisor(folder).run()


if __name__ == "__main__":
    main()
