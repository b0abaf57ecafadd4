"""The texts of a window whose answers are still arriving: parsed in plan order, and counted for the progress display.

A window is filtered when all of it is answered, so that no record depends on which answer came first. Until then its
answers are parsed up to the first request without one, and the quick filters are asked which of these texts they would
drop. That changes no filter's memory, and takes a small part of the time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, ModelRequest, Record

LOOK_SECONDS = 0.25
"""How often the answers of an open window are looked at."""
MAX_SHARE = 0.03
"""The part of the time that the quick filters may take for the count."""
MAX_TEXTS = 2000
"""A window with more texts, of given rows, is counted when it is complete."""

Parse = Callable[[GenerationRequest, ModelRequest | None, Completion | None], Sequence[Record | DroppedRecord]]
FilterQuickly = Callable[[Sequence[Record]], Awaitable[Sequence[Record]]]
"""Returns the records that no quick filter drops."""


@dataclass(slots=True)
class OpenWindow:
    """The requests of a window in plan order, the answers so far by key, and what was parsed from the first ones."""

    requests: list[GenerationRequest]
    model_requests: list[ModelRequest | None]
    answers: dict[str, Completion] = field(default_factory=dict)
    parsed: list[Sequence[Record | DroppedRecord]] = field(default_factory=list)

    def parse_next(self, limit: int, parse: Parse, read: Callable[[Completion], Completion]) -> bool:
        """Parse at most `limit` answers more, up to the first request without one; return whether any was parsed.

        `read` returns what of an answer is parsed. A window with follow-ups is not parsed before it is complete.
        """
        if any(request.max_follow_ups for request in self.requests):
            return False
        start = len(self.parsed)
        for request, model_request in self._next_answered(start, limit):
            completion = None if model_request is None else read(self.answers[model_request.key])
            self.parsed.append(parse(request, model_request, completion))
        return len(self.parsed) > start

    def candidates(self) -> list[Record]:
        """Return the texts that were parsed."""
        return [item for items in self.parsed for item in items if isinstance(item, Record)]

    def _next_answered(self, start: int, limit: int) -> Iterator[tuple[GenerationRequest, ModelRequest | None]]:
        for index in range(start, min(start + limit, len(self.requests))):
            model_request = self.model_requests[index]
            if model_request is not None and model_request.key not in self.answers:
                return
            yield self.requests[index], model_request


@dataclass(slots=True)
class OpenTexts:
    """How many texts were parsed in the open window, how many of them are undecided, and the newest undecided one."""

    candidates: int = 0
    undecided: int = 0
    latest_text: str = ""


class OpenTextCounter:
    """Counts the texts of the open window in `texts`, in at most MAX_SHARE of the time by `clock`."""

    def __init__(self, filter_quickly: FilterQuickly, clock: Callable[[], float]) -> None:
        self.texts = OpenTexts()
        self._filter_quickly = filter_quickly
        self._clock = clock
        self._next_look = 0.0
        self._counted = 0

    async def count(self, window: OpenWindow) -> None:
        """Count the texts that were parsed; those that are undecided only if that may take its time again."""
        self.texts.candidates = parsed = sum(map(len, window.parsed))
        started = self._clock()
        if parsed in (self._counted, 0) or started < self._next_look or parsed > MAX_TEXTS:
            return
        undecided = await self._filter_quickly(window.candidates())
        self._counted = parsed
        ended = self._clock()
        self._next_look = ended + (ended - started) / MAX_SHARE
        self.texts.undecided = len(undecided)
        if undecided:
            self.texts.latest_text = undecided[-1].text

    def close_window(self) -> None:
        """Count nothing, as the texts of the window are committed now."""
        self._counted = 0
        self.texts.candidates = self.texts.undecided = 0
        self.texts.latest_text = ""
