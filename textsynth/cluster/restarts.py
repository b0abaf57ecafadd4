"""How often a worker that ends is started again, and after which pause."""

from __future__ import annotations

MAX_ENDS = 6
"""A worker that ends so often without an answer in between is given up."""
FIRST_PAUSE_SECONDS = 0.2


def restart_pause(ends: int) -> float:
    """Return the seconds before the next start: twice as many after each end; `ends` counts them from 1."""
    return FIRST_PAUSE_SECONDS * 2.0 ** (ends - 1)
