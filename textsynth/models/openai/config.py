"""The servers of one model, and what the requests to them carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from textsynth.core.records import ModelRequest
from textsynth.models.openai.capabilities import ServerCapabilities, ServerKind

MIN_TEMPERATURE = 0.01
"""vLLM reads lower temperatures as 0, or raises them."""
EXCLUDES_N = frozenset(("n", "best_of", "stream"))
"""Parameters of the recipe that change how many completions a response has, or how it is sent."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """The servers of one model, and the options that hold for all of them.

    `server_keys` are the API keys of servers that have keys of their own, by base URL; the others use `api_key`. No key
    is in its repr.
    """

    base_urls: tuple[str, ...]
    model: str
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    server_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra_body: Mapping[str, object] = field(default_factory=dict)
    response_format: bool = True
    timeout_seconds: float = 180.0
    thinking_tokens: int | None = None
    server: ServerKind = "auto"
    engine: str | None = None
    batch_n: bool = True

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The API keys of all servers."""
        return (*(() if self.api_key is None else (self.api_key,)), *self.server_keys.values())

    def headers(self, url: str) -> dict[str, str]:
        """Return the headers of every request to the server at a base URL."""
        api_key = self.server_keys.get(url, self.api_key)
        return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}

    def allows_n(self, request: ModelRequest) -> bool:
        """Whether one request may ask for several completions: of prompts that are sampled, and not scored.

        vLLM rejects that at temperature 0.
        """
        temperature = self.extra_body.get("temperature", request.sampling.temperature)
        is_sampled = isinstance(temperature, (int, float)) and temperature >= MIN_TEMPERATURE
        return self.batch_n and is_sampled and not request.options and not EXCLUDES_N.intersection(self.extra_body)

    def new_capabilities(self, log: Callable[[str], None]) -> ServerCapabilities:
        """Return the capabilities of one server of this model, of which nothing is known yet."""
        return ServerCapabilities(
            self.model,
            self.extra_body,
            server=self.server,
            thinking_tokens=self.thinking_tokens,
            constraints=self.response_format,
            engine=self.engine,
            log=log,
        )
