"""One server of a model while the model is in use: acquired, waited for, and acquired again where it was stopped.

The supervisor restarts a server that crashes. A server whose supervisor was stopped or killed is acquired again here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textsynth.core.errors import ModelError
from textsynth.models.vllm_server.lease import ServerLease
from textsynth.models.vllm_server.readiness import POLL_SECONDS, ReadinessMonitor
from textsynth.models.vllm_server.state import ServerState

MAX_REACQUISITIONS = 3

Run = tuple[int, int]
"""One uninterrupted run of a server: the process id of its supervisor, and how often the server has become ready."""


class Replica:
    """One server; `acquire` returns a lease of it, and starts it where it does not run.

    `log` gets the progress of its start, which may take `timeout` seconds. `error` says why the server will not be
    ready any more; None while it may be. `address` is its base URL and its API key, whether it is ready or not; None
    before it was acquired.
    """

    def __init__(self, acquire: Callable[[], ServerLease], *, log: Callable[[str], None], timeout: float) -> None:
        self.error: ModelError | None = None
        self.address: tuple[str, str] | None = None
        self._acquire = acquire
        self._log = log
        self._timeout = timeout
        self._lease: ServerLease | None = None
        self._acquisitions = 0
        self._is_closed = False
        self._waiting: asyncio.Task[None] | None = None

    @property
    def run(self) -> Run | None:
        """The present run of the server; None where it is not ready."""
        state = self._state()
        return (state.supervisor_pid, state.ready_count) if state.stage == "ready" else None

    @property
    def is_waiting(self) -> bool:
        """Whether a wait for the server goes on."""
        return self._waiting is not None and not self._waiting.done()

    def ensure_waiting(self) -> None:
        """Wait in the background until the server is ready; acquire it again where it was stopped.

        Does nothing where it is ready, where it has failed for good, or where the wait goes on already.
        """
        if self._waiting is not None and self._waiting.done():
            self._waiting.result()
            self._waiting = None
        if self._waiting is None and self.error is None and self.run is None:
            self._waiting = asyncio.ensure_future(self._wait_until_ready())

    async def close(self) -> None:
        """Release the server."""
        self._is_closed = True
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
            self._waiting = None
        self._release()

    async def _wait_until_ready(self) -> None:
        monitor = ReadinessMonitor(self._log, timeout=self._timeout)
        try:
            while not monitor.check(await self._acquired_state()):
                await asyncio.sleep(POLL_SECONDS)
        except ModelError as error:
            self.error = error

    async def _acquired_state(self) -> ServerState:
        """Return the server's state; acquire the server first where there is no lease.

        Raises ModelError when the supervisor was stopped or killed too often.
        """
        if self._lease is None:
            await asyncio.to_thread(self._acquire_lease)
        state = self._state()
        if state.stage in ("lost", "stopped"):
            if self._acquisitions > MAX_REACQUISITIONS:
                raise ModelError(
                    f"the supervisor of {state.name} was stopped {self._acquisitions} times; its log: {state.log}"
                )
            self._release()
            return ServerState("starting", name=state.name, log=state.log)
        return state

    def _acquire_lease(self) -> None:
        self._acquisitions += 1
        lease = self._acquire()
        if self._is_closed:  # in the meantime; threads cannot be cancelled
            lease.release()
        else:
            self._lease = lease
            self.address = (lease.state().url, lease.api_key)

    def _state(self) -> ServerState:
        return ServerState("starting") if self._lease is None else self._lease.state()

    def _release(self) -> None:
        if self._lease is not None:
            self._lease.release()
            self._lease = None
