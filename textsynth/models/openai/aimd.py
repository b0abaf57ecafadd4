"""The concurrency limit of one server, adapted while requests run; and the engine metrics that it is adapted to.

Where the engine says how many requests wait in its queue (`/metrics`), the limit grows until a few do, and shrinks when
more do: so the engine is never idle, and no request waits long. Where it says nothing, the limit grows as long as that
yields more text a second, and returns to the best value when it does not. A 429 or a timeout halves it (additive
increase, multiplicative decrease; Chiu and Jain 1989).
"""

from __future__ import annotations

import re
from typing import NamedTuple

INITIAL_LIMIT = 64
MIN_LIMIT = 4
MAX_LIMIT = 1024
GROWTH = 1.5
MIN_GAIN = 1.07
"""A step up must yield this factor more text a second to be kept."""
EPOCH_SECONDS = 0.25
REST_EPOCHS = 12
"""After a step that yielded nothing, so many epochs pass before the next one."""
COOLDOWN_SECONDS = 1.0
METRICS_VALID_SECONDS = 5.0
QUEUE_SHARE = 8
"""The aim is a queue of at most an eighth of the running requests."""

_METRIC = re.compile(
    rb"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc)"
    rb"(?:\{.*\})? ([-+0-9.eE]+)\s*$",
    re.MULTILINE,
)
MAX_METRIC_VALUE = 1e18


class EngineLoad(NamedTuple):
    """The load of a server: requests running and waiting, summed over its engines.

    `cache_usage` is the used share, 0 to 1, of the fullest engine's key-value cache.
    """

    running: int = 0
    waiting: int = 0
    cache_usage: float = 0.0


def parse_metrics(page: bytes) -> EngineLoad | None:
    """Return the load in a page of Prometheus metrics; None where the page is not that of a vLLM."""
    sums: dict[bytes, float] = {}
    maxima: dict[bytes, float] = {}
    for match in _METRIC.finditer(page):
        name = match[1].removeprefix(b"gpu_")
        try:
            value = float(match[2])
        except ValueError:
            continue
        if 0 <= value < MAX_METRIC_VALUE:
            sums[name] = sums.get(name, 0.0) + value
            maxima[name] = max(maxima.get(name, 0.0), value)
    if b"num_requests_running" not in sums or b"num_requests_waiting" not in sums:
        return None
    return EngineLoad(
        int(sums[b"num_requests_running"]),
        int(sums[b"num_requests_waiting"]),
        maxima.get(b"kv_cache_usage_perc", maxima.get(b"cache_usage_perc", 0.0)),
    )


class AimdLimit:
    """The concurrency limit of one server. A `fixed` limit never changes; `now` is a monotonic time in seconds."""

    def __init__(self, fixed: int | None = None) -> None:
        self.limit = INITIAL_LIMIT if fixed is None else fixed
        self.is_adaptive = fixed is None
        self._last_metrics: float | None = None
        self._last_backpressure: float | None = None
        self._best_rate = 0.0
        self._best_limit = self.limit
        self._rest_epochs = 0
        self._epoch_start: float | None = None
        self._epoch_responses = self._epoch_saturated = self._epoch_characters = 0

    def on_metrics(self, load: EngineLoad, in_flight: int, now: float, *, saturated: bool) -> None:
        """Adapt to the load that the engine reports while `in_flight` of our requests are there.

        `saturated` says that further requests wait on our side, so that the limit is what holds them back.
        """
        if not self.is_adaptive:
            return
        self._last_metrics = now
        queue_aim = max(MIN_LIMIT, load.running // QUEUE_SHARE)
        has_arrived = load.running + load.waiting >= 0.9 * in_flight  # else the last step has not taken effect yet
        if load.waiting > queue_aim:
            self._set(min(self.limit, in_flight) - (load.waiting - queue_aim))
        elif load.waiting == 0 and has_arrived and saturated and not self._backed_off(now, 10 * COOLDOWN_SECONDS):
            self._set(self.limit * GROWTH)

    def on_success(self, characters: int, now: float, *, saturated: bool) -> None:
        """Adapt to a response with this many characters, where there are no metrics; `saturated` as in `on_metrics`."""
        has_metrics = self._last_metrics is not None and now - self._last_metrics < METRICS_VALID_SECONDS
        if not self.is_adaptive or has_metrics:
            return
        if self._epoch_start is None:
            self._start_epoch(now)
            return
        self._epoch_responses += 1
        self._epoch_saturated += saturated
        self._epoch_characters += characters + 1
        if self._epoch_responses >= self.limit and now - self._epoch_start >= EPOCH_SECONDS:
            if self._epoch_saturated >= 0.8 * self._epoch_responses:
                self._on_epoch_end(self._epoch_characters / (now - self._epoch_start))
            self._start_epoch(now)

    def on_backpressure(self, now: float) -> None:
        """Halve the limit after a 429 or a timeout, at most once a second."""
        if self.is_adaptive and not self._backed_off(now, COOLDOWN_SECONDS):
            self._last_backpressure = now
            self._set(self.limit / 2)
            self._best_limit, self._best_rate, self._rest_epochs = self.limit, 0.0, REST_EPOCHS
            self._epoch_start = None

    def _on_epoch_end(self, rate: float) -> None:
        """Compare an epoch's rate (characters a second) with the best so far, and choose the next limit."""
        if self._rest_epochs > 0:
            self._rest_epochs -= 1
            is_over = self._rest_epochs == 0
            self._best_rate = rate if is_over or not self._best_rate else 0.7 * self._best_rate + 0.3 * rate
            if is_over:
                self._grow(rate)
        elif self.limit == self._best_limit or rate > MIN_GAIN * self._best_rate:
            self._grow(rate)
        else:
            self._set(self._best_limit)
            self._rest_epochs = REST_EPOCHS

    def _grow(self, rate: float) -> None:
        self._best_limit = self.limit
        self._best_rate = rate
        self._set(self.limit * GROWTH)
        if self.limit == self._best_limit:
            self._rest_epochs = REST_EPOCHS

    def _start_epoch(self, now: float) -> None:
        self._epoch_start = now
        self._epoch_responses = self._epoch_saturated = self._epoch_characters = 0

    def _set(self, limit: float) -> None:
        self.limit = max(MIN_LIMIT, min(MAX_LIMIT, round(limit)))

    def _backed_off(self, now: float, seconds: float) -> bool:
        """Whether the limit was halved within these seconds."""
        return self._last_backpressure is not None and now - self._last_backpressure < seconds
