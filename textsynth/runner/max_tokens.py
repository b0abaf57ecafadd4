"""Adaptive max_tokens: raises the limit of a generator most of whose answers are cut off before any text can be parsed.

Limits change at commits only, and depend on committed answers only, so a run that is repeated from its journal changes
them at the same place. An answer of which some texts can be parsed counts as complete: with many prompts the cut is
intended.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from textsynth.core.records import Completion, GenerationRequest

MAJORITY = 0.5
MIN_REQUESTS = 8
MAX_FACTOR = 4


@dataclass(slots=True)
class _Limit:
    """The max_tokens of one generator: what its prompt or the recipe sets, the factor by which it is raised.

    `final` limits are not changed any more.
    """

    base: int
    factor: int = 1
    final: bool = False

    @property
    def tokens(self) -> int:
        """The limit of requests planned now."""
        return self.base * self.factor


class AdaptiveMaxTokens:
    """The limits of a run's generators, by name; at most four times what the prompt or the recipe sets."""

    def __init__(self) -> None:
        self._limits: dict[str, _Limit] = {}

    def apply(self, requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
        """Return the requests with the current limits."""
        return [self._apply(request) for request in requests]

    def update(
        self,
        requests: Sequence[GenerationRequest],
        completions: Sequence[Completion | None],
        with_texts: Collection[int],
    ) -> list[str]:
        """Update the limits from a committed window, in plan order; return a sentence for each limit that changes.

        `with_texts` are the indexes of the answers of which a text could be parsed.
        """
        notes: list[str] = []
        for name, limit in self._limits.items():
            indexes = [
                index
                for index, request in enumerate(requests)
                # A window that was in flight at the last change still has the earlier limit.
                if request.step == name and request.sampling.max_tokens == limit.tokens
            ]
            if len(indexes) >= MIN_REQUESTS and not limit.final:
                without_texts = [completions[index] for index in indexes if index not in with_texts]
                notes += _change(name, limit, without_texts, len(indexes))
        return notes

    def stale_requests(self, requests: Sequence[GenerationRequest], with_texts: Collection[int]) -> set[int]:
        """Return the indexes of requests without a text whose limit has changed since: they say nothing of later ones.

        Call it after `update`.
        """
        stale: set[int] = set()
        for index, request in enumerate(requests):
            limit = self._limits.get(request.step)
            current = None if limit is None else limit.tokens
            if request.prompt is not None and index not in with_texts and request.sampling.max_tokens != current:
                stale.add(index)
        return stale

    def _apply(self, request: GenerationRequest) -> GenerationRequest:
        if request.prompt is None:
            return request
        limit = self._limits.setdefault(request.step, _Limit(request.sampling.max_tokens))
        if limit.factor == 1:
            return request
        return replace(
            request, sampling=replace(request.sampling, max_tokens=request.sampling.max_tokens * limit.factor)
        )


def _change(name: str, limit: _Limit, without_texts: Sequence[Completion | None], requests: int) -> list[str]:
    """Change the limit where most of the `requests` failed or were cut off; return the sentence about it."""
    answers = [completion for completion in without_texts if completion is not None]
    cut = sum(completion.finish == "length" for completion in answers)
    failed = sum(completion.failure is not None and completion.finish != "length" for completion in answers)
    before = limit.tokens
    if limit.factor > 1 and failed > MAJORITY * requests:
        limit.factor //= 2
        limit.final = True
        return [f"{name}: most requests with max_tokens {before} failed: back to {limit.tokens}"]
    if cut > MAJORITY * requests and limit.factor < MAX_FACTOR:
        limit.factor *= 2
        return [
            f"{name}: {cut} of {requests} answers were cut at max_tokens {before} with no text in them; "
            f"max_tokens is {limit.tokens} from now on: set sampling.max_tokens to save these tokens"
        ]
    return []
