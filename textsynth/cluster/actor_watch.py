"""Waits for the actors of one pool, and decides how often one that has ended is started again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from textsynth.cluster.connection import Cluster, reason_of
from textsynth.cluster.restarts import MAX_ENDS, restart_pause
from textsynth.core.errors import ClusterError

POLL_SECONDS = 1.0


class ActorWatch:
    """The waiting for a pool's actors, by one thread at a time; `name` is the pool's, for messages.

    An answer takes at most `seconds`, with the start of an actor. `log` gets a line where an actor has ended.
    """

    def __init__(self, cluster: Cluster, name: str, seconds: float, log: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._name = name
        self._seconds = seconds
        self._log = log
        self._ends = 0
        self._closed = threading.Event()

    def close(self) -> None:
        """Let what waits end with a ClusterError; another thread may call it."""
        self._closed.set()

    def deadline(self) -> float:
        """Return the time, by the monotonic clock, by which there must be an answer."""
        return time.monotonic() + self._seconds

    def wait(self, references: Sequence[Any], deadline: float) -> list[Any]:
        """Return the references that have a result. Raises ClusterError after the time limit, or once it is closed."""
        while True:
            if self._closed.is_set():
                raise ClusterError(f"{self._name} was closed")
            ready, _ = self._cluster.ray.wait(references, timeout=POLL_SECONDS)
            if ready:
                return list(ready)
            if time.monotonic() > deadline:
                raise ClusterError(f"{self._name}: no worker has answered for {self._seconds / 60:.0f} minutes")

    def note_answer(self) -> None:
        """Take note that an actor does its work."""
        self._ends = 0

    def note_end(self, name: str, reason: Exception) -> None:
        """Pause before the actor with this name is started again. Raises ClusterError where too many have ended."""
        self._ends += 1
        if self._ends >= MAX_ENDS:
            raise ClusterError(f"{name} has ended, as {self._ends} have without an answer: {reason_of(reason)}")
        self._log(f"{name} has ended ({type(reason).__name__}); it is started again")
        self._closed.wait(restart_pause(self._ends))
