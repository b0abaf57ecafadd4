"""One server of a model: sends requests to it, checks which model it serves, and polls its metrics.

A failed attempt is returned as a TransientError (see retry.py). The model is checked at first contact and again after
every broken connection, so that a server which was restarted with another model never mixes two models in one run.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textsynth.core.errors import ModelError
from textsynth.core.records import Completion, ModelRequest
from textsynth.http.address import Address
from textsynth.http.pool import ConnectError, ConnectionPool, ProxyError, error_reason
from textsynth.http.response import InvalidResponse, ProtocolError, Response
from textsynth.models.openai import protocol
from textsynth.models.openai.aimd import AimdLimit, parse_metrics
from textsynth.models.openai.capabilities import RequestEncoder
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.probes import CapabilityProber
from textsynth.models.openai.retry import TransientError
from textsynth.models.openai.timeouts import RequestTimeouts
from textsynth.models.openai.token_count import TokenCounter

MODEL_LIST_TIMEOUT_SECONDS = 10.0
METRICS_TIMEOUT_SECONDS = 2.0
MIN_CREATED_AGE_SECONDS = 86_400
"""vLLM sends the current time as `created`; an older time is that of the model."""


class RequestTimeout(Exception):
    """The time of one attempt is up."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model in a server's list; what the server does not say is None. `context` is its context length in tokens."""

    root: str | None = None
    revision: str | None = None
    created: int | None = None
    context: int | None = None

    def describe(self) -> str:
        """Return what identifies the model, for messages."""
        parts = [] if self.root is None else [repr(self.root)]
        if self.revision is not None:
            parts.append(f"revision {self.revision!r}")
        if self.created is not None:
            parts.append(f"created {self.created}")
        return ", ".join(parts) or "a model without root, revision and date"

    def conflicts_with(self, other: ModelInfo) -> bool:
        """Whether the two cannot be the same model: a value that both have differs."""
        pairs = ((self.root, other.root), (self.revision, other.revision), (self.created, other.created))
        return any(own is not None and others is not None and own != others for own, others in pairs)


