"""A model behind a managed server: waits until the server is ready, and resends requests after a restart.

The supervisor restarts a server that crashes. The requests without an answer are sent again as soon as the server is
back; requests whose answers have arrived are never sent again. When the supervisor gives up, the run stops with the
reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.models import Model, OnCompletion
from textsynth.models.vllm_server.lease import ServerLease
from textsynth.models.vllm_server.readiness import POLL_SECONDS, ReadinessMonitor
from textsynth.models.vllm_server.state import ServerState

MAX_REACQUISITIONS = 3
CRASH_DETECTION_SECONDS = 2.0


class ManagedServerModel(Model):
    """Answers through a client of the server.

    `acquire` returns a lease of the server, which it starts where it does not run; `connect` returns a client for a
    base URL and an API key. Acquiring and starting may take minutes, at most `timeout` seconds until the server is
    ready.
    """

    def __init__(
        self,
        acquire: Callable[[], ServerLease],
        connect: Callable[[str, str], Model],
        *,
        log: Callable[[str], None],
        timeout: float,
    ) -> None:
        self._acquire = acquire
        self._connect = connect
        self._log = log
        self._timeout = timeout
        self._lease: ServerLease | None = None
        self._acquisitions = 0
        self._client: Model | None = None
        self._url = ""
        self._lock = asyncio.Lock()

    @property
    def in_flight(self) -> int | None:
        """The number of requests that the client has in flight."""
        return 0 if self._client is None else self._client.in_flight

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, across restarts of the server; see `Model.complete`."""
        pending = _PendingRequests(requests, on_completion)
        while pending.requests:
            client, ready_count = await self._ready_client()
            pending.is_server_up = partial(self._is_up, ready_count)
            answering = asyncio.ensure_future(client.complete(list(pending.requests.values()), pending.on_completion))
            watching = asyncio.ensure_future(self._wait_for_crash(ready_count))
            try:
                await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
                if answering.done() and not (
                    isinstance(answering.exception(), ModelError) and await pending.has_server_crashed()
                ):
                    await answering
                    if self._is_up(ready_count):
                        return
            finally:
                await _cancel(answering, watching)
                await pending.finish_writes()

    async def close(self) -> None:
        """Close the client and release the server."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    async def _ready_client(self) -> tuple[Model, int]:
        """Return a client of the ready server, and how often the server has become ready."""
        async with self._lock:
            state = await self._wait_until_ready()
            if self._client is None or state.url != self._url:
                if self._client is not None:
                    await self._client.close()
                assert self._lease is not None
                self._client = self._connect(state.url, self._lease.api_key)
                self._url = state.url
            return self._client, state.ready_count

    async def _wait_until_ready(self) -> ServerState:
        monitor = ReadinessMonitor(self._log, timeout=self._timeout)
        while not monitor.check(state := await self._server_state()):
            await asyncio.sleep(POLL_SECONDS)
        return state

    async def _server_state(self) -> ServerState:
        """Return the server's state; acquire the server first where there is no lease.

        Raises ModelError when the supervisor was stopped or killed too often.
        """
        if self._lease is None:
            await asyncio.to_thread(self._acquire_lease)
        assert self._lease is not None
        state = self._lease.state()
        if state.stage in ("lost", "stopped"):
            if self._acquisitions > MAX_REACQUISITIONS:
                raise ModelError(
                    f"the supervisor of {state.name} was stopped {self._acquisitions} times; its log: {state.log}"
                )
            self._lease.release()
            self._lease = None
            return ServerState("starting", name=state.name, log=state.log)
        return state

    def _acquire_lease(self) -> None:
        self._acquisitions += 1
        self._lease = self._acquire()

    async def _wait_for_crash(self, ready_count: int) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if not self._is_up(ready_count):
                return

    def _is_up(self, ready_count: int) -> bool:
        """Return whether the server is ready and has not been restarted since."""
        if self._lease is None:
            return False
        state = self._lease.state()
        return state.stage == "ready" and state.ready_count == ready_count


class _PendingRequests:
    """The requests without an answer, and the answers that are being written, which a crash does not interrupt."""

    def __init__(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        self.requests = {request.key: request for request in requests}
        self.is_server_up: Callable[[], bool] = lambda: True
        self._on_completion = on_completion
        self._writes: set[asyncio.Future[None]] = set()

    async def on_completion(self, request: ModelRequest, completion: Completion) -> None:
        if completion.failure is not None and await self.has_server_crashed():
            return  # The crash made the request fail: it is sent again.
        write = asyncio.ensure_future(self._write(request, completion))
        self._writes.add(write)
        write.add_done_callback(self._writes.discard)
        await asyncio.shield(write)

    async def finish_writes(self) -> None:
        await asyncio.gather(*self._writes, return_exceptions=True)

    async def has_server_crashed(self) -> bool:
        """Return whether the server crashed; waits a moment, as the supervisor may notice it later than the client."""
        deadline = asyncio.get_running_loop().time() + CRASH_DETECTION_SECONDS
        while self.is_server_up() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        return not self.is_server_up()

    async def _write(self, request: ModelRequest, completion: Completion) -> None:
        await self._on_completion(request, completion)
        del self.requests[request.key]


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
