"""One limit on the requests in flight, over all calls of a model; and the queue of those that wait.

A task exists only for what is in flight, so 5,000 waiting requests cost 5,000 entries in a queue and nothing else.
Requests of one call that are the same but for their key, and that wait together, may be sent as one: a group, which
counts as all of them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Generic, TypeVar

from textsynth.core.records import Completion, ModelRequest
from textsynth.models import OnCompletion


class RequestGroup:
    """Requests that are sent together, usually a single one; `ConcurrencyLimiter.requeue` removes some again."""

    __slots__ = ("call", "requests")

    def __init__(self, call: _Call, requests: list[ModelRequest]) -> None:
        self.call = call
        self.requests = requests


AnswerGroup = Callable[[RequestGroup], Awaitable[Sequence[Completion]]]
"""Returns the completions of the requests that are in the group at the end, in their order."""


class ConcurrencyLimiter:
    """Keeps at most `limit()` requests in flight. A request counts until its `on_completion` has returned.

    Requests start in the order of the calls, and in their order within a call. A request is sent together with waiting
    ones of the same call and the same `group_key`, at most `max_group_size(request)` and never more than the limit
    allows; one with the key None is sent alone.
    """

    def __init__(
        self,
        limit: Callable[[], int],
        answer: AnswerGroup,
        *,
        group_key: Callable[[ModelRequest], Hashable] = lambda _: None,
        max_group_size: Callable[[ModelRequest], int] = lambda _: 1,
    ) -> None:
        self.in_flight = 0
        self._limit = limit
        self._answer = answer
        self._max_group_size = max_group_size
        self._calls: set[_Call] = set()
        self._queue: RequestQueue[_Call] = RequestQueue(group_key)
        self._is_dispatch_scheduled = False

    @property
    def has_backlog(self) -> bool:
        """Whether requests wait because of the limit."""
        return bool(self._queue)

    async def run(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all `requests`. The first error of a request or of `on_completion` ends this call."""
        if not requests:
            return
        call = _Call(on_completion, len(requests), asyncio.get_running_loop().create_future())
        self._queue.add(call, requests)
        self._calls.add(call)
        self.dispatch()
        try:
            await call.done
        finally:
            self._calls.discard(call)
            if call.remaining:
                await self._cancel(call)

    def abort(self, error: Exception) -> None:
        """End all calls with this error."""
        for call in self._calls:
            if not call.done.done():
                call.done.set_exception(error)

    def dispatch(self) -> None:
        """Start as many requests as the limit allows; to be called when it has grown."""
        while self._queue and (free := self._limit() - self.in_flight) > 0:
            call, requests = self._queue.take(lambda first, free=free: min(free, self._max_group_size(first)))  # type: ignore[misc]
            group = RequestGroup(call, requests)
            self.in_flight += len(requests)
            task = asyncio.ensure_future(self._answer_group(group))
            call.tasks.add(task)
            task.add_done_callback(partial(self._on_group_done, group))

    def requeue(self, group: RequestGroup, requests: Sequence[ModelRequest]) -> None:
        """Remove requests from a group and put them at the front of the queue; they are no longer in flight."""
        requeued = {id(request) for request in requests}
        group.requests = [request for request in group.requests if id(request) not in requeued]
        self._queue.requeue(group.call, requests)
        self.in_flight -= len(requests)
        self.dispatch()

    async def _cancel(self, call: _Call) -> None:
        self._queue.drop(call)
        tasks = list(call.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer_group(self, group: RequestGroup) -> None:
        completions = await self._answer(group)
        on_completion = group.call.on_completion
        if len(group.requests) == 1:
            await on_completion(group.requests[0], completions[0])
            return
        callbacks = [on_completion(*pair) for pair in zip(group.requests, completions, strict=True)]
        for error in await asyncio.gather(*callbacks, return_exceptions=True):
            if error is not None:
                raise error

    def _on_group_done(self, group: RequestGroup, task: asyncio.Task[None]) -> None:
        call = group.call
        self.in_flight -= len(group.requests)
        call.tasks.discard(task)
        if task.cancelled():
            call.done.cancel()
        elif (error := task.exception()) is not None:
            if not call.done.done():
                call.done.set_exception(error)
        else:
            call.remaining -= len(group.requests)
            if not call.remaining and not call.done.done():
                call.done.set_result(None)
        if not self._is_dispatch_scheduled:  # once for all that end in this iteration of the loop: groups need slots
            self._is_dispatch_scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch_scheduled)

    def _dispatch_scheduled(self) -> None:
        self._is_dispatch_scheduled = False
        self.dispatch()


class _Call:
    """One call of `ConcurrencyLimiter.run`: how many of its requests are not answered yet, and its tasks."""

    __slots__ = ("done", "on_completion", "remaining", "tasks")

    def __init__(self, on_completion: OnCompletion, remaining: int, done: asyncio.Future[None]) -> None:
        self.on_completion = on_completion
        self.remaining = remaining
        self.done = done
        self.tasks: set[asyncio.Task[None]] = set()


Caller = TypeVar("Caller", bound=Hashable)


class RequestQueue(Generic[Caller]):
    """Waiting requests, first in, first out.

    Requests with the same `group_key`, other than None, may be taken together, if they are of the same caller.
    """

    def __init__(self, group_key: Callable[[ModelRequest], Hashable]) -> None:
        self._group_key = group_key
        self._count = 0
        self._entries: OrderedDict[int, tuple[Caller, ModelRequest, Hashable]] = OrderedDict()
        self._groups: dict[tuple[Caller, Hashable], deque[int]] = {}  # numbers of entries, in the order of the queue

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, caller: Caller, requests: Sequence[ModelRequest]) -> None:
        """Put requests at the end."""
        for request in requests:
            number, key = self._append(caller, request)
            if key is not None:
                self._groups.setdefault((caller, key), deque()).append(number)

    def requeue(self, caller: Caller, requests: Sequence[ModelRequest]) -> None:
        """Put requests at the front, in their order."""
        for request in reversed(requests):
            number, key = self._append(caller, request)
            self._entries.move_to_end(number, last=False)
            if key is not None:
                self._groups.setdefault((caller, key), deque()).appendleft(number)

    def take(self, max_size: Callable[[ModelRequest], int]) -> tuple[Caller, list[ModelRequest]]:
        """Remove and return the first request and the next ones of its group, `max_size(first)` in all.

        `max_size` is called only where the group has further requests. Raises KeyError where the queue is empty.
        """
        _, (caller, first, key) = self._entries.popitem(last=False)
        numbers = None if key is None else self._groups[caller, key]
        if numbers is None:
            return caller, [first]
        numbers.popleft()
        count = min(len(numbers), max_size(first) - 1) if numbers else 0
        requests = [first, *(self._entries.pop(numbers.popleft())[1] for _ in range(count))]
        if not numbers:
            del self._groups[caller, key]
        return caller, requests

    def drop(self, caller: Caller) -> None:
        """Remove all requests of a caller."""
        self._entries = OrderedDict(entry for entry in self._entries.items() if entry[1][0] is not caller)
        self._groups = {group: numbers for group, numbers in self._groups.items() if group[0] is not caller}

    def _append(self, caller: Caller, request: ModelRequest) -> tuple[int, Hashable]:
        self._count += 1
        key = self._group_key(request)
        self._entries[self._count] = (caller, request, key)
        return self._count, key
