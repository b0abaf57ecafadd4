"""One server of a model: its connections, how many requests it gets, what it lists, and whether it is there."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.http.address import Address
from textsynth.http.body import ProtocolError
from textsynth.http.connection import Reply
from textsynth.http.pool import ConnectError, ConnectionPool, connect_error_reason
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.aimd import AimdLimit, parse_metrics
from textsynth.models.openai.capabilities import RequestEncoder
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.probes import CapabilityProber
from textsynth.models.openai.retry import TransientError
from textsynth.models.openai.timeouts import RequestTimeouts
from textsynth.models.openai.token_count import TokenCounter

LOOK_SECONDS = 10.0
POLL_SECONDS = 2.0


class RequestTimeout(Exception):
    """The time of one try was up."""


class Endpoint:
    """Sends requests to one server.

    `name` is its address for messages; `in_flight` are under way to it now; `resting` says that it was away and is
    left out while others are there; `quiet_until` is when it wants to be asked again; `beside` are the other servers
    of the model.
    """

    def __init__(self, url: str, target: EndpointConfig, *, in_flight: int | None, say: Callable[[str], None]) -> None:
        self.address = Address(url)
        self.name = self.address.name
        self.model = target.model
        self.pace = AimdLimit(in_flight)
        self.waits = RequestTimeouts(target.timeout_seconds)
        self.in_flight = 0
        self.resting = False
        self.quiet_until = 0.0
        self.listed: ModelInfo | None = None
        self.polls = True
        self.beside: Sequence[Endpoint] = ()
        allowed = {} if self.address.basic_auth is None else {"Authorization": self.address.basic_auth}
        self._connections = ConnectionPool(self.address, {**allowed, **target.headers})
        self._dialect = target.capabilities(lambda told: say(f"{self.name}: {told}"))
        self._prober = CapabilityProber(self._dialect, self._post)
        self._counting = TokenCounter(
            target.model, self._tokenize, self._dialect.rendering, lambda told: say(f"{self.name}: {told}")
        )
        self._paths = {one: self.address.path(one) for one in ("/chat/completions", "/completions", "/models")}
        self._paths["/tokenize"] = self.address.sibling("/tokenize")
        self._sure = False
        self._look: asyncio.Task[None] | None = None

    @property
    def label(self) -> str:
        """The server, for messages."""
        return f"the server at {self.name}"

    @property
    def completions_per_request(self) -> int:
        """How many answers to one prompt it may be asked for in one request, its free places aside."""
        return self._dialect.draws

    def reduce_completions(self, sent: int) -> None:
        """Let it be asked for fewer at once than `sent`, which came to nothing."""
        self._dialect.reduce_n(sent)

    async def complete(self, request: ModelRequest, draws: int = 1) -> list[Completion | None] | Reply | TransientError:
        """Send one request; return its answers, the reply of a server that refuses it, or what went wrong.

        Asks for `draws` answers at once; there are fewer where the server gives fewer, and None for one that is none.
        Looks first at what is served, where that is not sure (see `look`), and what the server understands.
        """
        try:
            if not self._sure:
                await self.check_health()
            odd = await self._prober.ensure_probed(request)
            if odd is not None:
                return odd
            return await self._said(request, draws)
        except ConnectError as fault:
            self._sure = False
            return TransientError("away", str(fault))
        except RequestTimeout:
            return TransientError("down", f"no answer within timeout_seconds {self.waits.seconds:g}")
        except wire.MalformedResponse as fault:
            return TransientError("broken", f"the answer was {fault}", server_responded=True)
        except (ProtocolError, OSError) as fault:
            self._sure = False
            return TransientError("broken", f"the connection broke off ({connect_error_reason(fault)})")

    async def check_health(self) -> None:
        """See what is served there: at first contact, and again after each connection that broke.

        One look serves all who wait for it. Raises ModelError when it is another model than before under the same
        name, Away, Broken or OSError when it is not there.
        """
        if self._look is None:
            self._look = asyncio.ensure_future(self._look_now())
            self._look.add_done_callback(self._looked)
        await asyncio.shield(self._look)

    async def model_info(self) -> Mapping[str, ModelInfo] | None:
        """Return what the server lists, or None where it lists nothing. Never raises for a server that is away."""
        try:
            _, listing = await self._list()
        except (ConnectError, ProtocolError, OSError, TimeoutError):
            return None
        return listing

    async def poll_metrics(self, now: float, *, pressed: bool) -> None:
        """Ask the engine how busy it is, to set the pace. One that has no metrics is asked once."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                reply = await self._connections.get(self.address.sibling("/metrics"))
        except (ConnectError, ProtocolError, OSError, TimeoutError):
            return
        load = parse_metrics(reply.body) if reply.status == 200 else None
        if load is None:
            self.polls = reply.status >= 500
            return
        self.pace.on_metrics(load, self.in_flight, now, saturated=pressed)

    def close(self) -> None:
        """Let go of the connections."""
        if self._look is not None:
            self._look.cancel()
        self._connections.close()

    async def _said(self, request: ModelRequest, draws: int) -> list[Completion | None] | Reply:
        endpoint = wire.path_of(request)
        phrasing = RequestEncoder(self._dialect, request, draws=draws)
        reply = await self._post(endpoint, phrasing.body())
        while reply.status != 200:
            if not phrasing.on_rejection(reply.status, reply.body):
                return reply
            reply = await self._post(endpoint, phrasing.body())
        return await self._counting.fill_missing(request, phrasing.parse_choices(reply.body))

    async def _tokenize(self, body: bytes) -> Reply:
        return await self._connections.post(self._paths["/tokenize"], body)

    async def _post(self, endpoint: str, body: bytes) -> Reply:
        now = asyncio.get_running_loop().time
        task = asyncio.current_task()
        wait = self.waits.start(now(), task)
        try:
            reply = await self._connections.post(self._paths[endpoint], body)
        except asyncio.CancelledError:
            if wait.overdue and task is not None and task.uncancel() == 0:
                raise RequestTimeout from None
            raise
        finally:
            self.waits.finish(wait)
        if reply.status < 500 and reply.status != 429:
            self.waits.record_response(wait, now())
        return reply

    async def _look_now(self) -> None:
        try:
            status, listing = await self._list()
        except TimeoutError:
            self._sure = True  # a server that lists nothing in all this time may answer requests all the same
            return
        found = None if listing is None else listing.get(self.model)
        if found is not None and self.listed is not None and self.listed.difference(found):
            raise ModelError(
                f"{self.label} now serves another model as {self.model!r}: {found.as_dict()}, before {self.listed.as_dict()};"
                " answers of the two would mix, so serve the first one again, or run anew with --fresh"
            )
        self.listed = self.listed or found
        self._agree()
        self._sure = status < 500 and status != 429

    async def _list(self) -> tuple[int, Mapping[str, ModelInfo] | None]:
        """Ask for the models; return the status, and what is listed by name."""
        async with asyncio.timeout(LOOK_SECONDS):
            reply = await self._connections.get(self._paths["/models"])
        return reply.status, parse_model_list(reply.body) if reply.status == 200 else None

    def _agree(self) -> None:
        for other in self.beside:
            if other.listed is not None and self.listed is not None and other.listed.difference(self.listed):
                raise ModelError(
                    f"base_urls: {other.label} serves {other.listed.as_dict()} as {self.model!r}, but {self.label} serves"
                    f" {self.listed.as_dict()}; all must serve the same model"
                )

    def _looked(self, task: asyncio.Task[None]) -> None:
        self._look = None
        if not task.cancelled():
            task.exception()  # whoever waits has it; none may be left


