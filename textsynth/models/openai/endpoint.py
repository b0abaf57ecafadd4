"""One server of a model: its connections, how many requests it gets, what it lists, and whether it is there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, Request
from textsynth.http.address import Address
from textsynth.http.body import Broken
from textsynth.http.connection import Reply
from textsynth.http.pool import Away, Connections, reason
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.aimd import Pace, read_load
from textsynth.models.openai.capabilities import Phrasing
from textsynth.models.openai.config import Target
from textsynth.models.openai.probes import Prober
from textsynth.models.openai.retry import Trouble
from textsynth.models.openai.timeouts import Waits
from textsynth.models.openai.token_count import Counting

LOOK_SECONDS = 10.0
POLL_SECONDS = 2.0


class _Overdue(Exception):
    """The time of one try was up."""


class Replica:
    """Sends requests to one server.

    `name` is its address for messages; `in_flight` are under way to it now; `resting` says that it was away and is
    left out while others are there; `quiet_until` is when it wants to be asked again; `beside` are the other servers
    of the model.
    """

    def __init__(self, url: str, target: Target, *, in_flight: int | None, say: Callable[[str], None]) -> None:
        self.address = Address(url)
        self.name = self.address.name
        self.model = target.model
        self.pace = Pace(in_flight)
        self.waits = Waits(target.timeout_seconds)
        self.in_flight = 0
        self.resting = False
        self.quiet_until = 0.0
        self.listed: Listed | None = None
        self.polls = True
        self.beside: Sequence[Replica] = ()
        allowed = {} if self.address.basic is None else {"Authorization": self.address.basic}
        self._connections = Connections(self.address, {**allowed, **target.headers})
        self._dialect = target.dialect(lambda told: say(f"{self.name}: {told}"))
        self._prober = Prober(self._dialect, self._post)
        self._counting = Counting(
            target.model, self._tokenize, self._dialect.rendering, lambda told: say(f"{self.name}: {told}")
        )
        self._paths = {one: self.address.path(one) for one in ("/chat/completions", "/completions", "/models")}
        self._paths["/tokenize"] = self.address.beside("/tokenize")
        self._sure = False
        self._look: asyncio.Task[None] | None = None

    @property
    def where(self) -> str:
        """The server, for messages."""
        return f"the server at {self.name}"

    @property
    def draws(self) -> int:
        """How many answers to one prompt it may be asked for in one request, its free places aside."""
        return self._dialect.draws

    def fewer_draws(self, sent: int) -> None:
        """Let it be asked for fewer at once than `sent`, which came to nothing."""
        self._dialect.fewer_draws(sent)

    async def ask(self, request: Request, draws: int = 1) -> list[Completion | None] | Reply | Trouble:
        """Send one request; return its answers, the reply of a server that refuses it, or what went wrong.

        Asks for `draws` answers at once; there are fewer where the server gives fewer, and None for one that is none.
        Looks first at what is served, where that is not sure (see `look`), and what the server understands.
        """
        try:
            if not self._sure:
                await self.look()
            odd = await self._prober.ready(request)
            if odd is not None:
                return odd
            return await self._said(request, draws)
        except Away as fault:
            self._sure = False
            return Trouble("away", str(fault))
        except _Overdue:
            return Trouble("down", f"no answer within timeout_seconds {self.waits.seconds:g}")
        except wire.Broken as fault:
            return Trouble("broken", f"the answer was {fault}", answered=True)
        except (Broken, OSError) as fault:
            self._sure = False
            return Trouble("broken", f"the connection broke off ({reason(fault)})")

    async def look(self) -> None:
        """See what is served there: at first contact, and again after each connection that broke.

        One look serves all who wait for it. Raises ModelError when it is another model than before under the same
        name, Away, Broken or OSError when it is not there.
        """
        if self._look is None:
            self._look = asyncio.ensure_future(self._look_now())
            self._look.add_done_callback(self._looked)
        await asyncio.shield(self._look)

    async def listing(self) -> Mapping[str, Listed] | None:
        """Return what the server lists, or None where it lists nothing. Never raises for a server that is away."""
        try:
            _, listing = await self._list()
        except (Away, Broken, OSError, TimeoutError):
            return None
        return listing

    async def poll(self, now: float, *, pressed: bool) -> None:
        """Ask the engine how busy it is, to set the pace. One that has no metrics is asked once."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                reply = await self._connections.get(self.address.beside("/metrics"))
        except (Away, Broken, OSError, TimeoutError):
            return
        load = read_load(reply.body) if reply.status == 200 else None
        if load is None:
            self.polls = reply.status >= 500
            return
        self.pace.told(load, self.in_flight, now, pressed=pressed)

    def close(self) -> None:
        """Let go of the connections."""
        if self._look is not None:
            self._look.cancel()
        self._connections.close()

    async def _said(self, request: Request, draws: int) -> list[Completion | None] | Reply:
        endpoint = wire.path_of(request)
        phrasing = Phrasing(self._dialect, request, draws=draws)
        reply = await self._post(endpoint, phrasing.body())
        while reply.status != 200:
            if not phrasing.refused(reply.status, reply.body):
                return reply
            reply = await self._post(endpoint, phrasing.body())
        return await self._counting.fill(request, phrasing.read_draws(reply.body))

    async def _tokenize(self, body: bytes) -> Reply:
        return await self._connections.post(self._paths["/tokenize"], body)

    async def _post(self, endpoint: str, body: bytes) -> Reply:
        now = asyncio.get_running_loop().time
        task = asyncio.current_task()
        wait = self.waits.begin(now(), task)
        try:
            reply = await self._connections.post(self._paths[endpoint], body)
        except asyncio.CancelledError:
            if wait.overdue and task is not None and task.uncancel() == 0:
                raise _Overdue from None
            raise
        finally:
            self.waits.end(wait)
        if reply.status < 500 and reply.status != 429:
            self.waits.answered(wait, now())
        return reply

    async def _look_now(self) -> None:
        try:
            status, listing = await self._list()
        except TimeoutError:
            self._sure = True  # a server that lists nothing in all this time may answer requests all the same
            return
        found = None if listing is None else listing.get(self.model)
        if found is not None and self.listed is not None and self.listed.differs(found):
            raise ModelError(
                f"{self.where} now serves another model as {self.model!r}: {found.told()}, before {self.listed.told()};"
                " answers of the two would mix, so serve the first one again, or run anew with --fresh"
            )
        self.listed = self.listed or found
        self._agree()
        self._sure = status < 500 and status != 429

    async def _list(self) -> tuple[int, Mapping[str, Listed] | None]:
        """Ask for the models; return the status, and what is listed by name."""
        async with asyncio.timeout(LOOK_SECONDS):
            reply = await self._connections.get(self._paths["/models"])
        return reply.status, read_listing(reply.body) if reply.status == 200 else None

    def _agree(self) -> None:
        for other in self.beside:
            if other.listed is not None and self.listed is not None and other.listed.differs(self.listed):
                raise ModelError(
                    f"base_urls: {other.where} serves {other.listed.told()} as {self.model!r}, but {self.where} serves"
                    f" {self.listed.told()}; all must serve the same model"
                )

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._look = None
        if not task.cancelled():
            task.exception()  # whoever waits has it; none may be left


