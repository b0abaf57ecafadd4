"""Round ticks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.report.charts.axes import TICKS, axis

VALUES = st.lists(st.floats(-1e9, 1e9).filter(lambda one: one == 0 or abs(one) > 1e-9), max_size=8)


@given(VALUES, st.booleans())
def test_ticks_hold_every_value_are_even_and_round(values: list[float], zero: bool) -> None:
    made = axis(values, zero=zero)
    steps = [high - low for low, high in zip(made.ticks[:-1], made.ticks[1:], strict=True)]
    assert 2 <= len(made.ticks) <= TICKS
    assert max(steps) == pytest.approx(min(steps))
    assert round(steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-6), 6) in {1, 2, 5}
    assert all(made.low - steps[0] * 1e-6 <= one <= made.high + steps[0] * 1e-6 for one in values)
    assert all(0 <= made.place(one) <= 1 for one in values)
    assert not zero or made.low <= 0 <= made.high


@given(VALUES)
def test_ticks_are_told_apart(values: list[float]) -> None:
    made = axis(values)
    assert len({made.told(tick) for tick in made.ticks}) == len(made.ticks)


def test_axes_as_people_draw_them() -> None:
    assert axis([0.551, 0.713]).ticks == (0.55, 0.6, 0.65, 0.7, 0.75)
    assert axis([77, 385], zero=True).ticks == (0, 100, 200, 300, 400)
    assert axis([-0.013, 0.04]).ticks == (-0.02, 0, 0.02, 0.04)
    assert [axis([-0.013, 0.04]).told(tick) for tick in (-0.02, 0)] == ["−0.02", "0.00"]
    assert axis([0.1, 0.31], zero=True, percent=True).told(0.1) == "10\u00a0%"


def test_no_values_and_equal_values_have_an_axis() -> None:
    assert axis([]).ticks[0] == 0
    assert axis([]).ticks[-1] == 1
    assert axis([0.7, 0.7]).place(0.7) not in {0, 1}
    assert axis([0.0], zero=True).high > 0