class Endpoint:
    """One server. `url` is its address; `display_url` is that without user, password and query.

    `concurrency` limits the requests `in_flight`. `ejected` says that it is left out while other servers are there;
    `paused_until` is the time before which it asked not to be sent requests. `peers` are the other servers of the
    model. `model_info` is the model it was first seen to serve; `has_metrics` is False once it was seen to have none.
    """

    def __init__(
        self, url: str, config: EndpointConfig, *, concurrency: int | None, log: Callable[[str], None]
    ) -> None:
        address = Address(url)
        self.url = url
        self.display_url = address.display_url
        self.concurrency = AimdLimit(concurrency)
        self.timeouts = RequestTimeouts(config.timeout_seconds)
        self.in_flight = 0
        self.ejected = False
        self.paused_until = 0.0
        self.peers: Sequence[Endpoint] = ()
        self.model_info: ModelInfo | None = None
        self.has_metrics = True
        self._model = config.model
        auth = {} if address.basic_auth is None else {"Authorization": address.basic_auth}
        self._connections = ConnectionPool(
            address, {**auth, **config.headers(url)}, lambda line: log(f"{self.display_url}: {line}")
        )
        self._paths = {name: address.path(name) for name in ("/chat/completions", "/completions", "/models")}
        self._paths |= {name: address.path_outside_v1(name) for name in ("/tokenize", "/metrics")}
        self._capabilities = config.new_capabilities(lambda line: log(f"{self.display_url}: {line}"))
        self._prober = CapabilityProber(self._capabilities, self._post)
        self._token_counter = TokenCounter(
            self._model,
            self._tokenize,
            self._capabilities.rendering_parameters,
            lambda line: log(f"{self.display_url}: {line}"),
        )
        self._is_checked = False
        self._expects_stated_model = True
        self._other_models: set[str] = set()
        self._model_check: asyncio.Task[None] | None = None
        self._log = log

    @property
    def description(self) -> str:
        """The server, for messages."""
        return f"the server at {self.display_url}"

    @property
    def max_n(self) -> int:
        """How many completions of one prompt a request may ask for, as far as the server supports that."""
        return self._capabilities.max_n

    def reduce_n(self, sent: int) -> None:
        """Ask for fewer completions a request than the `sent` ones that failed."""
        self._capabilities.reduce_n(sent)

    async def complete(self, request: ModelRequest, n: int = 1) -> list[Completion | None] | Response | TransientError:
        """Send one request for `n` completions, after the model check and the probes that it needs.

        Returns the completions (fewer where the server gives fewer, None for a malformed one), the error response of
        the server, or the error that another attempt may avoid. Raises ModelError where the server has another model.
        """
        try:
            if not self._is_checked:
                await self.check_model()
            failed_probe = await self._prober.ensure_probed(request)
            return failed_probe if failed_probe is not None else await self._request(request, n)
        except ConnectError as error:
            self._is_checked = False
            return TransientError("unreachable", str(error), cure=error.cure if isinstance(error, ProxyError) else "")
        except RequestTimeout:
            return TransientError("unavailable", f"no answer within timeout_seconds {self.timeouts.seconds:g}")
        except protocol.MalformedResponse as error:
            return TransientError("broken", f"the response has {error}", server_responded=True, cure=error.cure)
        except InvalidResponse as error:
            self._is_checked = False
            return TransientError("broken", str(error), server_responded=True, cure=protocol.MalformedResponse.cure)
        except (ProtocolError, OSError) as error:
            self._is_checked = False
            return TransientError("broken", f"the connection broke off ({error_reason(error)})")

    async def check_model(self) -> None:
        """Check which model the server has; all callers at one time share one check.

        Raises ModelError where it is another one than before, or than that of its peers, under the same name;
        ConnectError, ProtocolError and OSError where the server cannot be reached.
        """
        if self._model_check is None:
            self._model_check = asyncio.ensure_future(self._check_model())
            self._model_check.add_done_callback(self._on_model_checked)
        await asyncio.shield(self._model_check)

    async def list_models(self) -> Mapping[str, ModelInfo] | None:
        """Return the models that the server lists, by name; None where it lists none or cannot be reached."""
        try:
            _, models = await self._request_models()
        except (ConnectError, ProtocolError, OSError, TimeoutError):
            return None
        return models

    async def poll_metrics(self, now: float, *, saturated: bool) -> None:
        """Adapt the concurrency to the load in the engine's metrics; `saturated` as in AimdLimit.on_metrics."""
        try:
            async with asyncio.timeout(METRICS_TIMEOUT_SECONDS):
                response = await self._connections.get(self._paths["/metrics"])
        except (ConnectError, ProtocolError, OSError, TimeoutError):
            return
        load = parse_metrics(response.body) if response.status == 200 else None
        if load is None:
            self.has_metrics = response.status >= 500
            return
        self.concurrency.on_metrics(load, self.in_flight, now, saturated=saturated)

    def close(self) -> None:
        """Close the connections."""
        if self._model_check is not None:
            self._model_check.cancel()
        self._connections.close()

    async def _request(self, request: ModelRequest, n: int) -> list[Completion | None] | Response:
        endpoint = protocol.endpoint_path(request)
        encoder = RequestEncoder(self._capabilities, request, n=n)
        while True:
            response = await self._post(endpoint, encoder.body())
            if 200 <= response.status < 300:
                try:
                    completions = encoder.parse_response(response.body)
                except protocol.MalformedResponse:
                    error = protocol.error_in_success(response)
                    if error is None:
                        raise
                    response = error
                else:
                    if self._expects_stated_model:
                        self._note_stated_model(response.body)
                    return await self._token_counter.fill_missing(request, completions)
            if not encoder.on_rejection(response.status, response.body):
                return response

    async def _post(self, endpoint: str, body: bytes) -> Response:
        """Send a body. Raises RequestTimeout where the attempt was cancelled because its time is up."""
        now = asyncio.get_running_loop().time
        task = asyncio.current_task()
        pending = self.timeouts.start(now(), task)
        try:
            response = await self._connections.post(self._paths[endpoint], body)
        except asyncio.CancelledError:
            if pending.overdue and task is not None and task.uncancel() == 0:
                raise RequestTimeout from None
            raise
        finally:
            self.timeouts.finish(pending)
        if response.status < 500 and response.status != 429:
            self.timeouts.record_response(pending, now())
        return response

    async def _tokenize(self, body: bytes) -> Response:
        return await self._connections.post(self._paths["/tokenize"], body)

    def _note_stated_model(self, body: bytes) -> None:
        """Log that the server names another model in its response: some answer with the one that is loaded."""
        self._expects_stated_model = False
        name = protocol.stated_model(body)
        if name and name not in self._other_models and not protocol.may_be_same_model(name, self._model):
            self._other_models.add(name)
            self._log(
                f"{self.display_url}: the server was asked for the model {self._model!r} and states that {name!r}"
                f" answers; card and provenance will name {self._model!r}: correct `model`, or load that model, unless"
                " it is an alias"
            )

    async def _check_model(self) -> None:
        self._expects_stated_model = True
        try:
            status, models = await self._request_models()
        except TimeoutError:
            self._is_checked = True  # a server that lists no models in all this time may answer requests all the same
            return
        info = None if models is None else models.get(self._model)
        if info is not None and self.model_info is not None and self.model_info.conflicts_with(info):
            raise ModelError(
                f"{self.description} now serves another model as {self._model!r}: {info.describe()}, before"
                f" {self.model_info.describe()}; answers of both would mix, so serve the first one again, or start over"
                " with --fresh"
            )
        self.model_info = self.model_info or info
        self._compare_with_peers()
        self._is_checked = status < 500 and status != 429

    def _compare_with_peers(self) -> None:
        own = self.model_info
        for peer in self.peers:
            if own is not None and peer.model_info is not None and peer.model_info.conflicts_with(own):
                raise ModelError(
                    f"base_urls: {peer.description} serves {peer.model_info.describe()} as {self._model!r}, but"
                    f" {self.description} serves {own.describe()}; all must serve the same model"
                )

    async def _request_models(self) -> tuple[int, Mapping[str, ModelInfo] | None]:
        """Return the status of `/models`, and the models by name, None where the response is not a list of models."""
        async with asyncio.timeout(MODEL_LIST_TIMEOUT_SECONDS):
            response = await self._connections.get(self._paths["/models"])
        return response.status, parse_model_list(response.body) if response.status == 200 else None

    def _on_model_checked(self, task: asyncio.Task[None]) -> None:
        self._model_check = None
        if not task.cancelled():
            task.exception()  # those who wait get it; asyncio warns of one that nobody retrieved


def parse_model_list(body: bytes) -> dict[str, ModelInfo] | None:
    """Return the models in the response of `/models` by name; None where it is not a list of models."""
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        return None
    rows = page.get("data") if isinstance(page, dict) else None
    if not isinstance(rows, list):
        return None
    return {str(row["id"]): _model_info(row) for row in rows if isinstance(row, dict) and "id" in row}


def _model_info(row: Mapping[str, object]) -> ModelInfo:
    created, context = row.get("created"), row.get("max_model_len")
    is_date = type(created) is int and 0 < created < time.time() - MIN_CREATED_AGE_SECONDS
    return ModelInfo(
        root=_nonempty_text(row.get("root")),
        revision=_nonempty_text(row.get("revision")),
        created=created if is_date and isinstance(created, int) else None,
        context=context if type(context) is int and context > 0 else None,
    )


def _nonempty_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
