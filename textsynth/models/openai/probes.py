"""What must be tried to be known of a server, by a few tiny requests, once, and only where a recipe needs it.

How does it hold answers to a constraint, and are its log-probabilities the model's own?

The trial of a constraint allows one answer that no model would give by itself, so that a server which quietly ignores
the parameter (older vLLM, llama.cpp) is told apart from one that obeys it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from textsynth.core.records import Constraint, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.models.openai import protocol as wire
from textsynth.models.openai.capabilities import RequestEncoder, ServerCapabilities
from textsynth.models.openai.logprobs import FirstToken, first_token

FORMS: Sequence[wire.ConstraintForm] = ("structured_outputs", "guided", "response_format")
SECRET = "qx7v-k2"
MARGIN_TOKENS = 64  # tokens: enough for {"answer": …}, and to think of the wrong thing
WARM, COLD = 1.0, 0.4
SAME = 0.1  # log-probabilities of the same tokens differ by less where the temperature does not matter


class HttpReply(Protocol):
    """What a server replied: a status and a whole body."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body(self) -> bytes:
        """The body."""


R = TypeVar("R", bound=HttpReply)


class CapabilityProber(Generic[R]):
    """Finds out what `dialect` does not know yet; `post` sends a body to an endpoint.

    Endpoints are `/chat/completions` and `/completions` below the base URL, and `/tokenize` beside it.

    Many requests may wait for the same finding; one of them makes the trial.
    """

    def __init__(self, dialect: ServerCapabilities, post: Callable[[str, bytes], Awaitable[R]]) -> None:
        self._dialect = dialect
        self._post = post
        self._one_at_a_time = asyncio.Lock()

    async def ensure_probed(self, request: ModelRequest) -> R | None:
        """Find out what the request needs known. Return the reply of a server in trouble, with nothing found out."""
        if not self._lacks(request):
            return None
        async with self._one_at_a_time:
            odd = await self._find_form(request) if self._dialect.needs_probe(request) else None
            if odd is None and request.options and self._dialect.exact is None:
                odd = await self._find_exactness(request)
            if odd is None and request.options and self._lacks_ids(request):
                await self._find_ids(request.options)
            return odd

    def _lacks(self, request: ModelRequest) -> bool:
        scored = bool(request.options) and (self._dialect.exact is None or self._lacks_ids(request))
        return scored or self._dialect.needs_probe(request)

    def _lacks_ids(self, request: ModelRequest) -> bool:
        known = self._dialect.token_ids
        return known is None or any(option not in known for option in request.options)

    async def _find_form(self, request: ModelRequest) -> R | None:
        constraint = Constraint("choice", json.dumps([SECRET]))
        trial = _trial(
            request, "Say hello in one word.", Sampling(0.0, 1.0, max_tokens=MARGIN_TOKENS), constraint=constraint
        )
        path = wire.path_of(request)
        for form in FORMS:
            reply = await self._ask(path, RequestEncoder(self._dialect, trial, form))
            if reply.status == 200 and _said(reply.body, trial) == SECRET:
                self._dialect.forms[path] = form
                return None
            if reply.status not in (200, 400, 422, 501):
                return reply
        self._dialect.forms[path] = "none"
        return None

    async def _find_exactness(self, request: ModelRequest) -> R | None:
        seen: list[FirstToken] = []
        for temperature in (WARM, COLD):
            sampling = Sampling(temperature, 1.0, max_tokens=1)
            trial = _trial(request, "Name one letter of the alphabet.", sampling, options=("A",))
            reply = await self._ask(wire.path_of(request), RequestEncoder(self._dialect, trial))
            if reply.status not in (200, 400, 422, 501):
                return reply
            found = first_token(_choice(reply.body)) if reply.status == 200 else None
            if found is None:
                break
            seen.append(found)
        self._dialect.exact = len(seen) == 2 and _alike(*seen)
        return None

    async def _find_ids(self, options: Sequence[str]) -> None:
        known = dict(self._dialect.token_ids or {})
        for option in options:
            if option in known:
                continue
            spellings = [await self._tokens(text) for text in (option, f" {option}")]
            known[option] = tuple(dict.fromkeys(ids[0] for ids in spellings if ids is not None and len(ids) == 1))
            if spellings[0] is None:  # no such service: nothing is asked for by id
                known |= dict.fromkeys(options, ())
                break
        self._dialect.token_ids = known

    async def _tokens(self, text: str) -> list[int] | None:
        asked = {"model": self._dialect.model, "prompt": text, "add_special_tokens": False}
        reply = await self._post("/tokenize", wire.encode(asked))
        try:
            ids = json.loads(reply.body).get("tokens") if reply.status == 200 else None
        except (ValueError, AttributeError, RecursionError):
            return None
        return ids if isinstance(ids, list) and all(isinstance(one, int) for one in ids) else None

    async def _ask(self, path: str, phrasing: RequestEncoder) -> R:
        while True:
            reply = await self._post(path, phrasing.body())
            if reply.status == 200:
                phrasing.on_success()
                return reply
            if not phrasing.on_rejection(reply.status, reply.body):
                return reply


def _trial(
    request: ModelRequest,
    text: str,
    sampling: Sampling,
    *,
    constraint: Constraint | None = None,
    options: tuple[str, ...] = (),
) -> ModelRequest:
    messages = (Message("user", text),) if request.prompt.messages else ()
    prompt = RenderedPrompt("trial", "", messages, "" if messages else text)
    return ModelRequest("trial", prompt, sampling, constraint, options)


def _said(raw: bytes, trial: ModelRequest) -> str:
    try:
        return wire.parse_completion(raw, trial).text.strip()
    except wire.MalformedResponse:
        return ""


def _choice(raw: bytes) -> Mapping[str, object]:
    try:
        choice = json.loads(raw)["choices"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return choice if isinstance(choice, dict) else {}


def _alike(warm: FirstToken, cold: FirstToken) -> bool:
    pairs = [(warm.others[token], cold.others[token]) for token in warm.others if token in cold.others]
    whole = sum(math.exp(min(one, 1.0)) for one in warm.others.values())
    return len(pairs) > 1 and whole < 1.01 and all(abs(one - other) < SAME for one, other in pairs)
