"""The client behind `http` and `vllm`: sends requests to the servers of one model, and repeats those that fail.

The way of a request: `complete` puts it into the queue of the ConcurrencyLimiter, which calls `_answer`; there the
LoadBalancer selects an Endpoint for each attempt, and the RetryPolicy decides what follows a failed one. Timeouts come
from the HealthMonitor, which cancels the attempts that the Endpoint's RequestTimeouts call overdue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NoReturn

from textsynth.core.errors import ModelError, did_you_mean
from textsynth.core.records import Completion, ModelRequest
from textsynth.http.pool import raise_file_limit
from textsynth.http.response import Response
from textsynth.models import OnCompletion
from textsynth.models.openai import protocol
from textsynth.models.openai.aimd import MAX_LIMIT
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.endpoint import Endpoint
from textsynth.models.openai.health import HealthMonitor
from textsynth.models.openai.load_balancer import LoadBalancer
from textsynth.models.openai.retry import ErrorClassifier, RetryPolicy, RetryState, TransientError


class Client:
    """Answers requests through OpenAI-compatible servers of one model.

    A `concurrency` of None adapts the limit of each server while it runs; `retried` counts the repeated attempts.
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        concurrency: int | None,
        retries: int,
        max_downtime_seconds: float,
        log: Callable[[str], None],
    ) -> None:
        self.retried = 0
        self._config = config
        self._log = log
        self._logged: set[tuple[str, str]] = set()
        self._balancer = LoadBalancer(
            [Endpoint(url, config, concurrency=concurrency, log=log) for url in config.base_urls]
        )
        self._limiter = ConcurrencyLimiter(
            lambda: self._balancer.limit, self._answer, group_key=self._group_key, max_group_size=self._max_group_size
        )
        self._health_monitor = HealthMonitor(self._balancer, self._limiter, config.timeout_seconds)
        address = " and ".join(endpoint.display_url for endpoint in self._balancer.endpoints)
        self._retry_policy = RetryPolicy(retries=retries, max_downtime_seconds=max_downtime_seconds, address=address)
        self._error_classifier = ErrorClassifier(config.model, config.api_keys, config.api_key_env)
        self._requeued: dict[str, RetryState] = {}  # of requests that wait again after an attempt

    @property
    def in_flight(self) -> int:
        """The number of requests in flight."""
        return self._limiter.in_flight

    @property
    def limit(self) -> int:
        """How many requests may be in flight at present."""
        return self._balancer.limit

    async def complete(self, requests: Sequence[ModelRequest], on_completion: OnCompletion) -> None:
        """Answer all requests, within one limit over all calls; see `Model.complete`."""
        if not self._health_monitor.is_running:
            raise_file_limit(2 * MAX_LIMIT * len(self._balancer.endpoints))
            self._health_monitor.start()
        await self._limiter.run(requests, on_completion)

    async def close(self) -> None:
        """Close the connections."""
        await self._health_monitor.stop()
        for endpoint in self._balancer.endpoints:
            endpoint.close()
        await asyncio.sleep(0)  # a transport closes its socket in the next iteration of the loop

    def _group_key(self, request: ModelRequest) -> Hashable:
        """Return what is equal for requests that can be sent as one; None for one that must be sent alone."""
        if request.key in self._requeued or not self._config.allows_n(request):
            return None
        return request.prompt, request.sampling, request.constraint

    def _max_group_size(self, request: ModelRequest) -> int:
        return self._balancer.select(request.prompt, asyncio.get_running_loop().time()).max_n

    async def _answer(self, group: RequestGroup) -> list[Completion]:
        """Return the completions of a group, after as many attempts as it takes; see `AnswerGroup`."""
        now = asyncio.get_running_loop().time
        first = group.requests[0]
        state = self._requeued.pop(first.key, None) or RetryState(first.key, now())
        try:
            while True:
                endpoint = self._balancer.select(first.prompt, now())
                if endpoint.paused_until > now():
                    await asyncio.sleep(endpoint.paused_until - now())
                if len(group.requests) > 1:
                    capacity = min(endpoint.max_n, endpoint.concurrency.limit - endpoint.in_flight)
                    self._requeue(group, group.requests[max(1, capacity) :], state)
                result = await self._attempt(endpoint, group.requests)
                if not isinstance(result, TransientError):
                    self._retry_policy.record_success(state, now())
                    self._logged.discard((endpoint.display_url, "unreachable"))
                    return self._keep_answered(group, result)
                delay = self._next_delay(endpoint, state, result)
                is_group = len(group.requests) > 1
                if delay is None and not is_group:
                    failure = f"given up after {state.attempts} attempts: {result.message}"
                    return [Completion("", failure=failure)]
                self.retried += 1
                await asyncio.sleep(delay or 0.0)
                if is_group and (delay is None or result.kind in ("broken", "unavailable")):
                    self._split(endpoint, group, state, result)
        finally:
            self._retry_policy.release(state)

    async def _attempt(
        self, endpoint: Endpoint, requests: Sequence[ModelRequest]
    ) -> list[Completion | None] | TransientError:
        """Send requests as one; return their completions, or the error that another attempt may avoid."""
        endpoint.in_flight += len(requests)
        try:
            result = await endpoint.complete(requests[0], len(requests))
            if isinstance(result, list):
                self._error_classifier.answered += 1
                self._adapt_concurrency(endpoint, result)
        finally:
            endpoint.in_flight -= len(requests)
        if isinstance(result, TransientError) and result.kind == "broken" and result.cure:
            self._error_classifier.record_malformed(result, endpoint.description)
        if not isinstance(result, Response):
            return result
        error = self._error_classifier.classify(result, endpoint.description)
        if error is None:
            return await self._raise_not_found(endpoint, result)
        return error if isinstance(error, TransientError) else [error] * len(requests)

    def _adapt_concurrency(self, endpoint: Endpoint, completions: Sequence[Completion | None]) -> None:
        now = asyncio.get_running_loop().time()
        for completion in completions:
            characters = 0 if completion is None else len(completion.text)
            endpoint.concurrency.on_success(characters, now, saturated=self._limiter.has_backlog)

    def _next_delay(self, endpoint: Endpoint, state: RetryState, error: TransientError) -> float | None:
        """Return the seconds to wait before the next attempt, None to give the request up; see RetryPolicy."""
        now = asyncio.get_running_loop().time()
        timed_out = error.kind == "unavailable" and not error.server_responded
        if error.kind == "rate_limited" or timed_out:
            endpoint.concurrency.on_backpressure(now)
        self._log_once(endpoint, error)
        is_down = error.kind == "unreachable" or (
            error.kind == "unavailable" and (error.server_responded or endpoint.timeouts.is_silent(now))
        )
        can_switch = is_down and self._balancer.eject(endpoint, now)
        if can_switch and state.endpoint_switches < len(self._balancer.endpoints):
            state.endpoint_switches += 1
            return 0.0
        delay = self._retry_policy.next_delay(state, error, now)
        if delay is not None and error.retry_after_seconds is not None:
            endpoint.paused_until = max(endpoint.paused_until, now + delay)
        return delay

    def _keep_answered(self, group: RequestGroup, completions: Sequence[Completion | None]) -> list[Completion]:
        """Return the completions that came, one a request in their order; requests without one wait again."""
        pairs = list(zip(group.requests, completions, strict=False))
        unanswered = [request for request, completion in pairs if completion is None]
        now = asyncio.get_running_loop().time()
        for request in unanswered:
            self._requeued[request.key] = RetryState(request.key, now, counted_attempts=1, attempts=1)
        self.retried += len(unanswered)
        requeued = unanswered + group.requests[len(pairs) :]
        if requeued:
            self._limiter.requeue(group, requeued)
        return [completion for _, completion in pairs if completion is not None]

    def _split(self, endpoint: Endpoint, group: RequestGroup, state: RetryState, error: TransientError) -> None:
        """Continue with the first request of a group that failed; the others are sent alone."""
        if error.server_responded or error.kind == "unavailable":
            endpoint.reduce_n(len(group.requests))
        self.retried += len(group.requests) - 1
        self._requeue(group, group.requests[1:], state)

    def _requeue(self, group: RequestGroup, requests: Sequence[ModelRequest], state: RetryState) -> None:
        """Let requests of a group wait again; after an attempt they are sent alone, and keep its count."""
        if not requests:
            return
        if state.attempts:
            self._requeued.update((request.key, replace(state, key=request.key)) for request in requests)
        self._limiter.requeue(group, requests)

    def _log_once(self, endpoint: Endpoint, error: TransientError) -> None:
        line = (endpoint.display_url, error.kind)
        if line not in self._logged and error.kind != "broken":
            self._logged.add(line)
            self._log(f"{endpoint.display_url}: {error.message}; trying again")

    async def _raise_not_found(self, endpoint: Endpoint, response: Response) -> NoReturn:
        """Raise ModelError with the cause of a 404 or 405: no API at this address, or no such model."""
        message = self._error_classifier.redact(protocol.server_message(response.body))
        models = await endpoint.list_models()
        model = self._config.model
        if models is None:
            raise ModelError(
                f"no OpenAI-compatible API at {endpoint.display_url} (HTTP {response.status}: {message!r});"
                " base_url usually ends with /v1"
            )
        if model in models:
            raise ModelError(
                f"{endpoint.description} lists the model {model!r} but answers HTTP {response.status}: {message!r}"
            )
        raise ModelError(f"{endpoint.description} has no model {model!r}{did_you_mean(model, models)}")
