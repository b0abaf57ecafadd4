"""The keeper: the small process that owns one server, from its start to its end.

It starts the server, says how far that is, starts it again when it dies or no longer answers, and ends it when nobody
uses it. It ends itself when the server cannot be started or has died too often; the state then says why.
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
from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.log import failure_reason, find_error, startup_stage, tail
from textsynth.models.vllm_server.process import EngineProcess, free_port, is_healthy, kill_group
from textsynth.models.vllm_server.state import ServerPlan, ServerState, Stage, read_plan, read_state, write_json

EVERY_SECONDS = 0.2
LOOK_SECONDS = 0.5
LOOK_READY_SECONDS = 5.0
SILENT_LOOKS = 12
# A server that was well for so long has not died for what it died of before.
WELL_SECONDS = 600.0
PAUSE_SECONDS = 1.0


class Supervisor:
    """Owns the server of one folder, which holds `plan.json`, `key`, `state.json` and the locks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._plan: ServerPlan = read_plan(folder / "plan.json")
        self._door = locks.open_lock(folder / "door.lock")
        self._users = locks.open_lock(folder / "users.lock")
        earlier = read_state(folder / "state.json")
        self._port = self._plan.port or free_port(earlier.port if earlier is not None else 0)
        self._engine: EngineProcess | None = None
        self._state = ServerState("starting")
        self._told_to_end = False
        self._started = self._readied = self._looked = 0.0
        self._silent = self._in_a_row = 0

    def run(self) -> None:
        """Keep the server until nobody uses it, it fails, or this process is told to end."""
        signal.signal(signal.SIGTERM, self._end_soon)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            goes_on = self._start("starting")
            while goes_on and not (self._told_to_end or self._unused()):
                time.sleep(EVERY_SECONDS)
                goes_on = self._look()
        finally:
            self._end_engine()
            if self._state.stage != "failed":
                self._tell("stopped")

    def _start(self, stage: Stage) -> bool:
        """Start the server; return False where it cannot be."""
        plan = self._plan
        if free_port(self._port) != self._port:
            # whoever has it might even say that it is well
            return self._failed(f"the port {self._port} is taken")
        inherited = VllmEnvironment(Path(plan.command[0]), "", "").process_variables()
        variables = {**inherited, **plan.environment, "VLLM_API_KEY": (self._folder / "key").read_text("ascii")}
        self._engine = EngineProcess([*plan.command, "--port", str(self._port)], variables, Path(plan.log))
        self._started = time.monotonic()
        self._silent = 0
        self._tell(stage, "")
        return True

    def _look(self) -> bool:
        """Look after the server, when it is time; return False when there is nothing to keep any more."""
        engine, now = self._engine, time.monotonic()
        assert engine is not None
        if engine.has_exited:
            return self._died(engine.exit_reason())
        ready = self._state.stage == "ready"
        if now - self._looked < (LOOK_READY_SECONDS if ready else LOOK_SECONDS):
            return True
        self._looked = now
        if is_healthy(self._port):
            self._silent = 0
            if not ready and not engine.has_exited:
                self._readied = now
                self._tell("ready", "", readied=self._state.ready_count + 1)
            return True
        if ready:
            self._silent += 1
            return self._silent < SILENT_LOOKS or self._died("it no longer answered /health")
        if now - self._started > self._plan.start_timeout_seconds:
            return self._failed(f"it was not ready after {now - self._started:.0f} s")
        self._tell(self._state.stage, startup_stage(self._said()))
        return True

    def _died(self, how: str) -> bool:
        """Start the server again, or give it up; return whether it was started."""
        never = self._state.ready_count == 0
        told = self._engine is None or not self._engine.was_killed  # what is killed cannot say why
        self._end_engine()
        if never:
            return self._failed((told and failure_reason(self._said())) or how)
        if self._state.stage == "ready" and time.monotonic() - self._readied > WELL_SECONDS:
            self._in_a_row = 0
        self._in_a_row += 1
        self._state = dataclasses.replace(self._state, crash_count=self._state.crash_count + 1)
        if self._in_a_row > self._plan.max_restarts:
            last = (told and find_error(self._said())) or how
            return self._failed(f"it died {self._state.crash_count} times and is not started again; last: {last}")
        time.sleep(PAUSE_SECONDS)
        return self._start("restarting")

    def _failed(self, why: str) -> bool:
        self._end_engine()
        self._tell("failed", why)
        return False

    def _unused(self) -> bool:
        """Whether nobody uses the server and nobody can come any more: the door stays locked until the end."""
        if (self._folder / "kept").exists() or not locks.acquire_lock(self._door):
            return False
        if locks.acquire_lock(self._users):
            return True
        locks.release_lock(self._door)
        return False

    def _end_engine(self) -> None:
        if self._engine is not None:
            self._engine.terminate()
            kill_group(self._engine.process_group)

    def _said(self) -> str:
        return tail(Path(self._plan.log), self._engine.log_offset if self._engine is not None else 0)

    def _tell(self, stage: Stage, said: str = "", readied: int | None = None) -> None:
        told = ServerState(
            stage,
            name=self._plan.name,
            version=self._plan.version,
            supervisor_pid=os.getpid(),
            process_group=self._engine.process_group if self._engine is not None else 0,
            port=self._port,
            log=self._plan.log,
            message=said,
            ready_count=self._state.ready_count if readied is None else readied,
            crash_count=self._state.crash_count,
        )
        if told != self._state:
            self._state = told
            write_json(self._folder / "state.json", told)

    def _end_soon(self, _number: int, _frame: object) -> None:
        self._told_to_end = True


def main() -> None:
    """Become a keeper that no terminal and no parent knows; the command's argument is the server's folder.

    Its second argument is the descriptor of a lock that is already held, and is held until this process ends.
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
