"""Measures of cost that do not depend on the speed of the machine: numbers of calls, and growth with the input."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType

ATTEMPTS = 5
MAX_GROWTH = 40
"""How many times as long ten times the input may take. Linear growth is about 10, quadratic growth about 100."""


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


def assert_grows_linearly(function: Callable[[str], object], text: str) -> None:
    """Assert that ten times the text takes about ten times as long. `text` is repeated to 100 KB and to 1 MB.

    Only the quotient of two CPU times is compared, the best of several attempts, so that a slow or busy machine does
    not matter.
    """
    assert_linear_growth(function, text * (100_000 // len(text)), text * (1_000_000 // len(text)))


def assert_linear_growth(function: Callable[[str], object], small: str, large: str) -> None:
    """Assert that `large`, of ten times the size of `small`, takes about ten times as long."""
    growth = []
    for _ in range(ATTEMPTS):
        baseline = min(_cpu_seconds(function, small) for _ in range(3))
        growth.append(_cpu_seconds(function, large) / max(baseline, 1e-6))
        if growth[-1] <= MAX_GROWTH:
            return
    raise AssertionError(f"ten times the input took {min(growth):.0f} times as long; at most {MAX_GROWTH}")


def _cpu_seconds(function: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    function(text)
    return time.process_time() - start
