"""What a server lists at `/v1/models`, and whether two listings are of one model.

The name says little: anything can be served under it. `root` is what was loaded (a repository or a folder), `revision`
the version where a server tells it, `created` a date of the model with services, but with vLLM and llama.cpp the time
of the question: it counts only where it is a day older than our clock.

Does not see: other weights in the same folder, and another model where a server lists nothing but names.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

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
