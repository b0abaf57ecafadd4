"""Timeouts of single attempts, in which the time in the server's queue does not count.

A server starts requests roughly in the order in which they arrive. So a request is being processed at the latest when
one that was sent after it is answered, and its time runs from there; while nothing later is answered, its time runs
from the last response of any kind. A busy server is therefore waited for as long as it makes progress, while a request
that hangs, or a server that responds to nothing, ends after `seconds`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator


class PendingRequest:
    """One attempt, and the task that waits for its response. `overdue` is set when its time is up."""

    __slots__ = ("ended", "number", "overdue", "since", "task")

    def __init__(self, number: int, now: float, task: asyncio.Task[object] | None) -> None:
        self.number = number
        self.since = now
        self.task = task
        self.ended = False
        self.overdue = False


class RequestTimeouts:
    """The pending requests of one server. `now` is a monotonic time in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._count = 0
        self._last_response = 0.0
        self._queued: deque[PendingRequest] = deque()
        self._processing: dict[int, PendingRequest] = {}

    def start(self, now: float, task: asyncio.Task[object] | None = None) -> PendingRequest:
        """Note a request that is sent now; `task` waits for its response."""
        self._count += 1
        pending = PendingRequest(self._count, now, task)
        self._queued.append(pending)
        return pending

    def record_response(self, pending: PendingRequest, now: float) -> None:
        """Note a complete response: every request sent before this one is being processed by now."""
        self._last_response = now
        while self._queued and self._queued[0].number <= pending.number:
            earlier = self._queued.popleft()
            if not earlier.ended:
                earlier.since = now
                self._processing[earlier.number] = earlier
        self.finish(pending)

    def finish(self, pending: PendingRequest) -> None:
        """Note that an attempt has ended, whatever its result."""
        pending.ended = True
        self._processing.pop(pending.number, None)

    def overdue(self, now: float) -> Iterator[PendingRequest]:
        """Yield the attempts whose time is up, the longest first."""
        overdue = [pending for pending in self._processing.values() if now - pending.since >= self.seconds]
        if self.is_silent(now):
            overdue += [each for each in self._queued if not each.ended and now - each.since >= self.seconds]
        yield from overdue

    def is_silent(self, now: float) -> bool:
        """Whether the server has answered nothing for as long as one attempt may take."""
        return now - self._last_response >= self.seconds

    def cancel_overdue(self, now: float) -> None:
        """Cancel the tasks of the attempts whose time is up; `overdue` distinguishes that from other cancellations."""
        for pending in self.overdue(now):
            if not pending.overdue and pending.task is not None:
                pending.overdue = True
                pending.task.cancel()
