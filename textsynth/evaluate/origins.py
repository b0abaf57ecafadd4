"""The model and prompt behind each text of a run, and what its requests took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from textsynth.core.request_costs import CostRow


class RequestOrigin(NamedTuple):
    """The model and the prompt of a request, as the provenance names them."""

    model: str
    prompt: str


@dataclass(frozen=True, slots=True)
class RequestOrigins:
    """The origin of each request by its key, and what the requests of a run took; both empty for texts of a file."""

    requests: Mapping[str, RequestOrigin] = field(default_factory=dict)
    costs: Sequence[CostRow] = ()
