"""What the requests to a model's servers carry, and which servers these are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from textsynth.models.dialect import Dialect, Speaks


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

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

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
