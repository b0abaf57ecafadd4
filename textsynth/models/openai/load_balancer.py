"""Distribution of requests over several servers of one model.

A prompt goes to the server that got prompts with the same beginning, which keeps its prefix cache warm (rendezvous
hashing, Thaler and Ravishankar 1998), unless that server is clearly busier than another one. A server that cannot be
reached is ejected: it gets no requests, is checked now and then, and is readmitted once it responds.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

from textsynth.core.records import RenderedPrompt
from textsynth.models.openai.endpoint import Endpoint

OVERLOAD_FACTOR = 1.25
OVERLOAD_MARGIN = 8
"""The server with the warm cache may have this many requests, beyond the factor, more than the least busy one."""
MIN_CHECK_INTERVAL_SECONDS = 0.5
MAX_CHECK_INTERVAL_SECONDS = 10.0
CHECK_INTERVAL_GROWTH = 1.6


class LoadBalancer:
    """Selects among endpoints that all serve the same model."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        self.endpoints = list(endpoints)
        for endpoint in self.endpoints:
            endpoint.peers = [peer for peer in self.endpoints if peer is not endpoint]
        self._checks: dict[str, tuple[float, float]] = {}  # by URL: time of the next check, and the interval before it

    @property
    def limit(self) -> int:
        """How many requests may be in flight at all available servers; that of the largest where none is available."""
        limits = [endpoint.concurrency.limit for endpoint in self.endpoints if not endpoint.ejected]
        return sum(limits) or max(endpoint.concurrency.limit for endpoint in self.endpoints)

    def select(self, prompt: RenderedPrompt, now: float) -> Endpoint:
        """Return the server for a prompt."""
        if len(self.endpoints) == 1:
            return self.endpoints[0]
        available = [endpoint for endpoint in self.endpoints if not endpoint.ejected] or self.endpoints
        ready = [endpoint for endpoint in available if endpoint.paused_until <= now] or available
        least_busy = min(ready, key=lambda endpoint: (endpoint.in_flight / endpoint.concurrency.limit, endpoint.url))
        prefix_hash = _prefix_hash(prompt)
        preferred = max(ready, key=lambda endpoint: zlib.crc32(endpoint.url.encode(), prefix_hash))
        max_in_flight = OVERLOAD_FACTOR * least_busy.in_flight + OVERLOAD_MARGIN
        has_capacity = preferred.in_flight < preferred.concurrency.limit and preferred.in_flight <= max_in_flight
        return preferred if has_capacity else least_busy

    def eject(self, endpoint: Endpoint, now: float) -> bool:
        """Leave a server out from now on; return False, and keep it, where no other one is available."""
        if all(peer.ejected for peer in endpoint.peers):
            return False
        if not endpoint.ejected:
            endpoint.ejected = True
            self._checks[endpoint.url] = (now + MIN_CHECK_INTERVAL_SECONDS, MIN_CHECK_INTERVAL_SECONDS)
        return True

    def readmit(self, endpoint: Endpoint) -> bool:
        """Send requests to a server again; return whether it was ejected."""
        was_ejected, endpoint.ejected = endpoint.ejected, False
        self._checks.pop(endpoint.url, None)
        return was_ejected

    def due_for_check(self, now: float) -> list[Endpoint]:
        """Return the ejected servers to check now, at intervals that grow."""
        due: list[Endpoint] = []
        for endpoint in self.endpoints:
            check_at, interval = self._checks.get(endpoint.url, (0.0, MIN_CHECK_INTERVAL_SECONDS))
            if endpoint.ejected and now >= check_at:
                interval = min(MAX_CHECK_INTERVAL_SECONDS, CHECK_INTERVAL_GROWTH * interval)
                self._checks[endpoint.url] = (now + interval, interval)
                due.append(endpoint)
        return due


@lru_cache(maxsize=4096)  # a batch of requests has few different prompts
def _prefix_hash(prompt: RenderedPrompt) -> int:
    """Return a hash of the beginning of a prompt.

    Its length is the largest power of two within three quarters of the prompt: the same for prompts that differ at
    their end only.
    """
    text = prompt.text or "\x1f".join(message.content for message in prompt.messages)
    max_length = max(1, 3 * len(text) // 4)
    return zlib.crc32(text[: 1 << (max_length.bit_length() - 1)].encode("utf-8", "surrogatepass"))
