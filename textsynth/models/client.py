"""The client behind `http` and `vllm`: sends a request, reads the answer, tries again, and knows when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

from textsynth.errors import ModelError, nearest
from textsynth.models import Arrived, wire
from textsynth.models.connections import allow_files
from textsynth.models.exchange import Reply
from textsynth.models.flight import Flight
from textsynth.models.pace import MOST
from textsynth.models.patience import Attempt, Patience, Trouble
from textsynth.models.refusal import Refusals
from textsynth.models.replica import Replica
from textsynth.models.servers import Servers
from textsynth.models.target import Target
from textsynth.models.tending import Tending
from textsynth.records import Completion, Request


class Client:
    """Answers requests through OpenAI-compatible servers of one model.

    `in_flight` None finds the number for each server while it works; `retried` counts the tries repeated so far.
    """

    def __init__(
        self,
        target: Target,
        *,
        in_flight: int | None,
        retries: int,
        patience_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self.retried = 0
        self._target = target
        self._servers = Servers([Replica(url, target, in_flight=in_flight, say=say) for url in target.base_urls])
        self._flight = Flight(lambda: self._servers.limit, self._answer)
        self._tending = Tending(self._servers, self._flight, target.timeout_seconds)
        address = " and ".join(replica.name for replica in self._servers.replicas)
        self._patience = Patience(retries=retries, seconds=patience_seconds, address=address)
        self._refusals = Refusals(target.model, target.key, target.key_env)
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

    async def complete(self, requests: Sequence[Request], arrived: Arrived) -> None:
        """Answer all requests, within the limit in flight over all calls; see `Model.complete`."""
        if not self._tending.started:
            allow_files(MOST * len(self._servers.replicas))
            self._tending.start()
        await self._flight.run(requests, arrived)

    async def close(self) -> None:
        """Close the connections."""
        await self._tending.stop()
        for replica in self._servers.replicas:
            replica.close()
        await asyncio.sleep(0)  # a connection lets go of its socket in the next turn of the loop

    async def _answer(self, request: Request) -> Completion:
        now = asyncio.get_running_loop().time
        attempt = Attempt(request.key, now())
        try:
            while True:
                replica = self._servers.choose(request.prompt, now())
                if replica.quiet_until > now():
                    await asyncio.sleep(replica.quiet_until - now())
                found = await self._try(replica, request)
                if isinstance(found, Completion):
                    self._patience.well(attempt, now())
                    if self._told:
                        self._told.discard((replica.name, "away"))
                    return found
                pause = self._pause(replica, attempt, found)
                if pause is None:
                    return Completion("", failure=f"given up after {attempt.tries} tries: {found.sentence}")
                self.retried += 1
                await asyncio.sleep(pause)
        finally:
            self._patience.leave(attempt)

    async def _try(self, replica: Replica, request: Request) -> Completion | Trouble:
        replica.in_flight += 1
        try:
            found = await replica.ask(request)
            if isinstance(found, Completion):
                self._refusals.answered += 1
                now = asyncio.get_running_loop().time()
                replica.pace.answered(len(found.text), now, pressed=self._flight.pressed)
        finally:
            replica.in_flight -= 1
        if not isinstance(found, Reply):
            return found
        refusal = self._refusals.read(found, replica.where)
        return await self._unknown(replica, found) if refusal is None else refusal

    def _pause(self, replica: Replica, attempt: Attempt, trouble: Trouble) -> float | None:
        """Return the seconds to wait before the next try, None to give the request up; see `Patience.wait`."""
        now = asyncio.get_running_loop().time()
        timed_out = trouble.kind == "down" and not trouble.answered
        if trouble.kind == "busy" or timed_out:
            replica.pace.pushed_back(now)
        self._tell(replica, trouble)
        gone = trouble.kind == "away" or (trouble.kind == "down" and (trouble.answered or replica.waits.silent(now)))
        if gone and self._servers.rest(replica, now) and attempt.moves < len(self._servers.replicas):
            attempt.moves += 1
            return 0.0
        pause = self._patience.wait(attempt, trouble, now)
        if pause is not None and trouble.after is not None:
            replica.quiet_until = max(replica.quiet_until, now + pause)
        return pause

    def _tell(self, replica: Replica, trouble: Trouble) -> None:
        known = (replica.name, trouble.kind)
        if known not in self._told and trouble.kind != "broken":
            self._told.add(known)
            self._say(f"{replica.name}: {trouble.sentence}; trying again")

    async def _unknown(self, replica: Replica, reply: Reply) -> NoReturn:
        said = self._refusals.scrubbed(wire.server_message(reply.body))
        names = await replica.models()
        model = self._target.model
        if names is None:
            raise ModelError(
                f"no OpenAI-compatible interface at {replica.name} (HTTP 404: {said!r}); base_url mostly ends with /v1"
            )
        if model in names:
            raise ModelError(f"{replica.where} has the model {model!r} but answers 404: {said!r}")
        raise ModelError(f"{replica.where} has no model {model!r}{nearest(model, names)}")
