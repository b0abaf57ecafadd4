"""Measures of cost that do not depend on the speed of the machine: numbers of calls, and growth with the input."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType

ATTEMPTS = 5


def count_calls(function: Callable[[], object]) -> int:
    """Return how many Python functions and C functions `function` calls; it may raise, then the error is passed on."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        if event in {"call", "c_call"}:
            calls += 1

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls


def assert_linear_growth(function: Callable[[str], object], small: str, large: str) -> None:
    """Assert that the work for a text grows linearly, for two texts that differ in length alone.

    A text of n times the length may take at most n ** 1.5 times as long, which is as far from linear growth (n) as from
    quadratic growth (n ** 2): with n = 30, both are five times away. Only the quotient of two CPU times of this thread
    is compared, the best of several attempts, so that a slow or busy machine does not matter.
    """
    factor = len(large) / len(small)
    assert factor >= 30, "the lengths are too similar to distinguish linear from quadratic growth"
    growth = []
    for _ in range(ATTEMPTS):
        baseline = min(_cpu_seconds(function, small) for _ in range(3))
        growth.append(_cpu_seconds(function, large) / max(baseline, 1e-6))
        if growth[-1] <= factor**1.5:
            return
    raise AssertionError(f"{factor:.0f} times the text took {min(growth):.0f} times as long")


def _cpu_seconds(function: Callable[[str], object], text: str) -> float:
    start = time.thread_time()
    function(text)
    return time.thread_time() - start
