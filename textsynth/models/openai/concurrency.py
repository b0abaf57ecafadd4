"""Requests in flight: one limit over all calls of a model, first come first served.

A task exists only for what is in flight, so 5,000 waiting requests cost 5,000 places in a queue and nothing else.
Requests that differ in their draw alone, and wait together, may leave as one: a group, which counts as all of them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeVar

from textsynth.core.records import Completion, ModelRequest
from textsynth.models import OnCompletion


class _Call:
    """One call of `Flight.run`: how many of its requests are still to come back, and the tasks that bring them."""

    __slots__ = ("arrived", "done", "flying", "left")

    def __init__(self, arrived: OnCompletion, left: int, done: asyncio.Future[None]) -> None:
        self.arrived = arrived
        self.left = left
        self.done = done
        self.flying: set[asyncio.Task[None]] = set()


class RequestGroup:
    """Requests on their way together, mostly one alone; `Flight.give_back` takes some off again."""

    __slots__ = ("call", "requests")

    def __init__(self, call: _Call, requests: list[ModelRequest]) -> None:
        self.call = call
        self.requests = requests


AnswerGroup = Callable[[RequestGroup], Awaitable[Sequence[Completion]]]
"""Returns the completions of the requests that the group has at the end, in their order."""


class ConcurrencyLimiter:
    """Keeps at most `limit()` requests in flight. A slot is free again when `arrived` has returned.

    Requests start in the order in which the calls brought them; an earlier call goes before a later one. With a request
    go those of its call that wait and are of the same `kind`, at most `most(request)` in all and never more than there
    are places; None is a kind that goes alone.
    """

    def __init__(
        self,
        limit: Callable[[], int],
        answer: AnswerGroup,
        *,
        kind: Callable[[ModelRequest], Hashable] = lambda _: None,
        most: Callable[[ModelRequest], int] = lambda _: 1,
    ) -> None:
        self.in_flight = 0
        self._pumping = False
        self._limit = limit
        self._most = most
        self._calls: set[_Call] = set()
        self._answer = answer
        self._waiting: RequestQueue[_Call] = RequestQueue(kind)

    @property
    def has_backlog(self) -> bool:
        """Whether requests wait because of the limit."""
        return bool(self._waiting)

    async def run(self, requests: Sequence[ModelRequest], arrived: OnCompletion) -> None:
        """Answer all `requests`. The first error of a request or of `arrived` ends this call's other requests."""
        if not requests:
            return
        call = _Call(arrived, len(requests), asyncio.get_running_loop().create_future())
        self._waiting.add(call, requests)
        self._calls.add(call)
        self.dispatch()
        try:
            await call.done
        finally:
            self._calls.discard(call)
            if call.left:
                await self._abandon(call)

    def abort(self, fault: Exception) -> None:
        """End all calls with this error."""
        for call in self._calls:
            if not call.done.done():
                call.done.set_exception(fault)

    def dispatch(self) -> None:
        """Start what the limit allows; to be called when it has grown."""
        while self._waiting and (free := self._limit() - self.in_flight) > 0:
            call, requests = self._waiting.take(lambda first, free=free: min(free, self._most(first)))  # type: ignore[misc]
            group = RequestGroup(call, requests)
            self.in_flight += len(requests)
            task = asyncio.ensure_future(self._bring(group))
            call.flying.add(task)
            task.add_done_callback(partial(self._landed, group))

    def requeue(self, group: RequestGroup, requests: Sequence[ModelRequest]) -> None:
        """Let requests of a group wait again, before all others; their places are free at once."""
        gone = {id(request) for request in requests}
        group.requests = [request for request in group.requests if id(request) not in gone]
        self._waiting.requeue(group.call, requests)
        self.in_flight -= len(requests)
        self.dispatch()

    async def _abandon(self, call: _Call) -> None:
        self._waiting.drop(call)
        flying = list(call.flying)
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def _bring(self, group: RequestGroup) -> None:
        completions = await self._answer(group)
        arrived = group.call.arrived
        if len(group.requests) == 1:
            await arrived(group.requests[0], completions[0])
            return
        coming = [arrived(request, one) for request, one in zip(group.requests, completions, strict=True)]
        for fault in await asyncio.gather(*coming, return_exceptions=True):
            if fault is not None:
                raise fault

    def _landed(self, group: RequestGroup, task: asyncio.Task[None]) -> None:
        call = group.call
        self.in_flight -= len(group.requests)
        call.flying.discard(task)
        if task.cancelled():
            call.done.cancel()
        elif (fault := task.exception()) is not None:
            if not call.done.done():
                call.done.set_exception(fault)
        else:
            call.left -= len(group.requests)
            if not call.left and not call.done.done():
                call.done.set_result(None)
        if not self._pumping:  # once for all that land in this turn of the loop: together they make room for a group
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump_soon)

    def _pump_soon(self) -> None:
        self._pumping = False
        self.dispatch()


C = TypeVar("C", bound=Hashable)


class RequestQueue(Generic[C]):
    """First come, first served. `kind` is the same for requests that may be taken together, None for one that may not.

    Callers are kept apart: what is taken together comes from one of them.
    """

    def __init__(self, kind: Callable[[ModelRequest], Hashable]) -> None:
        self._kind = kind
        self._count = 0
        self._places: OrderedDict[int, tuple[C, ModelRequest, Hashable]] = OrderedDict()
        self._alike: dict[tuple[C, Hashable], deque[int]] = {}  # in the order of the queue

    def __len__(self) -> int:
        return len(self._places)

    def add(self, caller: C, requests: Sequence[ModelRequest]) -> None:
        """Put requests at the end."""
        for request in requests:
            number, kind = self._enter(caller, request)
            if kind is not None:
                self._alike.setdefault((caller, kind), deque()).append(number)

    def requeue(self, caller: C, requests: Sequence[ModelRequest]) -> None:
        """Put requests before all others, in their order."""
        for request in reversed(requests):
            number, kind = self._enter(caller, request)
            self._places.move_to_end(number, last=False)
            if kind is not None:
                self._alike.setdefault((caller, kind), deque()).appendleft(number)

    def take(self, most: Callable[[ModelRequest], int]) -> tuple[C, list[ModelRequest]]:
        """Take the first request out, and with it the next ones of its kind, `most(first)` in all.

        `most` is asked only where there are such. Raises KeyError where nothing waits.
        """
        _, (caller, request, kind) = self._places.popitem(last=False)
        numbers = None if kind is None else self._alike[caller, kind]
        if numbers is None:
            return caller, [request]
        numbers.popleft()
        more = min(len(numbers), most(request) - 1) if numbers else 0
        taken = [request, *(self._places.pop(numbers.popleft())[1] for _ in range(more))]
        if not numbers:
            del self._alike[caller, kind]
        return caller, taken

    def drop(self, caller: C) -> None:
        """Take all of a caller's requests out."""
        self._places = OrderedDict(pair for pair in self._places.items() if pair[1][0] is not caller)
        self._alike = {key: numbers for key, numbers in self._alike.items() if key[0] is not caller}

    def _enter(self, caller: C, request: ModelRequest) -> tuple[int, Hashable]:
        self._count += 1
        kind = self._kind(request)
        self._places[self._count] = (caller, request, kind)
        return self._count, kind
