"""Probes: a few tiny requests that find out what a server supports, once, and only where a request needs it.

They find out how the server takes constraints, whether its log-probabilities are those of the model itself, and by
which ids its tokens are requested. The probe of a constraint allows one answer that no model would give by itself, so
that a server which silently ignores the parameter (older vLLM, llama.cpp) is distinguished from one that obeys it.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from textsynth.core.records import Constraint, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.http.response import Response
from textsynth.models.openai import protocol
from textsynth.models.openai.capabilities import RequestEncoder, ServerCapabilities
from textsynth.models.openai.logprobs import FirstToken, first_token

FORMS: Sequence[protocol.ConstraintForm] = ("structured_outputs", "guided", "response_format")
PROBE_ANSWER = "qx7v-k2"
PROBE_MAX_TOKENS = 64
"""Enough for {"answer": …}, and for a wrong answer to show."""
PROBE_TEMPERATURES = (1.0, 0.4)
LOGPROB_TOLERANCE = 0.1
"""Log-probabilities of one token differ by less between two temperatures where the temperature does not affect them."""
MAX_PROBABILITY_SUM = 1.01
REJECTED = (400, 422, 501)


class CapabilityProber:
    """Finds out what `capabilities` does not know yet.

    `post` sends a body to an endpoint: `/chat/completions` or `/completions` below the base URL, or `/tokenize`.
    Any number of requests may wait for the same probe, which is sent once.
    """

    def __init__(self, capabilities: ServerCapabilities, post: Callable[[str, bytes], Awaitable[Response]]) -> None:
        self._capabilities = capabilities
        self._post = post
        self._lock = asyncio.Lock()

    async def ensure_probed(self, request: ModelRequest) -> Response | None:
        """Send the probes that the request needs; return the response of a server that failed, which ends them."""
        if not self._is_probe_needed(request):
            return None
        async with self._lock:
            failed = None
            if self._capabilities.needs_constraint_probe(request):
                failed = await self._probe_constraint_form(request)
            if failed is None and request.options and self._capabilities.exact_logprobs is None:
                failed = await self._probe_logprobs(request)
            if failed is None and request.options and self._lacks_token_ids(request):
                await self._probe_token_ids(request.options)
            return failed

    def _is_probe_needed(self, request: ModelRequest) -> bool:
        if self._capabilities.needs_constraint_probe(request):
            return True
        return bool(request.options) and (self._capabilities.exact_logprobs is None or self._lacks_token_ids(request))

    def _lacks_token_ids(self, request: ModelRequest) -> bool:
        token_ids = self._capabilities.token_ids
        return token_ids is None or any(option not in token_ids for option in request.options)

    async def _probe_constraint_form(self, request: ModelRequest) -> Response | None:
        constraint = Constraint("choice", json.dumps([PROBE_ANSWER]))
        sampling = Sampling(0.0, 1.0, max_tokens=PROBE_MAX_TOKENS)
        probe = _probe_request(request, "Say hello in one word.", sampling, constraint=constraint)
        endpoint = protocol.endpoint_path(request)
        for form in FORMS:
            response = await self._send(endpoint, RequestEncoder(self._capabilities, probe, form))
            if response.status == 200 and _text(response.body, probe) == PROBE_ANSWER:
                self._capabilities.constraint_forms[endpoint] = form
                return None
            if response.status not in (200, *REJECTED):
                return response
        self._capabilities.constraint_forms[endpoint] = "none"
        return None

    async def _probe_logprobs(self, request: ModelRequest) -> Response | None:
        tokens: list[FirstToken] = []
        for temperature in PROBE_TEMPERATURES:
            sampling = Sampling(temperature, 1.0, max_tokens=1)
            probe = _probe_request(request, "Name one letter of the alphabet.", sampling, options=("A",))
            response = await self._send(protocol.endpoint_path(request), RequestEncoder(self._capabilities, probe))
            if response.status not in (200, *REJECTED):
                return response
            token = first_token(_first_choice(response.body)) if response.status == 200 else None
            if token is None:
                break
            tokens.append(token)
        self._capabilities.exact_logprobs = len(tokens) == len(PROBE_TEMPERATURES) and _are_exact(*tokens)
        return None

    async def _probe_token_ids(self, options: Sequence[str]) -> None:
        token_ids = dict(self._capabilities.token_ids or {})
        for option in options:
            if option in token_ids:
                continue
            spellings = [await self._tokenize(text) for text in (option, f" {option}")]
            single = [ids[0] for ids in spellings if ids is not None and len(ids) == 1]
            token_ids[option] = tuple(dict.fromkeys(single))
            if spellings[0] is None:  # the server has no /tokenize: no token is requested by its id
                token_ids |= dict.fromkeys(options, ())
                break
        self._capabilities.token_ids = token_ids

    async def _tokenize(self, text: str) -> list[int] | None:
        body = {"model": self._capabilities.model, "prompt": text, "add_special_tokens": False}
        response = await self._post("/tokenize", protocol.encode_json(body))
        try:
            ids = json.loads(response.body).get("tokens") if response.status == 200 else None
        except (ValueError, AttributeError, RecursionError):
            return None
        return ids if isinstance(ids, list) and all(isinstance(token_id, int) for token_id in ids) else None

    async def _send(self, endpoint: str, encoder: RequestEncoder) -> Response:
        while True:
            response = await self._post(endpoint, encoder.body())
            if response.status == 200:
                encoder.on_success()
                return response
            if not encoder.on_rejection(response.status, response.body):
                return response


def _probe_request(
    request: ModelRequest,
    text: str,
    sampling: Sampling,
    *,
    constraint: Constraint | None = None,
    options: tuple[str, ...] = (),
) -> ModelRequest:
    """Return a request with this text for the endpoint of `request`."""
    messages = (Message("user", text),) if request.prompt.messages else ()
    prompt = RenderedPrompt("probe", "", messages, "" if messages else text)
    return ModelRequest("probe", prompt, sampling, constraint, options)


def _text(body: bytes, probe: ModelRequest) -> str:
    try:
        return protocol.parse_completion(body, probe).text.strip()
    except protocol.MalformedResponse:
        return ""


def _first_choice(body: bytes) -> Mapping[str, object]:
    try:
        choice = json.loads(body)["choices"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return choice if isinstance(choice, dict) else {}


def _are_exact(first: FirstToken, second: FirstToken) -> bool:
    """Whether two sets of log-probabilities, at different temperatures, agree, and are probabilities at all."""
    shared = first.top_logprobs.keys() & second.top_logprobs.keys()
    total = sum(math.exp(min(logprob, 1.0)) for logprob in first.top_logprobs.values())
    return (
        len(shared) > 1
        and total < MAX_PROBABILITY_SUM
        and all(abs(first.top_logprobs[token] - second.top_logprobs[token]) < LOGPROB_TOLERANCE for token in shared)
    )
