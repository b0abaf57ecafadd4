"""What an engine tells of itself at `/metrics` (vLLM, in the text format of Prometheus)."""

from __future__ import annotations

import re
from typing import NamedTuple

_LINE = re.compile(
    rb"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc|gpu_cache_usage_perc)"
    rb"(?:\{.*\})? ([-+0-9.eE]+)\s*$",
    re.MULTILINE,
)


class Load(NamedTuple):
    """One look at a server: requests it works on and requests in its queue, summed over its engines.

    `memory` is the fullest engine's share of used key-value cache, 0 to 1.
    """

    running: int = 0
    waiting: int = 0
    memory: float = 0.0


def read_load(page: bytes) -> Load | None:
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
    return Load(
        int(sums[b"num_requests_running"]),
        int(sums[b"num_requests_waiting"]),
        most.get(b"kv_cache_usage_perc", most.get(b"cache_usage_perc", 0.0)),
    )
