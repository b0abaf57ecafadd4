"""The progress of a run: an immutable snapshot that the run hands to whatever displays it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

NO_DROPS: Mapping[str, int] = MappingProxyType({})


class CellProgress(NamedTuple):
    """The progress of one quota cell: its name (`card_arrival`, `total`), its accepted records and its quota."""

    name: str
    accepted: int
    wanted: int


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """The state of a run at one moment.

    `quota` has the cells in the recipe's order. `drops` maps `section step: reason` to the number of dropped texts.
    `in_flight` counts the requests without an answer yet, `answered` those with one; `from_journal` of them were
    answered in an earlier run, and the texts of `unchecked` of them have not passed the filters yet. `candidates` are
    the texts that were parsed from answers, `accepted` those of them that were accepted, and `undecided` those that no
    quick filter drops (`Filter.is_quick`) while the window of their request waits for other answers. `latest_text` is
    the newest accepted text, or the newest undecided one. `tokens` are the completion tokens so far, and
    `tokens_per_second` counts from the first request that was sent. `seconds` is the time since the start,
    `seconds_left` the estimated rest of it, None while there is no estimate. `stage` says what the run is doing.
    """

    quota: tuple[CellProgress, ...] = ()
    drops: Mapping[str, int] = field(default_factory=lambda: NO_DROPS)
    in_flight: int = 0
    answered: int = 0
    from_journal: int = 0
    unchecked: int = 0
    candidates: int = 0
    accepted: int = 0
    undecided: int = 0
    latest_text: str = ""
    tokens: int = 0
    tokens_per_second: float = 0.0
    seconds: float = 0.0
    seconds_left: float | None = None
    stage: str = ""
