"""When a try has taken too long. Time in the server's queue does not count.

A server begins requests about in the order in which they came. So a request is at work at the latest when one that was
sent after it is answered, and its time runs from there; while nothing later is answered, its time runs from the last
answer of any kind. A full server is therefore waited for as long as it gets on, and a request that hangs, or a server
that says nothing, ends after `seconds`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator


class PendingRequest:
    """One try on its way; `ended` by an answer or otherwise, `overdue` when its time was up."""

    __slots__ = ("ended", "number", "overdue", "since", "task")

    def __init__(self, number: int, now: float, task: asyncio.Task[object] | None) -> None:
        self.number = number
        self.since = now
        self.task = task
        self.ended = False
        self.overdue = False


class RequestTimeouts:
    """The tries under way at one server; `now` is a monotonic time in seconds given by the caller."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._count = 0
        self._heard = 0.0
        self._queued: deque[PendingRequest] = deque()
        self._working: dict[int, PendingRequest] = {}

    def start(self, now: float, task: asyncio.Task[object] | None = None) -> PendingRequest:
        """Note a request that leaves now; `task` is what waits for its answer."""
        self._count += 1
        wait = PendingRequest(self._count, now, task)
        self._queued.append(wait)
        return wait

    def record_response(self, wait: PendingRequest, now: float) -> None:
        """Note a whole answer: every request sent before it is at work, too."""
        self._heard = now
        while self._queued and self._queued[0].number <= wait.number:
            other = self._queued.popleft()
            if not other.ended:
                other.since = now
                self._working[other.number] = other
        self.finish(wait)

    def finish(self, wait: PendingRequest) -> None:
        """Note that a try is over, however it ended."""
        wait.ended = True
        self._working.pop(wait.number, None)

    def overdue(self, now: float) -> Iterator[PendingRequest]:
        """Yield the tries whose time is up, the longest first."""
        late = [wait for wait in self._working.values() if now - wait.since >= self.seconds]
        if self.silent(now):
            late += [wait for wait in self._queued if not wait.ended and now - wait.since >= self.seconds]
        yield from late

    def silent(self, now: float) -> bool:
        """Whether nothing was answered for as long as one try may take."""
        return now - self._heard >= self.seconds

    def cancel_overdue(self, now: float) -> None:
        """Cancel the tasks whose time is up; `overdue` tells them why."""
        for wait in self.overdue(now):
            if not wait.overdue and wait.task is not None:
                wait.overdue = True
                wait.task.cancel()
