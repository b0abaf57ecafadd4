"""Round-robin over the rows of a source: each row in each variant once, then all of them again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from textsynth.core.records import GenerationRequest, Record
from textsynth.core.sessions import QuotaDeficit

Variant = TypeVar("Variant")


class RoundRobin(Generic[Variant]):
    """An endless series of pairs of a record and a variant, such as the style in which it is rewritten.

    It goes through all records, and then through all of them again with each one's next variant. Neighbours have
    different variants; after as many rounds as there are variants every pair was used once.
    """

    def __init__(self, records: Sequence[Record], variants: Sequence[Variant]) -> None:
        self._records = records
        self._variants = variants
        self._position = 0

    @property
    def exhausted(self) -> bool:
        """Whether every pair was used once; True from the start where there are no records."""
        return self._position >= len(self._records) * len(self._variants)

    @property
    def empty(self) -> bool:
        """Whether there are no records."""
        return not self._records

    def next(self) -> tuple[Record, Variant]:
        """Return the next pair. Call it only where the series is not empty."""
        round_number, index = divmod(self._position, len(self._records))
        self._position += 1
        return self._records[index], self._variants[(index + round_number) % len(self._variants)]


def plan_round_robin(
    pairs_for: Callable[[QuotaDeficit], RoundRobin[Variant]],
    make_request: Callable[[Record, Variant], GenerationRequest],
    deficits: Sequence[QuotaDeficit],
    *,
    texts_per_request: int,
    max_requests: int,
) -> list[GenerationRequest]:
    """Return at most `max_requests` requests for the deficits, each for the next pair of the deficit's series.

    A deficit with `single_pass` gets none once every pair of its series was used.
    """
    requests: list[GenerationRequest] = []
    for deficit in deficits:
        pairs = pairs_for(deficit)
        for _ in range(math.ceil(deficit.candidates / texts_per_request)):
            if pairs.empty or (deficit.single_pass and pairs.exhausted) or len(requests) >= max_requests:
                break
            requests.append(make_request(*pairs.next()))
    return requests
