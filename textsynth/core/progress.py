"""What a run tells of itself while it works: one small, frozen picture at a time, for whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

NO_DROPS: Mapping[str, int] = MappingProxyType({})


class CellProgress(NamedTuple):
    """One part of the quota: its name (`card_arrival`, `total`), how many it has, and how many are wanted."""

    name: str
    accepted: int
    wanted: int


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """A run at one moment.

    `quota` stands in the recipe's order; `drops` counts dropped texts by "section item: reason". `in_flight` are
    requests on their way, `answered` requests with an answer (`from_journal` of them were not asked again).
    `tokens` are completion tokens so far; `seconds` run since the start, `seconds_left` is None while nobody can say.
    """

    quota: tuple[CellProgress, ...] = ()
    drops: Mapping[str, int] = field(default_factory=lambda: NO_DROPS)
    in_flight: int = 0
    answered: int = 0
    from_journal: int = 0
    candidates: int = 0
    accepted: int = 0
    tokens: int = 0
    tokens_per_second: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None
    stage: str = ""
