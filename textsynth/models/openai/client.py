"""The client behind `http` and `vllm`: sends a request, reads the answer, tries again, and knows when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NoReturn

from textsynth.core.errors import ModelError, did_you_mean
from textsynth.core.records import Completion, ModelRequest
from textsynth.http.connection import Reply
from textsynth.http.pool import raise_file_limit
from textsynth.models import OnCompletion
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.aimd import MAXIMUM
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.health import HealthMonitor
from textsynth.models.openai.load_balancer import LoadBalancer
from textsynth.models.openai.retry import ErrorClassifier, RetryPolicy, RetryState, TransientError


class Client:
    """Answers requests through OpenAI-compatible servers of one model.

    `in_flight` None finds the number for each server while it works; `retried` counts the tries repeated so far.
    """

    def __init__(
        self,
        target: EndpointConfig,
        *,
        in_flight: int | None,
        retries: int,
        patience_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self.retried = 0
        self._target = target
        self._servers = LoadBalancer([Endpoint(url, target, in_flight=in_flight, say=say) for url in target.base_urls])
        self._flight = ConcurrencyLimiter(lambda: self._servers.limit, self._answer, kind=self._kind, most=self._most)
        self._begun: dict[str, RetryState] = {}  # requests that wait again, after a try together
        self._tending = HealthMonitor(self._servers, self._flight, target.timeout_seconds)
        address = " and ".join(replica.name for replica in self._servers.replicas)
        self._patience = RetryPolicy(retries=retries, seconds=patience_seconds, address=address)
        self._refusals = ErrorClassifier(target.model, target.api_key, target.api_key_env)
        self._say = say
        self._told: set[tuple[str, str]] = set()

    @property
    def in_flight(self) -> int:
        """Requests under way now."""
        return self._flight.in_flight

    @property
    def limit(self) -> int:
        """How many may be under way at once, as far as that is known by now."""
        return self._servers.limit

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, within the limit in flight over all calls; see `Model.complete`."""
        if not self._tending.started:
            raise_file_limit(MAXIMUM * len(self._servers.replicas))
            self._tending.start()
        await self._flight.run(requests, on_completion)

    async def close(self) -> None:
        """Close the connections."""
        await self._tending.stop()
        for replica in self._servers.replicas:
            replica.close()
        await asyncio.sleep(0)  # a connection lets go of its socket in the next turn of the loop

    def _kind(self, request: ModelRequest) -> Hashable:
        """Return what is the same for requests that differ in their draw alone; None for one that goes alone."""
        if request.key in self._begun or not self._target.max_n(request):
            return None
        return request.prompt, request.sampling, request.constraint

    def _most(self, request: ModelRequest) -> int:
        return self._servers.choose(request.prompt, asyncio.get_running_loop().time()).completions_per_request

    async def _answer(self, group: RequestGroup) -> list[Completion]:
        now = asyncio.get_running_loop().time
        first = group.requests[0]
        attempt = self._begun.pop(first.key, None) or RetryState(first.key, now())
        try:
            while True:
                replica = self._servers.choose(first.prompt, now())
                if replica.quiet_until > now():
                    await asyncio.sleep(replica.quiet_until - now())
                if len(group.requests) > 1:
                    room = min(replica.completions_per_request, replica.pace.limit - replica.in_flight)
                    self._leave(group, group.requests[max(1, room) :], attempt)
                found = await self._try(replica, group.requests)
                if not isinstance(found, TransientError):
                    self._patience.record_success(attempt, now())
                    if self._told:
                        self._told.discard((replica.name, "away"))
                    return self._kept(group, found)
                pause = self._pause(replica, attempt, found)
                together = len(group.requests) > 1
                if pause is None and not together:
                    return [Completion("", failure=f"given up after {attempt.tries} tries: {found.sentence}")]
                self.retried += 1
                await asyncio.sleep(pause or 0.0)
                if together and (pause is None or found.kind in ("broken", "down")):
                    self._part(replica, group, attempt, found)
        finally:
            self._patience.release(attempt)

    def _part(self, replica: Endpoint, group: RequestGroup, attempt: RetryState, found: TransientError) -> None:
        """Go on with the first of a group that came to nothing; the others go alone."""
        if found.server_responded or found.kind == "down":
            replica.reduce_completions(len(group.requests))
        self.retried += len(group.requests) - 1
        self._leave(group, group.requests[1:], attempt)

    def _leave(self, group: RequestGroup, requests: Sequence[ModelRequest], attempt: RetryState) -> None:
        """Let requests of a group wait again; those that were tried go alone, and their tries count."""
        if not requests:
            return
        if attempt.tries:
            self._begun.update((request.key, replace(attempt, key=request.key)) for request in requests)
        self._flight.requeue(group, requests)

    def _kept(self, group: RequestGroup, found: Sequence[Completion | None]) -> list[Completion]:
        """Return the answers that came, one a request in their order; what got none waits again."""
        pairs = list(zip(group.requests, found, strict=False))
        without = [request for request, one in pairs if one is None]
        now = asyncio.get_running_loop().time()
        self._begun.update((one.key, RetryState(one.key, now, counted_tries=1, tries=1)) for one in without)
        self.retried += len(without)
        left = without + group.requests[len(pairs) :]
        if left:
            self._flight.requeue(group, left)
        return [one for _, one in pairs if one is not None]

    async def _try(
        self, replica: Endpoint, requests: Sequence[ModelRequest]
    ) -> list[Completion | None] | TransientError:
        replica.in_flight += len(requests)
        try:
            found = await replica.complete(requests[0], len(requests))
            if isinstance(found, list):
                self._refusals.answered += 1
                now = asyncio.get_running_loop().time()
                for one in found:
                    replica.pace.on_success(
                        0 if one is None else len(one.text), now, saturated=self._flight.has_backlog
                    )
        finally:
            replica.in_flight -= len(requests)
        if not isinstance(found, Reply):
            return found
        refusal = self._refusals.classify(found, replica.label)
        if refusal is None:
            return await self._unknown(replica, found)
        return refusal if isinstance(refusal, TransientError) else [refusal] * len(requests)

    def _pause(self, replica: Endpoint, attempt: RetryState, trouble: TransientError) -> float | None:
        """Return the seconds to wait before the next try, None to give the request up; see `Patience.wait`."""
        now = asyncio.get_running_loop().time()
        timed_out = trouble.kind == "down" and not trouble.server_responded
        if trouble.kind == "busy" or timed_out:
            replica.pace.on_backpressure(now)
        self._tell(replica, trouble)
        gone = trouble.kind == "away" or (
            trouble.kind == "down" and (trouble.server_responded or replica.waits.silent(now))
        )
        if gone and self._servers.eject(replica, now) and attempt.endpoint_switches < len(self._servers.replicas):
            attempt.endpoint_switches += 1
            return 0.0
        pause = self._patience.next_delay(attempt, trouble, now)
        if pause is not None and trouble.retry_after_seconds is not None:
            replica.quiet_until = max(replica.quiet_until, now + pause)
        return pause

    def _tell(self, replica: Endpoint, trouble: TransientError) -> None:
        known = (replica.name, trouble.kind)
        if known not in self._told and trouble.kind != "broken":
            self._told.add(known)
            self._say(f"{replica.name}: {trouble.sentence}; trying again")

    async def _unknown(self, replica: Endpoint, reply: Reply) -> NoReturn:
        said = self._refusals.redact(wire.server_message(reply.body))
        names = await replica.model_info()
        model = self._target.model
        if names is None:
            raise ModelError(
                f"no OpenAI-compatible interface at {replica.name} (HTTP 404: {said!r}); base_url mostly ends with /v1"
            )
        if model in names:
            raise ModelError(f"{replica.label} has the model {model!r} but answers 404: {said!r}")
        raise ModelError(f"{replica.label} has no model {model!r}{did_you_mean(model, names)}")
