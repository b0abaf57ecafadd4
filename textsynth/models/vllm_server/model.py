"""A model behind a server that we keep ourselves: waited for, asked, and waited for again when it dies.

The keeper restarts the server; here what was under way is asked once more as soon as it is back, and what the keeper
gives up for good stops the run with the reason. Answers that have arrived are never asked for again.
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
from textsynth.models.vllm_server.readiness import LOOK_SECONDS, ReadinessMonitor
from textsynth.models.vllm_server.state import ServerState

TAKE_AGAIN = 3
SETTLE_SECONDS = 2.0


class ManagedServerModel:
    """Answers through a client that `connect` opens for an address and a key.

    `begin` takes hold of the server, and starts it where it does not run; both it and the server's start may take
    minutes, at most `seconds` to get ready. `in_flight` and `retried` are the client's.
    """

    def __init__(
        self,
        begin: Callable[[], ServerLease],
        connect: Callable[[str, str], Model],
        *,
        say: Callable[[str], None],
        seconds: float,
    ) -> None:
        self._begin = begin
        self._connect = connect
        self._say = say
        self._seconds = seconds
        self._hold: ServerLease | None = None
        self._taken = 0
        self._client: Model | None = None
        self._url = ""
        self._turn = asyncio.Lock()

    @property
    def in_flight(self) -> int:
        """Requests under way now."""
        return int(getattr(self._client, "in_flight", 0))

    @property
    def retried(self) -> int:
        """How many tries were repeated so far."""
        return int(getattr(self._client, "retried", 0))

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, over as many lives of the server as it takes; see `Model.complete`."""
        desk = _PendingCompletions(requests, on_completion)
        while desk.left:
            client, life = await self._ready()
            desk.lives = partial(self._lives, life)
            asking = asyncio.ensure_future(client.complete(list(desk.left.values()), desk.arrived))
            watching = asyncio.ensure_future(self._died(life))
            try:
                await asyncio.wait((asking, watching), return_when=asyncio.FIRST_COMPLETED)
                if asking.done() and not (isinstance(asking.exception(), ModelError) and await desk.dying()):
                    await asking
                    if self._lives(life):
                        return
            finally:
                await _cancelled(asking, watching)
                await desk.settle()

    async def close(self) -> None:
        """Close the client and let go of the server."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._hold is not None:
            self._hold.release()
            self._hold = None

    async def _ready(self) -> tuple[Model, int]:
        """Return the client of a server that is ready, and the number of the server's life."""
        async with self._turn:
            state = await self._wait()
            if self._client is None or state.url != self._url:
                if self._client is not None:
                    await self._client.close()
                assert self._hold is not None
                self._client = self._connect(state.url, self._hold.api_key)
                self._url = state.url
            return self._client, state.ready_count

    async def _wait(self) -> ServerState:
        waiting = ReadinessMonitor(self._say, seconds=self._seconds)
        while not waiting.check(state := await self._look()):
            await asyncio.sleep(LOOK_SECONDS)
        return state

    async def _look(self) -> ServerState:
        """Return the server's state, having taken hold of it. Raises ModelError when its keeper is ended each time."""
        if self._hold is None:
            await asyncio.to_thread(self._take)
        assert self._hold is not None
        state = self._hold.state()
        if state.stage in ("gone", "stopped"):
            if self._taken > TAKE_AGAIN:
                raise ModelError(f"the keeper of {state.name} was ended {self._taken} times; its log: {state.log}")
            self._hold.release()
            self._hold = None
            return ServerState("starting", name=state.name, log=state.log)
        return state

    def _take(self) -> None:
        self._taken += 1
        self._hold = self._begin()

    async def _died(self, life: int) -> None:
        """Return when this life of the server has ended."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._lives(life):
                return

    def _lives(self, life: int) -> bool:
        if self._hold is None:
            return False
        state = self._hold.state()
        return state.stage == "ready" and state.ready_count == life


class _PendingCompletions:
    """What is still to be answered, and the answers on their way to disk, which nothing interrupts."""

    def __init__(self, requests: Sequence[ModelRequest], arrived: OnCompletion) -> None:
        self.left = {request.key: request for request in requests}
        self.lives: Callable[[], bool] = lambda: True
        self._arrived = arrived
        self._keeping: set[asyncio.Future[None]] = set()

    async def arrived(self, request: ModelRequest, completion: Completion) -> None:
        if completion.failure is not None and await self.dying():
            return  # not the request's fault: it is asked again
        keeping = asyncio.ensure_future(self._keep(request, completion))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.shield(keeping)

    async def settle(self) -> None:
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def dying(self) -> bool:
        """Whether what failed did so because the server is dying, which its keeper may see a moment later."""
        end = asyncio.get_running_loop().time() + SETTLE_SECONDS
        while self.lives() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(LOOK_SECONDS)
        return not self.lives()

    async def _keep(self, request: ModelRequest, completion: Completion) -> None:
        await self._arrived(request, completion)
        del self.left[request.key]


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
