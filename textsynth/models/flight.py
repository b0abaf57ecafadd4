"""Requests in flight: one limit over all calls of a model, first come first served.

A task exists only for what is in flight, so 5,000 waiting requests cost 5,000 places in a queue and nothing else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from textsynth.models import Arrived
from textsynth.records import Completion, Request

Answer = Callable[[Request], Awaitable[Completion]]


class _Call:
    """One call of `Flight.run`: how many of its requests are still to come back, and the tasks that bring them."""

    __slots__ = ("arrived", "done", "flying", "left")

    def __init__(self, arrived: Arrived, left: int, done: asyncio.Future[None]) -> None:
        self.arrived = arrived
        self.left = left
        self.done = done
        self.flying: set[asyncio.Task[None]] = set()


class Flight:
    """Keeps at most `limit()` requests in flight. A slot is free again when `arrived` has returned.

    Requests start in the order in which the calls brought them; an earlier call goes before a later one.
    """

    def __init__(self, limit: Callable[[], int], answer: Answer) -> None:
        self.in_flight = 0
        self._limit = limit
        self._calls: set[_Call] = set()
        self._answer = answer
        self._waiting: deque[tuple[_Call, Request]] = deque()

    @property
    def pressed(self) -> bool:
        """Whether requests wait because of the limit."""
        return bool(self._waiting)

    async def run(self, requests: Sequence[Request], arrived: Arrived) -> None:
        """Answer all `requests`. The first error of a request or of `arrived` ends this call's other requests."""
        if not requests:
            return
        call = _Call(arrived, len(requests), asyncio.get_running_loop().create_future())
        self._waiting.extend((call, request) for request in requests)
        self._calls.add(call)
        self.pump()
        try:
            await call.done
        finally:
            self._calls.discard(call)
            if call.left:
                await self._abandon(call)

    def stop(self, fault: Exception) -> None:
        """End all calls with this error."""
        for call in self._calls:
            if not call.done.done():
                call.done.set_exception(fault)

    def pump(self) -> None:
        """Start what the limit allows; to be called when it has grown."""
        while self._waiting and self.in_flight < self._limit():
            call, request = self._waiting.popleft()
            self.in_flight += 1
            task = asyncio.ensure_future(self._bring(call, request))
            call.flying.add(task)
            task.add_done_callback(partial(self._landed, call))

    async def _abandon(self, call: _Call) -> None:
        self._waiting = deque(pair for pair in self._waiting if pair[0] is not call)
        flying = list(call.flying)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def _bring(self, call: _Call, request: Request) -> None:
        completion = await self._answer(request)
        await call.arrived(request, completion)

    def _landed(self, call: _Call, task: asyncio.Task[None]) -> None:
        self.in_flight -= 1
        call.flying.discard(task)
        if task.cancelled():
            call.done.cancel()
        elif (fault := task.exception()) is not None:
            if not call.done.done():
                call.done.set_exception(fault)
        else:
            call.left -= 1
            if not call.left and not call.done.done():
                call.done.set_result(None)
        self.pump()
