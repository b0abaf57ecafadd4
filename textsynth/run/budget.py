"""The budget: how many requests, tokens and minutes a run may spend, charged in plan order at commit."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from textsynth.records import Ask, Completion

CHARACTERS_A_TOKEN = 4


class Budget:
    """Counts what was planned and spent. None means no limit; retries are not charged.

    Minutes are counted from construction and looked at between windows only: the one thing a clock decides.
    """

    def __init__(self, *, requests: int | None, tokens: int | None, minutes: float | None) -> None:
        self._requests = requests
        self._tokens = tokens
        self._ends = None if minutes is None else time.monotonic() + 60 * minutes
        self._planned = 0
        self._answered = 0
        self._spent = 0
        self._reserved = 0
        self.spent_out: str | None = None

    def room(self, most: int, *, tokens_an_ask: int) -> int:
        """Return how many more asks may be planned, at most `most`; 0 notes which limit was reached."""
        if self._ends is not None and time.monotonic() >= self._ends:
            self.spent_out = "minutes"
            return 0
        room = most
        if self._requests is not None:
            room = min(room, self._requests - self._planned)
            if room <= 0:
                self.spent_out = "requests"
                return 0
        if self._tokens is not None:
            each = max(1, self._spent // self._answered if self._answered else tokens_an_ask)
            flying = self._planned - self._answered
            room = min(room, math.floor((self._tokens - self._spent - flying * each) / each))
            if room <= 0 and not flying:
                self.spent_out = "tokens"
        return max(room, 0)

    def planned(self, asks: Sequence[Ask]) -> None:
        """Note requests that are on their way."""
        self._planned += sum(ask.prompt is not None for ask in asks)

    def charge(self, completions: Sequence[Completion | None]) -> None:
        """Book answers, in plan order."""
        for completion in completions:
            if completion is not None:
                self._answered += 1
                self._spent += completion.prompt_tokens + completion.completion_tokens


def tokens_of(ask: Ask) -> int:
    """Return a cautious guess of an ask's tokens before any answer is known: the prompt's, and all it may write."""
    if ask.prompt is None:
        return 0
    characters = len(ask.prompt.text) + sum(len(turn.content) for turn in ask.prompt.messages)
    return characters // CHARACTERS_A_TOKEN + ask.sampling.max_tokens
