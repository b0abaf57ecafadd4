"""Waiting for a server, with a word now and then about how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.lease import ServerLease
from textsynth.models.vllm_server.state import ServerState

LOOK_SECONDS = 0.2
TALK_SECONDS = 10.0


class ReadinessMonitor:
    """One wait for a server: shown each state, it says what is worth saying, and ends a wait that is in vain."""

    def __init__(self, say: Callable[[str], None], *, seconds: float) -> None:
        self._say = say
        self._seconds = seconds
        self._begun = self._spoke = time.monotonic()
        self._said = ""

    def check(self, state: ServerState) -> bool:
        """Whether the server is ready. Raises ModelError when it failed for good, or `seconds` have gone by."""
        now = time.monotonic()
        waited = now - self._begun
        if state.stage == "ready":
            if self._said:
                self._say(f"vLLM {state.version} serves {state.name} at {state.url} after {waited:.0f} s")
            return True
        if state.stage == "failed":
            raise ModelError(f"vLLM does not serve {state.name}: {state.message}; its log: {state.log}")
        if waited > self._seconds:
            raise ModelError(f"vLLM was not ready for {state.name} after {waited:.0f} s; its log: {state.log}")
        if not self._said or now - self._spoke > TALK_SECONDS:
            self._spoke = now
            self._said = progress_line(state, waited)
            self._say(self._said)
        return False


def progress_line(state: ServerState, seconds: float) -> str:
    """Return one line about a server that is not ready, `seconds` after the wait for it began."""
    what = "starts again after it died" if state.stage == "restarting" else "starts"
    told = f": {state.message}" if state.message else ""
    return f"vLLM {state.version} with {state.name} {what} ({seconds:.0f} s){told}"


def wait_until_ready(held: ServerLease, say: Callable[[str], None], *, seconds: float) -> ServerState:
    """Return the state of a server as soon as it is ready. Raises ModelError as `Waiting.over` does."""
    waiting = ReadinessMonitor(say, seconds=seconds)
    while True:
        state = held.state()
        if state.stage in ("gone", "stopped"):
            raise ModelError(f"the server of {state.name} was ended while it started; its log: {state.log}")
        if waiting.check(state):
            return state
        time.sleep(LOOK_SECONDS)
