"""The client behind `http`: sends a request, reads the answer, tries again, and knows when to stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, NoReturn
from urllib.parse import urlsplit, urlunsplit

from textsynth.errors import ModelError, nearest
from textsynth.models import Arrived, wire
from textsynth.models.dialect import Dialect, Phrasing, Speaks
from textsynth.models.flight import Flight
from textsynth.models.patience import Attempt, Kind, Patience, Trouble
from textsynth.models.probing import Prober
from textsynth.records import Completion, Request

if TYPE_CHECKING:
    import aiohttp

ALL_REFUSED = 5
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go and what they carry. `key` stays out of its repr."""

    base_url: str
    model: str
    key: str | None = field(repr=False)
    key_env: str | None
    body: Mapping[str, object]
    response_format: bool
    timeout_seconds: float
    thinking: int | None = None
    speaks: Speaks = "auto"

    def dialect(self, say: Callable[[str], None]) -> Dialect:
        """Return how one server of this model is spoken to, with everything still to be found out."""
        return Dialect(
            self.model,
            self.body,
            speaks=self.speaks,
            thinking=self.thinking,
            constraints=self.response_format,
            say=lambda told: say(f"{self.address}: {told}"),
        )

    @property
    def root(self) -> str:
        """The base URL without a trailing slash; `/v1` is added to a bare host, an endpoint's name taken off."""
        url = self.base_url.rstrip("/").removesuffix("/completions").removesuffix("/chat").rstrip("/")
        return f"{url}/v1" if not urlsplit(url).path else url

    @property
    def address(self) -> str:
        """The root for messages: no user, no password, no query."""
        parts = urlsplit(self.root)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Reply(NamedTuple):
    """A whole reply of the server."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Answers requests through an OpenAI-compatible server.

    `in_flight` is how many requests are under way, `retried` how many tries were repeated so far.
    """

    def __init__(
        self, target: Target, *, in_flight: int, retries: int, patience_seconds: float, say: Callable[[str], None]
    ) -> None:
        self.retried = 0
        self._target = target
        self._flight = Flight(in_flight, self._answer)
        self._patience = Patience(retries=retries, seconds=patience_seconds, address=target.address)
        self._say = say
        self._dialect = target.dialect(say)
        self._prober = Prober(self._dialect, self._post)
        self._session: aiohttp.ClientSession | None = None
        self._quiet_until = 0.0
        self._told: set[Kind] = set()
        self._answered = 0
        self._refused = 0

    @property
    def in_flight(self) -> int:
        """Requests under way now."""
        return self._flight.in_flight

    async def complete(self, requests: Sequence[Request], arrived: Arrived) -> None:
        """Answer all requests, at most `in_flight` at once over all calls; see `Model.complete`."""
        if self._session is None:
            self._session = self._open_session()
        await self._flight.run(requests, arrived)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        import aiohttp

        _allow_files(self._flight.limit)
        headers = {"Content-Type": "application/json"}
        if self._target.key is not None:
            headers["Authorization"] = f"Bearer {self._target.key}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._target.timeout_seconds, sock_connect=10.0),
            headers=headers,
            proxy=_proxy_for(self._target.root),
        )

    async def _answer(self, request: Request) -> Completion:
        now = asyncio.get_running_loop().time
        attempt = Attempt(request.key, now())
        try:
            while True:
                if self._quiet_until > now():
                    await asyncio.sleep(self._quiet_until - now())
                found = await self._try(request, Phrasing(self._dialect, request))
                if isinstance(found, Completion):
                    self._patience.well(attempt, now())
                    self._told.discard("away")
                    return found
                pause = self._patience.wait(attempt, found, now())
                if pause is None:
                    return Completion("", failure=f"given up after {attempt.tries} tries: {found.sentence}")
                if found.after is not None:
                    self._quiet_until = max(self._quiet_until, now() + pause)
                self._tell(found)
                self.retried += 1
                await asyncio.sleep(pause)
        finally:
            self._patience.leave(attempt)

    def _tell(self, trouble: Trouble) -> None:
        if trouble.kind not in self._told and trouble.kind != "broken":
            self._told.add(trouble.kind)
            self._say(f"{self._target.address}: {trouble.sentence}; trying again")

    async def _try(self, request: Request, phrasing: Phrasing) -> Completion | Trouble:
        import aiohttp

        try:
            odd = await self._prober.ready(request)
            reply = odd or await self._post(wire.path_of(request), phrasing.body())
            while odd is None and reply.status != 200 and phrasing.refused(reply.status, reply.body):
                reply = await self._post(wire.path_of(request), phrasing.body())
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as fault:
            return Trouble("away", _reason(fault))
        except TimeoutError:
            return Trouble("down", f"no answer within timeout_seconds {self._target.timeout_seconds:g}")
        except aiohttp.InvalidURL as fault:
            raise ModelError(f"base_url {self._target.address!r} is no address a request can go to") from fault
        except (aiohttp.ClientError, OSError) as fault:
            return Trouble("broken", f"the connection broke off ({_reason(fault)})")
        if reply.status == 200:
            return self._read(phrasing, reply.body)
        return await self._refusal(reply.status, reply.headers, reply.body)

    async def _post(self, endpoint: str, body: bytes) -> Reply:
        assert self._session is not None
        root = self._target.root.removesuffix("/v1") if endpoint == "/tokenize" else self._target.root
        async with self._session.post(root + endpoint, data=body, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await response.read())

    def _read(self, phrasing: Phrasing, raw: bytes) -> Completion | Trouble:
        try:
            completion = phrasing.read(raw)
        except wire.Broken as fault:
            return Trouble("broken", f"the answer was {fault}")
        self._answered += 1
        return completion

    async def _refusal(self, status: int, headers: Mapping[str, str], raw: bytes) -> Completion | Trouble:
        said = self._scrub(wire.server_message(raw))
        where = f"the server at {self._target.address}"
        if status in (401, 403):
            raise ModelError(f"{where} refuses {self._key_used()} (HTTP {status}: {said!r})")
        if status == 402 or wire.error_code(raw) == "insufficient_quota":
            raise ModelError(f"{where} wants to be paid first (HTTP {status}: {said!r})")
        if status == 429:
            return Trouble("busy", f"HTTP 429: {said!r}", wire.retry_after(headers.get("Retry-After")))
        if status in (502, 503, 504):
            return Trouble("down", f"HTTP {status}: {said!r}", wire.retry_after(headers.get("Retry-After")))
        if status >= 500 or status in (408, 409, 425):
            return Trouble("broken", f"HTTP {status}: {said!r}")
        if status == 404:
            await self._unknown(said)
        if 300 <= status < 400:
            raise ModelError(
                f"{where} sends us on to {headers.get('Location', '')!r}; put the right address into base_url"
            )
        return self._refused_request(status, said, raw)

    def _refused_request(self, status: int, said: str, raw: bytes) -> Completion:
        if status == 413 or wire.TOO_LONG.search(said) or wire.error_code(raw) == "context_length_exceeded":
            return Completion("", failure=f"too long a prompt for {self._target.model!r}: {said}")
        self._refused += 1
        if not self._answered and self._refused >= ALL_REFUSED:
            raise ModelError(
                f"the server at {self._target.address} refused each of the first {self._refused} requests"
                f" (HTTP {status}: {said!r}); parameters can be changed or left out with body"
            )
        return Completion("", failure=f"refused by the server (HTTP {status}): {said}")

    async def _unknown(self, said: str) -> NoReturn:
        names = await self._model_names()
        target = self._target
        if names is None:
            raise ModelError(
                f"no OpenAI-compatible interface at {target.address} (HTTP 404: {said!r});"
                " base_url mostly ends with /v1"
            )
        if target.model in names:
            raise ModelError(f"the server at {target.address} has the model {target.model!r} but answers 404: {said!r}")
        raise ModelError(f"the server at {target.address} has no model {target.model!r}{nearest(target.model, names)}")

    async def _model_names(self) -> list[str] | None:
        import aiohttp

        assert self._session is not None
        try:
            async with self._session.get(f"{self._target.root}/models", allow_redirects=False) as response:
                listed = await response.json(content_type=None) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        data = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(data, list):
            return None
        return [str(one["id"]) for one in data if isinstance(one, dict) and "id" in one]

    def _key_used(self) -> str:
        if self._target.key_env is None:
            return "requests without a key; name the variable that holds one with key_env"
        return f"the key in {self._target.key_env!r}"

    def _scrub(self, said: str) -> str:
        key = self._target.key
        return said if key is None else said.replace(key, "***")


def _reason(fault: Exception) -> str:
    import aiohttp

    inner = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault
    words = type(inner).__name__
    if isinstance(inner, OSError):
        # a name that is not found has a negative number of its own
        words = os.strerror(inner.errno) if inner.errno and inner.errno > 0 else inner.strerror or words
    return words[:1].lower() + words[1:]


def _proxy_for(url: str) -> str | None:
    # not aiohttp's trust_env: that also takes passwords from ~/.netrc, and proxies a server on this machine
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in LOOPBACK or host.startswith("127.") or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)


def _allow_files(connections: int) -> None:
    # each connection is an open file; systems often allow 1,024
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 512
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