A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Listed:
    """One model as a server lists it; what is not told is None. `context` is its context length in tokens."""

    root: str | None = None
    revision: str | None = None
    created: int | None = None
    context: int | None = None

    def told(self) -> str:
        """Return what tells it from others, for messages."""
        parts = [] if self.root is None else [repr(self.root)]
        if self.revision is not None:
            parts.append(f"revision {self.revision!r}")
        if self.created is not None:
            parts.append(f"created {self.created}")
        return ", ".join(parts) or "nothing but the name"

    def differs(self, other: Listed) -> bool:
        """Whether the two cannot be one model: something that both tell is not the same."""
        pairs = ((self.root, other.root), (self.revision, other.revision), (self.created, other.created))
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


def read_listing(raw: bytes) -> dict[str, Listed] | None:
    """Return the models of a listing by name, or None where it is none."""
    try:
        page = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    data = page.get("data") if isinstance(page, dict) else None
    if not isinstance(data, list):
        return None
    return {str(one["id"]): _listed(one) for one in data if isinstance(one, dict) and "id" in one}


def _listed(one: dict[str, object]) -> Listed:
    created, context = one.get("created"), one.get("max_model_len")
    old = type(created) is int and 0 < created < time.time() - A_DAY
    return Listed(
        root=_text(one.get("root")),
        revision=_text(one.get("revision")),
        created=created if old and isinstance(created, int) else None,
        context=context if type(context) is int and context > 0 else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
