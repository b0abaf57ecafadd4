"""Walking a source: what is rewritten comes in turn, each text in each of several ways, then all of it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import GenerationRequest, Record

Way = TypeVar("Way")


class RoundRobin(Generic[Way]):
    """Pairs of a record and a way to rewrite it, without end: all records first, then all of them one way further.

    Neighbours are rewritten in different ways; after as many rounds as there are ways every pair was used once.
    """

    def __init__(self, records: Sequence[Record], ways: Sequence[Way]) -> None:
        self._records = records
        self._ways = ways
        self._turn = 0

    @property
    def exhausted(self) -> bool:
        """Whether every pair was used once; so it is from the start where there are no records."""
        return self._turn >= len(self._records) * len(self._ways)

    @property
    def empty(self) -> bool:
        """Whether there are no records."""
        return not self._records

    def next(self) -> tuple[Record, Way]:
        """Return the next pair; not to be called where it is empty."""
        rounds, place = divmod(self._turn, len(self._records))
        self._turn += 1
        return self._records[place], self._ways[(place + rounds) % len(self._ways)]


def requests_from(
    walk_for: Callable[[QuotaDeficit], RoundRobin[Way]],
    ask: Callable[[Record, Way], GenerationRequest],
    short: Sequence[QuotaDeficit],
    *,
    texts: int,
    room: int,
) -> list[GenerationRequest]:
    """Return at most `room` asks for the shortfalls, `texts` an ask, each for the next pair of the shortfall's walk.

    A shortfall that wants one way through only gets none once its walk is through.
    """
    asks: list[GenerationRequest] = []
    for shortfall in short:
        walk = walk_for(shortfall)
        for _ in range(-(-shortfall.candidates // texts)):
            if walk.empty or (shortfall.single_pass and walk.exhausted) or len(asks) >= room:
                break
            asks.append(ask(*walk.next()))
    return asks
