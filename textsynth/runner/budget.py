"""The budget: how many requests, tokens and minutes a run may spend, charged in plan order at commit."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence

from textsynth.core.records import Completion, GenerationRequest

CHARACTERS_PER_TOKEN = 4
# So many asks are planned at first under a limit of tokens, to see how long the prompts are; fewer, down to one, where
# this many tokens for each would be too many.
PROBE_REQUESTS, PROBE_TOKENS = 8, 500


class RunBudget:
    """Counts what was planned and spent. None means no limit; retries are not charged.

    A text that passes the filters takes `labelling` requests more. Planned windows reserve them for every text that
    they may bring, and give back at their commit what was not needed, so that neither limit is overrun by labels.
    Minutes are counted from construction and looked at between windows only: the one thing a clock decides.
    """

    def __init__(
        self, *, requests: int | None, tokens: int | None, minutes: float | None, labelling: int = 0
    ) -> None:  # fmt: skip
        self._requests = requests
        self._tokens = tokens
        self._ends = None if minutes is None else time.monotonic() + 60 * minutes
        self._labelling = labelling
        self._planned = 0
        self._answered = 0
        self._spent = 0
        self._reserved = 0
        self.exhausted_limit: str | None = None

    def available(self, most: int, *, tokens_an_ask: int, texts_an_ask: int = 1) -> int:
        """Return how many more asks may be planned, at most `most`; 0 notes which limit was reached.

        `tokens_an_ask` is a guess for as long as no answer is known, 0 where nothing was planned yet.
        """
        if self._ends is not None and time.monotonic() >= self._ends:
            self.exhausted_limit = "minutes"
            return 0
        each = 1 + texts_an_ask * self._labelling
        if self._tokens is not None and not tokens_an_ask:
            most = min(most, max(1, min(PROBE_REQUESTS, self._tokens // PROBE_TOKENS) // each))
        limit, left = self._left(tokens_an_ask)
        room = math.floor(min(most, left / each))
        if room <= 0 and not self._under_way(limit):
            # What is left may be enough for one text and its label.
            room = int(left >= 1 + self._labelling)
            if not room:
                self.exhausted_limit = limit
        return max(room, 0)

    def affordable(self, sizes: Sequence[int], *, tokens_an_ask: int) -> int:
        """Return how many of the first texts may be labelled, where labelling them takes so many requests each."""
        limit, left = self._left(tokens_an_ask)
        for place, whole in enumerate(itertools.accumulate(sizes)):
            if whole > left:
                self.exhausted_limit = limit
                return place
        return len(sizes)

    def record_planned(self, asks: Sequence[GenerationRequest]) -> None:
        """Note requests that are on their way."""
        self._planned += sum(ask.prompt is not None for ask in asks)

    def reserve(self, asks: Sequence[GenerationRequest]) -> None:
        """Keep free what labels of these asks' texts may take; of given rows nothing, as they come whatever is left."""
        self._reserved += self._labels_of(asks)

    def release(self, asks: Sequence[GenerationRequest]) -> None:
        """Give back what was kept free for these asks."""
        self._reserved -= self._labels_of(asks)

    def charge(self, completions: Sequence[Completion | None]) -> None:
        """Book answers, in plan order."""
        for completion in completions:
            if completion is not None:
                self._answered += 1
                self._spent += completion.prompt_tokens + completion.completion_tokens

    def deduct(self, completions: Sequence[Completion | None]) -> None:
        """Lower the limits by what these answers took: they are unlike what comes later, and no average is taken."""
        found = [one for one in completions if one is not None]
        if self._requests is not None:
            self._requests -= len(found)
        if self._tokens is not None:
            self._tokens -= sum(one.prompt_tokens + one.completion_tokens for one in found)

    def _left(self, tokens_an_ask: int) -> tuple[str, float]:
        """Return which limit is nearest, and how many requests are left under it that nothing else may need."""
        found = ("", math.inf)
        if self._requests is not None:
            found = ("requests", self._requests - self._planned - self._reserved)
        if self._tokens is not None:
            each = max(1, self._spent // self._answered if self._answered else tokens_an_ask)
            flying = self._planned - self._answered + self._reserved
            left = (self._tokens - self._spent - flying * each) / each
            found = min(found, ("tokens", left), key=lambda one: one[1])
        return found

    def _under_way(self, limit: str) -> bool:
        """Whether what is on its way may yet need less than was kept free for it."""
        return self._reserved > 0 or (limit == "tokens" and self._planned > self._answered)

    def _labels_of(self, asks: Sequence[GenerationRequest]) -> int:
        return self._labelling * sum(ask.candidates for ask in asks if ask.prompt is not None)


def estimate_tokens(ask: GenerationRequest) -> int:
    """Return a cautious guess of an ask's tokens before any answer is known: the prompt's, and all it may write."""
    if ask.prompt is None:
        return 0
    characters = len(ask.prompt.text) + sum(len(turn.content) for turn in ask.prompt.messages)
    return characters // CHARACTERS_PER_TOKEN + ask.sampling.max_tokens