A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model as a server lists it; what is not told is None. `context` is its context length in tokens."""

    root: str | None = None
    revision: str | None = None
    created: int | None = None
    context: int | None = None

    def as_dict(self) -> str:
        """Return what tells it from others, for messages."""
        parts = [] if self.root is None else [repr(self.root)]
        if self.revision is not None:
            parts.append(f"revision {self.revision!r}")
        if self.created is not None:
            parts.append(f"created {self.created}")
        return ", ".join(parts) or "nothing but the name"

    def difference(self, other: ModelInfo) -> bool:
        """Whether the two cannot be one model: something that both tell is not the same."""
        pairs = ((self.root, other.root), (self.revision, other.revision), (self.created, other.created))
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


def parse_model_list(raw: bytes) -> dict[str, ModelInfo] | None:
    """Return the models of a listing by name, or None where it is none."""
    try:
        page = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    data = page.get("data") if isinstance(page, dict) else None
    if not isinstance(data, list):
        return None
    return {str(one["id"]): _listed(one) for one in data if isinstance(one, dict) and "id" in one}


def _listed(one: dict[str, object]) -> ModelInfo:
    created, context = one.get("created"), one.get("max_model_len")
    old = type(created) is int and 0 < created < time.time() - A_DAY
    return ModelInfo(
        root=_text(one.get("root")),
        revision=_text(one.get("revision")),
        created=created if old and isinstance(created, int) else None,
        context=context if type(context) is int and context > 0 else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
