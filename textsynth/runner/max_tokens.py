"""Limits of answers: a generator most of whose answers were cut off before a text could be read may write longer ones.

Limits change between windows only, from what was committed, so a run that is repeated from its journal raises them at
the same place. An answer of which some texts could be read is no reason: many prompts are meant to be cut off.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from textsynth.core.records import Completion, GenerationRequest

MOSTLY = 0.5
FEWEST = 8
HIGHEST = 4


@dataclass(slots=True)
class _Limit:
    """Of one generator: the limit it asks for, by how much it is raised, and whether that is the last word."""

    base: int
    factor: int = 1
    final: bool = False


class AdaptiveMaxTokens:
    """The limits of a run's generators, by item. At most four times what the prompt or the recipe says."""

    def __init__(self) -> None:
        self._limits: dict[str, _Limit] = {}

    def apply(self, asks: Sequence[GenerationRequest]) -> list[GenerationRequest]:
        """Return the asks with the limits that hold now."""
        return [self._applied(ask) for ask in asks]

    def update(
        self, asks: Sequence[GenerationRequest], completions: Sequence[Completion | None], read: Collection[int]
    ) -> list[str]:
        """Take note of a committed window, in plan order; `read` are the places whose answers held a text.

        Returns a sentence for each limit that changes.
        """
        told: list[str] = []
        for item, limit in self._limits.items():
            places = [
                place
                for place, ask in enumerate(asks)
                # an earlier limit may still be on its way
                if ask.step == item and ask.sampling.max_tokens == limit.base * limit.factor
            ]
            if len(places) >= FEWEST and not limit.final:
                told += self._changed(
                    item, limit, [completions[place] for place in places if place not in read], places
                )
        return told

    def stale_requests(self, asks: Sequence[GenerationRequest], read: Collection[int]) -> set[int]:
        """Return the places of asks without a text whose limit is no longer asked with: they say nothing of later ones.

        To be asked after `learn`.
        """
        found: set[int] = set()
        for place, ask in enumerate(asks):
            limit = self._limits.get(ask.step)
            now = None if limit is None else limit.base * limit.factor
            if ask.prompt is not None and place not in read and ask.sampling.max_tokens != now:
                found.add(place)
        return found

    def _applied(self, ask: GenerationRequest) -> GenerationRequest:
        if ask.prompt is None:
            return ask
        limit = self._limits.setdefault(ask.step, _Limit(ask.sampling.max_tokens))
        if limit.factor == 1:
            return ask
        return replace(ask, sampling=replace(ask.sampling, max_tokens=ask.sampling.max_tokens * limit.factor))

    def _changed(
        self, item: str, limit: _Limit, unread: Sequence[Completion | None], places: Sequence[int]
    ) -> list[str]:
        cut = sum(one is not None and one.finish == "length" for one in unread)
        failed = sum(one is not None and one.failure is not None and one.finish != "length" for one in unread)
        now = limit.base * limit.factor
        if limit.factor > 1 and failed > MOSTLY * len(places):
            limit.factor //= 2
            limit.final = True
            return [f"{item}: most requests with max_tokens {now} failed: back to {limit.base * limit.factor}"]
        if cut > MOSTLY * len(places) and limit.factor < HIGHEST:
            limit.factor *= 2
            return [
                f"{item}: {cut} of {len(places)} answers were cut at max_tokens {now} with no text in them:"
                f" asked with {limit.base * limit.factor} from then on; set sampling.max_tokens to spare these tokens"
            ]
        return []
