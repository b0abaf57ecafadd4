"""What the requests to a model's servers carry, and which servers these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from textsynth.core.records import ModelRequest
from textsynth.models.openai.capabilities import ServerCapabilities, ServerKind

LEAST_HEAT = 0.01
"""vLLM takes lower temperatures for 0, or raises them."""
OWN = frozenset(("n", "best_of", "stream"))
"""Parameters of a recipe's own with which its answers are not for us to count."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """The servers of one model. `key` stays out of its repr."""

    base_urls: tuple[str, ...]
    model: str
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    extra_body: Mapping[str, object] = field(default_factory=dict)
    response_format: bool = True
    timeout_seconds: float = 180.0
    thinking: int | None = None
    server: ServerKind = "auto"
    engine: str | None = None
    batch_n: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key}"}

    def max_n(self, request: ModelRequest) -> bool:
        """Whether several answers may be asked for in one request: those that are drawn, and are not scored.

        vLLM refuses that at temperature 0.
        """
        heat = self.extra_body.get("temperature", request.sampling.temperature)
        drawn = isinstance(heat, (int, float)) and heat >= LEAST_HEAT
        return self.batch_n and drawn and not request.options and not OWN.intersection(self.extra_body)

    def capabilities(self, say: Callable[[str], None]) -> ServerCapabilities:
        """Return how one server of this model is spoken to, with everything still to be found out."""
        return ServerCapabilities(
            self.model,
            self.extra_body,
            speaks=self.server,
            thinking=self.thinking,
            constraints=self.response_format,
            engine=self.engine,
            say=say,
        )
