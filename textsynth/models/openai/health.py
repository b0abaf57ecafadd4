"""What goes on beside the requests: time-outs, looks at the engines' metrics, looks after servers that are away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from textsynth.core.errors import ModelError
from textsynth.http.body import ProtocolError
from textsynth.http.pool import ConnectError
from textsynth.models.openai.concurrency import ConcurrencyLimiter
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.load_balancer import LoadBalancer

TICK_SECONDS = (0.02, 0.1)
POLL_SECONDS = (0.1, 0.5)
"""Looks at the metrics come quickly at first, when the number in flight is far from what it should be."""


class HealthMonitor:
    """Ticks while a client is at work; nothing in here makes a request wait."""

    def __init__(self, servers: LoadBalancer, flight: ConcurrencyLimiter, timeout_seconds: float) -> None:
        self._servers = servers
        self._flight = flight
        self._tick = min(TICK_SECONDS[1], max(TICK_SECONDS[0], timeout_seconds / 20))
        self._ticking: asyncio.Task[None] | None = None
        self._errands: dict[str, asyncio.Task[None]] = {}
        self._poll_at = 0.0
        self._poll_pause = POLL_SECONDS[0]

    @property
    def started(self) -> bool:
        """Whether it ticks."""
        return self._ticking is not None

    def start(self) -> None:
        """Begin to tick."""
        self._ticking = asyncio.ensure_future(self._go())

    async def stop(self) -> None:
        """Stop, and end what is under way."""
        tasks = [*self._errands.values()] + ([self._ticking] if self._ticking is not None else [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._ticking = None

    async def _go(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for replica in self._servers.replicas:
                replica.waits.cancel_overdue(now)
            if now >= self._poll_at:
                self._poll(now)
                self._poll_at = now + self._poll_pause
                self._poll_pause = min(POLL_SECONDS[1], 1.5 * self._poll_pause)
            for replica in self._servers.due_for_check(now):
                self._errand(f"look at {replica.address.url}", partial(self._look_at, replica))
            await asyncio.sleep(self._tick)

    def _poll(self, now: float) -> None:
        for replica in self._servers.replicas:
            if replica.polls and replica.pace.found and not replica.resting:
                self._errand(f"poll {replica.address.url}", partial(self._poll_one, replica, now))

    async def _poll_one(self, replica: Endpoint, now: float) -> None:
        await replica.poll_metrics(now, pressed=self._flight.has_backlog)
        self._flight.dispatch()

    async def _look_at(self, replica: Endpoint) -> None:
        try:
            await replica.check_health()
        except (ConnectError, ProtocolError, OSError):
            return
        except ModelError as fault:
            self._flight.abort(fault)
            return
        self._servers.readmit(replica)
        self._flight.dispatch()

    def _errand(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run one thing beside the others, unless the same is still under way."""
        if name in self._errands:
            return
        task = asyncio.ensure_future(work())
        self._errands[name] = task
        task.add_done_callback(lambda _: self._errands.pop(name, None))
