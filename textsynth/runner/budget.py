"""The budget: how many requests, tokens and minutes a run may spend, charged in plan order at a window's commit."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence

from textsynth.core.records import Completion, GenerationRequest

CHARACTERS_PER_TOKEN = 4
# With a limit of tokens only this many requests are planned at first, to see how long the prompts are; fewer, down to
# one, where this many tokens for each would exceed the limit.
PROBE_REQUESTS, PROBE_TOKENS = 8, 500
# Once the minutes are over, texts that were answered in time may still be labelled for this long: this many seconds,
# or this share of the minutes.
GRACE_SECONDS, GRACE_SHARE = 10.0, 0.06


class RunBudget:
    """Counts what was planned and spent. None means no limit; retries are not charged.

    A text that passes the filters takes `labelling` requests more, and a request may lead to `max_follow_ups`. Planned
    windows reserve both and release them at their commit, so that no limit is exceeded by labels or follow-ups. Minutes
    count from construction, less the seconds that were used before: the one thing a clock decides. Once they are over,
    answers in the journal are still used, so windows may be planned until one lacks answers.
    """

    def __init__(
        self,
        *,
        requests: int | None,
        tokens: int | None,
        minutes: float | None,
        labelling: int = 0,
        clock: Callable[[], float] = time.monotonic,
        used_seconds: float = 0.0,
    ) -> None:
        self._clock = clock
        self._requests = requests
        self._tokens = tokens
        self._deadline = None if minutes is None else clock() + 60 * minutes - used_seconds
        self._grace = 0.0 if minutes is None else max(GRACE_SECONDS, GRACE_SHARE * 60 * minutes)
        self._labelling = labelling
        self._planned = 0
        self._answered = 0
        self._spent_tokens = 0
        self._reserved = 0
        self.exhausted_limit: str | None = None

    def available(
        self, limit: int, *, tokens_per_request: int, texts_per_request: int = 1, follow_ups_per_request: int = 0
    ) -> int:
        """Return how many more requests may be planned, at most `limit`; 0 notes the limit that was reached.

        `tokens_per_request` is an estimate until the first answer, 0 where nothing was planned yet.
        """
        if self.exhausted_limit == "minutes":
            return 0
        cost = 1 + texts_per_request * self._labelling + follow_ups_per_request
        if self._tokens is not None and not tokens_per_request:
            limit = min(limit, max(1, min(PROBE_REQUESTS, self._tokens // PROBE_TOKENS) // cost))
        nearest, remaining = self._remaining(tokens_per_request)
        available = math.floor(min(limit, remaining / cost))
        if available <= 0 and not self._may_be_released(nearest):
            # What remains may be enough for one text and its label.
            available = int(remaining >= 1 + self._labelling + follow_ups_per_request)
            if not available:
                self.exhausted_limit = nearest
        return max(available, 0)

    def split_affordable(
        self, requests: Sequence[GenerationRequest], *, tokens_per_request: int
    ) -> tuple[list[GenerationRequest], list[GenerationRequest]]:
        """Return the planned requests that may be sent now, and those after them that may not, in their order.

        A request may be sent if the limits allow its longest chain of follow-ups and the labels of its texts. Existing
        rows always may, and so do requests among which none has follow-ups: `available` has counted these.
        """
        if not any(request.max_follow_ups for request in requests):
            return list(requests), []
        nearest, remaining = self._remaining(tokens_per_request)
        affordable: list[GenerationRequest] = []
        deferred: list[GenerationRequest] = []
        spent = 0
        for request in requests:
            cost = self._further_requests([request]) + (request.prompt is not None)
            if not deferred and not spent and cost > remaining and not self._may_be_released(nearest):
                # What remains may be enough for one of the texts.
                cost = 1 + request.max_follow_ups + self._labelling
                if cost > remaining:
                    self.exhausted_limit = nearest
            if not cost or (not deferred and spent + cost <= remaining):
                affordable.append(request)
                spent += cost
            else:
                deferred.append(request)
        return affordable, deferred

    def affordable(self, sizes: Sequence[int], *, tokens_per_request: int) -> int:
        """Return how many of the first texts may be labelled; `sizes` are the requests that each of them takes."""
        nearest, remaining = self._remaining(tokens_per_request)
        for index, total in enumerate(itertools.accumulate(sizes)):
            if total > remaining:
                self.exhausted_limit = nearest
                return index
        return len(sizes)

    def seconds_left(self, *, for_labels: bool = False) -> float | None:
        """Return the seconds until the minutes are over, at least 0; None without a limit.

        `for_labels` adds the time in which texts that were answered before may still be labelled.
        """
        if self._deadline is None:
            return None
        return max(0.0, self._deadline + self._grace * for_labels - self._clock())

    def record_timeout(self) -> None:
        """Note that requests were not sent or cancelled because the minutes are over."""
        self.exhausted_limit = "minutes"

    def record_planned(self, requests: Sequence[GenerationRequest]) -> None:
        """Count requests that are planned or sent."""
        self._planned += sum(request.prompt is not None for request in requests)

    def reserve(self, requests: Sequence[GenerationRequest]) -> None:
        """Reserve what follow-ups and the labels of their texts may take; nothing for given rows, which always come."""
        self._reserved += self._further_requests(requests)

    def release(self, requests: Sequence[GenerationRequest]) -> None:
        """Give back what was reserved for these requests."""
        self._reserved -= self._further_requests(requests)

    def charge(self, completions: Sequence[Completion | None]) -> None:
        """Charge answers, in plan order."""
        for completion in completions:
            if completion is not None:
                self._answered += 1
                self._spent_tokens += completion.prompt_tokens + completion.completion_tokens

    def deduct(self, completions: Sequence[Completion | None]) -> None:
        """Lower the limits by these answers: they are unlike later ones, so they enter no average."""
        answers = [completion for completion in completions if completion is not None]
        if self._requests is not None:
            self._requests -= len(answers)
        if self._tokens is not None:
            self._tokens -= sum(answer.prompt_tokens + answer.completion_tokens for answer in answers)

    def _remaining(self, tokens_per_request: int) -> tuple[str, float]:
        """Return the nearest limit, and how many requests remain under it that nothing else may need."""
        nearest = ("", math.inf)
        if self._requests is not None:
            nearest = ("requests", self._requests - self._planned - self._reserved)
        if self._tokens is not None:
            mean = max(1, self._spent_tokens // self._answered if self._answered else tokens_per_request)
            unanswered = self._planned - self._answered + self._reserved
            remaining = (self._tokens - self._spent_tokens - unanswered * mean) / mean
            nearest = min(nearest, ("tokens", remaining), key=lambda limit: limit[1])
        return nearest

    def _may_be_released(self, limit: str) -> bool:
        """Whether what is in flight may need less than was reserved for it."""
        return self._reserved > 0 or (limit == "tokens" and self._planned > self._answered)

    def _further_requests(self, requests: Sequence[GenerationRequest]) -> int:
        return sum(
            self._labelling * request.candidates + request.max_follow_ups
            for request in requests
            if request.prompt is not None
        )


def estimate_tokens(request: GenerationRequest) -> int:
    """Return a cautious estimate of a request's tokens before any answer: the prompt's, and all it may generate."""
    if request.prompt is None:
        return 0
    characters = len(request.prompt.text) + sum(len(message.content) for message in request.prompt.messages)
    return characters // CHARACTERS_PER_TOKEN + request.sampling.max_tokens
