"""Axes with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TICKS = 6
# an axis is never narrower than this part of its largest value, so that equal values still have one
NARROWEST = 0.01
SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Axis:
    """A line from `low` to `high`, both ticks, with ticks at every multiple of 1, 2 or 5 times a power of ten.

    `digits` is how many digits after the point the ticks need; with `percent` they are written as percent.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    digits: int
    percent: bool = False

    def place(self, value: float) -> float:
        """Return where `value` lies, 0 at the low end and 1 at the high end; what lies outside is put on the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def told(self, tick: float) -> str:
        """Return a tick as it is written at the axis."""
        told = f"{100 * tick:,.{max(0, self.digits - 2)}f} %" if self.percent else f"{tick:,.{self.digits}f}"
        return told.replace("-", "\N{MINUS SIGN}").replace(" ", "\N{NO-BREAK SPACE}")


def axis(values: Iterable[float], *, zero: bool = False, percent: bool = False, most: int = TICKS) -> Axis:
    """Return the axis that holds all `values`, and 0 where `zero`, with 2 to `most` ticks (at least 3 are allowed).

    No values at all give an axis from 0 to 1.
    """
    known = [*values, *([0.0] if zero else [])] or [0.0, 1.0]
    low, high = min(known), max(known)
    largest = max(abs(low), abs(high))
    least = max(largest * NARROWEST, SMALLEST) if largest else 1.0
    if high - low < least:
        middle = (high + low) / 2
        low, high = min(low, middle - least / 2), max(high, middle + least / 2)
    if zero:
        low, high = low if min(known) < 0 else 0.0, high if max(known) > 0 or min(known) == 0 else 0.0
    for first, last, step, power in _steps(low, high):
        if last - first < max(3, most):
            digits = max(0, -power)
            ticks = tuple(round(place * step * 10.0**power, digits) for place in range(first, last + 1))
            return Axis(ticks[0], ticks[-1], ticks, digits, percent)
    raise AssertionError("steps grow until two ticks hold every value")


def _steps(low: float, high: float) -> Iterable[tuple[int, int, int, int]]:
    start = math.floor(math.log10(high - low)) - 2
    for power in range(start, start + 8):
        for step in (1, 2, 5):
            unit = step * 10.0**power
            first, last = math.floor(low / unit + 1e-9), math.ceil(high / unit - 1e-9)
            yield first, max(last, first + 1), step, power
