"""Waits until a server is ready, and logs the progress of its start."""

from __future__ import annotations

import time
from collections.abc import Callable

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.lease import ServerLease
from textsynth.models.vllm_server.state import ServerState

POLL_SECONDS = 0.2
PROGRESS_INTERVAL_SECONDS = 10.0


class ReadinessMonitor:
    """One wait for a server: it is passed each state, logs the progress, and ends a wait that cannot succeed."""

    def __init__(self, log: Callable[[str], None], *, timeout: float) -> None:
        self._log = log
        self._timeout = timeout
        self._start = self._last_logged = time.monotonic()
        self._has_logged = False

    def check(self, state: ServerState) -> bool:
        """Return whether the server is ready. Raises ModelError when it has failed for good or the time is over."""
        now = time.monotonic()
        seconds = now - self._start
        if state.stage == "ready":
            if self._has_logged:
                self._log(f"vLLM {state.version} serves {state.name} at {state.url} after {seconds:.0f} s")
            return True
        if state.stage == "failed":
            raise ModelError(f"vLLM does not serve {state.name}: {state.message}; its log: {state.log}")
        if seconds > self._timeout:
            raise ModelError(f"vLLM was not ready for {state.name} after {seconds:.0f} s; its log: {state.log}")
        if not self._has_logged or now - self._last_logged > PROGRESS_INTERVAL_SECONDS:
            self._last_logged = now
            self._has_logged = True
            self._log(progress_line(state, seconds))
        return False


def progress_line(state: ServerState, seconds: float) -> str:
    """Return one line about a server that is not ready, `seconds` after the wait for it began."""
    action = "is restarting after a crash" if state.stage == "restarting" else "is starting"
    stage = f": {state.message}" if state.message else ""
    return f"vLLM {state.version} with {state.name} {action} ({seconds:.0f} s){stage}"


def wait_until_ready(lease: ServerLease, log: Callable[[str], None], *, timeout: float) -> ServerState:
    """Return the state of a server as soon as it is ready. Raises ModelError as `ReadinessMonitor.check` does."""
    monitor = ReadinessMonitor(log, timeout=timeout)
    while True:
        state = lease.state()
        if state.stage in ("lost", "stopped"):
            raise ModelError(f"the server of {state.name} was stopped while it started; its log: {state.log}")
        if monitor.check(state):
            return state
        time.sleep(POLL_SECONDS)
