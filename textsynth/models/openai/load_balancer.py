"""Several servers of one model side by side: which one gets a request.

A prompt goes where prompts with the same beginning went, so that each server's prefix cache stays warm (rendezvous
hashing, Thaler and Ravishankar 1998), unless that server has clearly more to do than another. One that is away rests:
it gets nothing, is looked at now and then, and comes back when it answers.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

from textsynth.core.records import RenderedPrompt
from textsynth.models.openai.endpoint import Endpoint

OVERLOADED = 1.25
SPARE_SLOTS = 8
PAUSE_SECONDS = (0.5, 10.0)


class LoadBalancer:
    """Chooses among replicas; all of them serve `model`."""

    def __init__(self, replicas: Sequence[Endpoint]) -> None:
        self.replicas = list(replicas)
        for replica in self.replicas:
            replica.beside = [other for other in self.replicas if other is not replica]
        self._looks: dict[int, tuple[float, float]] = {}

    @property
    def limit(self) -> int:
        """How many requests may be under way at all servers that are there; at least one server's, when none is."""
        there = [replica.pace.limit for replica in self.replicas if not replica.resting]
        return sum(there) or max(replica.pace.limit for replica in self.replicas)

    def choose(self, prompt: RenderedPrompt, now: float) -> Endpoint:
        """Return the server for a prompt; where none is there, the one that is asked least."""
        if len(self.replicas) == 1:
            return self.replicas[0]
        there = [one for one in self.replicas if not one.resting] or self.replicas
        ready = [one for one in there if one.quiet_until <= now] or there
        least = min(ready, key=lambda one: (one.in_flight / one.pace.limit, one.address.url))
        beginning = _beginning(prompt)
        home = max(ready, key=lambda one: zlib.crc32(one.address.url.encode(), beginning))
        fits = home.in_flight < home.pace.limit and home.in_flight <= OVERLOADED * least.in_flight + SPARE_SLOTS
        return home if fits else least

    def eject(self, replica: Endpoint, now: float) -> bool:
        """Leave a server out from now on, if another one is there; return whether that is so."""
        if not any(not other.resting for other in self.replicas if other is not replica):
            return False
        if not replica.resting:
            replica.resting = True
            self._looks[id(replica)] = (now + PAUSE_SECONDS[0], PAUSE_SECONDS[0])
        return True

    def readmit(self, replica: Endpoint) -> bool:
        """Take a server that answers in again; return whether it was left out."""
        was, replica.resting = replica.resting, False
        self._looks.pop(id(replica), None)
        return was

    def due_for_check(self, now: float) -> list[Endpoint]:
        """Return the resting servers that should be looked at now, each less often from time to time."""
        due: list[Endpoint] = []
        for replica in self.replicas:
            at, pause = self._looks.get(id(replica), (0.0, PAUSE_SECONDS[0]))
            if replica.resting and now >= at:
                longer = min(PAUSE_SECONDS[1], 1.6 * pause)
                self._looks[id(replica)] = (now + longer, longer)
                due.append(replica)
        return due


@lru_cache(maxsize=4096)  # a window asks few prompts many times
def _beginning(prompt: RenderedPrompt) -> int:
    """Return a hash of the stable part of a prompt: of what comes first, the power of two next below three quarters."""
    told = prompt.text or "\x1f".join(message.content for message in prompt.messages)
    most = max(1, 3 * len(told) // 4)
    return zlib.crc32(told[: 1 << (most.bit_length() - 1)].encode("utf-8", "surrogatepass"))
