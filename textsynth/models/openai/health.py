"""Background work of a client: timeouts, polls of the engines' metrics, and checks of ejected servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from textsynth.core.errors import ModelError
from textsynth.http.pool import ConnectError
from textsynth.http.response import ProtocolError
from textsynth.models.openai.concurrency import ConcurrencyLimiter
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.load_balancer import LoadBalancer

MIN_TICK_SECONDS, MAX_TICK_SECONDS = 0.02, 0.1
MIN_POLL_INTERVAL_SECONDS, MAX_POLL_INTERVAL_SECONDS = 0.1, 0.5
POLL_INTERVAL_GROWTH = 1.5
"""Metrics are polled often at first, while the concurrency is still far from its best value."""


class HealthMonitor:
    """Works at regular intervals while a client is in use, and never makes a request wait."""

    def __init__(self, balancer: LoadBalancer, limiter: ConcurrencyLimiter, timeout_seconds: float) -> None:
        self._balancer = balancer
        self._limiter = limiter
        self._tick_seconds = min(MAX_TICK_SECONDS, max(MIN_TICK_SECONDS, timeout_seconds / 20))
        self._loop_task: asyncio.Task[None] | None = None
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._next_poll = 0.0
        self._poll_interval = MIN_POLL_INTERVAL_SECONDS

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return self._loop_task is not None

    def start(self) -> None:
        """Start the background work."""
        self._loop_task = asyncio.ensure_future(self._loop())

    async def stop(self) -> None:
        """Stop the background work, and cancel what is in progress."""
        tasks = [*self._jobs.values()] + ([self._loop_task] if self._loop_task is not None else [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loop_task = None

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for endpoint in self._balancer.endpoints:
                endpoint.timeouts.cancel_overdue(now)
            if now >= self._next_poll:
                self._poll_all(now)
                self._next_poll = now + self._poll_interval
                self._poll_interval = min(MAX_POLL_INTERVAL_SECONDS, POLL_INTERVAL_GROWTH * self._poll_interval)
            for endpoint in self._balancer.due_for_check(now):
                self._start_job(f"check {endpoint.url}", partial(self._check, endpoint))
            await asyncio.sleep(self._tick_seconds)

    def _poll_all(self, now: float) -> None:
        for endpoint in self._balancer.endpoints:
            if endpoint.has_metrics and endpoint.concurrency.is_adaptive and not endpoint.ejected:
                self._start_job(f"poll {endpoint.url}", partial(self._poll, endpoint, now))

    async def _poll(self, endpoint: Endpoint, now: float) -> None:
        await endpoint.poll_metrics(now, saturated=self._limiter.has_backlog)
        self._limiter.dispatch()

    async def _check(self, endpoint: Endpoint) -> None:
        try:
            await endpoint.check_model()
        except (ConnectError, ProtocolError, OSError):
            return
        except ModelError as error:
            self._limiter.abort(error)
            return
        self._balancer.readmit(endpoint)
        self._limiter.dispatch()

    def _start_job(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a job in the background, unless the same one is still in progress."""
        if name in self._jobs:
            return
        task = asyncio.ensure_future(work())
        self._jobs[name] = task
        task.add_done_callback(lambda _: self._jobs.pop(name, None))
