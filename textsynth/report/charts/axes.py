"""Axes of charts, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from textsynth.core.formatting import format_percent

MAX_TICKS = 6
# The smallest length of an axis, as a part of its largest absolute value: equal values still get an axis.
MIN_RELATIVE_LENGTH = 0.01
MIN_LENGTH = 1e-9


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from `low` to `high`, with a tick at both ends and at every step of 1, 2 or 5 times a power of ten.

    `decimals` is the number of digits after the point that the ticks need. With `percent` ticks are shown in percent.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int
    percent: bool = False

    def fraction(self, value: float) -> float:
        """Return the position of `value`, from 0 at the low end to 1 at the high end; outside values are clipped."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def tick_text(self, tick: float) -> str:
        """Return the text of a tick, with a minus sign and a no-break space."""
        text = (
            format_percent(tick, decimals=max(0, self.decimals - 2)) if self.percent else f"{tick:,.{self.decimals}f}"
        )
        return text.replace("-", "\N{MINUS SIGN}").replace(" ", "\N{NO-BREAK SPACE}")


def make_axis(
    values: Iterable[float], *, include_zero: bool = False, percent: bool = False, max_ticks: int = MAX_TICKS
) -> Axis:
    """Return an axis that holds all `values`, and 0 with `include_zero`, with 2 to `max_ticks` ticks (3 or more).

    Without values the axis goes from 0 to 1.
    """
    held = [*values, *([0.0] if include_zero else [])] or [0.0, 1.0]
    low, high = min(held), max(held)
    largest = max(abs(low), abs(high))
    min_length = max(largest * MIN_RELATIVE_LENGTH, MIN_LENGTH) if largest else 1.0
    if high - low < min_length:
        middle = (high + low) / 2
        low, high = min(low, middle - min_length / 2), max(high, middle + min_length / 2)
    if include_zero:
        low = low if min(held) < 0 else 0.0
        high = high if max(held) > 0 or min(held) == 0 else 0.0
    for first, last, step, power in _tick_candidates(low, high):
        if last - first < max(3, max_ticks):
            decimals = max(0, -power)
            ticks = tuple(round(index * step * 10.0**power, decimals) for index in range(first, last + 1))
            return Axis(ticks[0], ticks[-1], ticks, decimals, percent)
    raise AssertionError("steps grow until two ticks hold every value")


def _tick_candidates(low: float, high: float) -> Iterable[tuple[int, int, int, int]]:
    """Yield ever wider tick spacings as first and last tick (in steps), step (1, 2 or 5) and power of ten."""
    start = math.floor(math.log10(high - low)) - 2
    for power in range(start, start + 8):
        for step in (1, 2, 5):
            spacing = step * 10.0**power
            first, last = math.floor(low / spacing + 1e-9), math.ceil(high / spacing - 1e-9)
            yield first, max(last, first + 1), step, power
