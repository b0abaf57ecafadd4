"""How many requests a server gets at once, found while it works.

Where the engine says how many wait in its queue (`/metrics`), the number grows until a few do, and shrinks when more
than those do: so it is never idle, and nothing waits long. Where it says nothing, the number grows while that brings
more text a second, and goes back when it does not. A 429 or a time-out halves it (additive increase, multiplicative
decrease; Chiu and Jain 1989).
"""

from __future__ import annotations

import re
from typing import NamedTuple

INITIAL = 64
MINIMUM = 4
MAXIMUM = 1024
GROWTH = 1.5
MIN_GAIN = 1.07
EPOCH_SECONDS = 0.25
REST_EPOCHS = 12
COOLDOWN_SECONDS = 1.0
FRESH_SECONDS = 5.0


class AimdLimit:
    """The limit in flight at one server. A `given` number never changes; `now` is a monotonic time in seconds."""

    def __init__(self, given: int | None = None) -> None:
        self.limit = INITIAL if given is None else given
        self.found = given is None
        self._told_at: float | None = None
        self._pushed_at: float | None = None
        self._began: float | None = None
        self._answers = self._full = self._work = 0
        self._best = 0.0
        self._best_limit = self.limit
        self._rest = 0

    def on_metrics(self, load: EngineLoad, in_flight: int, now: float, *, saturated: bool) -> None:
        """Take in what the engine says of itself, while `in_flight` of ours are there.

        `pressed` says that further requests wait on our side, so that the limit is what holds them.
        """
        if not self.found:
            return
        self._told_at = now
        some = max(MINIMUM, load.running // 8)
        arrived = load.running + load.waiting >= 0.9 * in_flight  # else the last step has not been felt yet
        if load.waiting > some:
            self._set(min(self.limit, in_flight) - (load.waiting - some))
        elif load.waiting == 0 and arrived and saturated and not self._pushed(now, 10 * COOLDOWN_SECONDS):
            self._set(self.limit * GROWTH)

    def on_success(self, work: int, now: float, *, saturated: bool) -> None:
        """Note an answer of `work` characters; `pressed` as in `told`."""
        if not self.found or (self._told_at is not None and now - self._told_at < FRESH_SECONDS):
            return
        if self._began is None:
            self._begin(now)
            return
        self._answers += 1
        self._full += saturated
        self._work += work + 1
        if self._answers >= self.limit and now - self._began >= EPOCH_SECONDS:
            if self._full >= 0.8 * self._answers:
                self._judge(self._work / (now - self._began))
            self._begin(now)

    def on_backpressure(self, now: float) -> None:
        """Note a 429, or a time-out: at most one a second makes the number smaller."""
        if self.found and not self._pushed(now, COOLDOWN_SECONDS):
            self._pushed_at = now
            self._set(self.limit / 2)
            self._best_limit, self._best, self._rest = self.limit, 0.0, REST_EPOCHS
            self._began = None

    def _judge(self, rate: float) -> None:
        """Compare an epoch's characters a second with the best so far, and choose the next number."""
        if self._rest > 0:
            self._rest -= 1
            self._best = rate if not self._rest or not self._best else 0.7 * self._best + 0.3 * rate
            if not self._rest:
                self._grow(rate)
        elif self.limit == self._best_limit or rate > MIN_GAIN * self._best:
            self._best = rate
            self._grow(rate)
        else:
            self._set(self._best_limit)
            self._rest = REST_EPOCHS

    def _grow(self, rate: float) -> None:
        self._best_limit = self.limit
        self._best = rate
        self._set(self.limit * GROWTH)
        if self.limit == self._best_limit:
            self._rest = REST_EPOCHS

    def _begin(self, now: float) -> None:
        self._began = now
        self._answers = self._full = self._work = 0

    def _set(self, limit: float) -> None:
        self.limit = max(MINIMUM, min(MAXIMUM, round(limit)))

    def _pushed(self, now: float, seconds: float) -> bool:
        return self._pushed_at is not None and now - self._pushed_at < seconds


_LINE = re.compile(
    rb"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc)"
    rb"(?:\{.*\})? ([-+0-9.eE]+)\s*$",
    re.MULTILINE,
)


class EngineLoad(NamedTuple):
    """One look at a server: requests it works on and requests in its queue, summed over its engines.

    `memory` is the fullest engine's share of used key-value cache, 0 to 1.
    """

    running: int = 0
    waiting: int = 0
    memory: float = 0.0


def parse_metrics(page: bytes) -> EngineLoad | None:
    """Return what the page says, or None where it is no engine's that we know."""
    sums: dict[bytes, float] = {}
    most: dict[bytes, float] = {}
    for found in _LINE.finditer(page):
        name = found[1].removeprefix(b"gpu_")
        try:
            value = float(found[2])
        except ValueError:
            continue
        if 0 <= value < 1e18:
            sums[name] = sums.get(name, 0.0) + value
            most[name] = max(most.get(name, 0.0), value)
    if b"num_requests_running" not in sums or b"num_requests_waiting" not in sums:
        return None
    return EngineLoad(
        int(sums[b"num_requests_running"]),
        int(sums[b"num_requests_waiting"]),
        most.get(b"kv_cache_usage_perc", most.get(b"cache_usage_perc", 0.0)),
    )
