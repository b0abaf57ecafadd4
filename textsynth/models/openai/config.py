"""What the requests to a model's servers carry, and which servers these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from textsynth.core.records import Request
from textsynth.models.openai.capabilities import Dialect, Speaks

LEAST_HEAT = 0.01
"""vLLM takes lower temperatures for 0, or raises them."""
OWN = frozenset(("n", "best_of", "stream"))
"""Parameters of a recipe's own with which its answers are not for us to count."""


@dataclass(frozen=True, slots=True)
class Target:
    """The servers of one model. `key` stays out of its repr."""

    base_urls: tuple[str, ...]
    model: str
    key: str | None = field(default=None, repr=False)
    key_env: str | None = None
    body: Mapping[str, object] = field(default_factory=dict)
    response_format: bool = True
    timeout_seconds: float = 180.0
    thinking: int | None = None
    speaks: Speaks = "auto"
    engine: str | None = None
    draws_together: bool = True

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    def draws(self, request: Request) -> bool:
        """Whether several answers may be asked for in one request: those that are drawn, and are not scored.

        vLLM refuses that at temperature 0.
        """
        heat = self.body.get("temperature", request.sampling.temperature)
        drawn = isinstance(heat, (int, float)) and heat >= LEAST_HEAT
        return self.draws_together and drawn and not request.options and not OWN.intersection(self.body)

    def dialect(self, say: Callable[[str], None]) -> Dialect:
        """Return how one server of this model is spoken to, with everything still to be found out."""
        return Dialect(
            self.model,
            self.body,
            speaks=self.speaks,
            thinking=self.thinking,
            constraints=self.response_format,
            engine=self.engine,
            say=say,
        )
