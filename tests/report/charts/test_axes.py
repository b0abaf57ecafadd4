"""Axes with ticks at round numbers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textsynth.report.charts.axes import MAX_TICKS, make_axis

VALUES = st.lists(st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-9), max_size=8)


@given(VALUES, st.booleans())
def test_an_axis_contains_every_value_and_has_even_and_round_ticks(values: list[float], include_zero: bool) -> None:
    axis = make_axis(values, include_zero=include_zero)
    steps = [high - low for low, high in zip(axis.ticks[:-1], axis.ticks[1:], strict=True)]
    assert 2 <= len(axis.ticks) <= MAX_TICKS
    assert max(steps) == pytest.approx(min(steps))
    assert round(steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-6), 6) in {1, 2, 5}
    assert all(axis.low - steps[0] * 1e-6 <= value <= axis.high + steps[0] * 1e-6 for value in values)
    assert all(0 <= axis.fraction(value) <= 1 for value in values)
    assert not include_zero or axis.low <= 0 <= axis.high


@given(VALUES)
def test_different_ticks_have_different_texts(values: list[float]) -> None:
    axis = make_axis(values)
    assert len({axis.tick_text(tick) for tick in axis.ticks}) == len(axis.ticks)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_different_ticks_in_percent_have_different_texts(shares: list[float]) -> None:
    axis = make_axis(shares, include_zero=True, percent=True)
    assert len({axis.tick_text(tick) for tick in axis.ticks}) == len(axis.ticks)


def test_examples_of_ticks_and_their_texts() -> None:
    assert make_axis([0.551, 0.713]).ticks == (0.55, 0.6, 0.65, 0.7, 0.75)
    assert make_axis([77, 385], include_zero=True).ticks == (0, 100, 200, 300, 400)
    assert make_axis([-0.013, 0.04]).ticks == (-0.02, 0, 0.02, 0.04)
    assert [make_axis([-0.013, 0.04]).tick_text(tick) for tick in (-0.02, 0)] == ["−0.02", "0.00"]
    assert make_axis([0.1, 0.31], include_zero=True, percent=True).tick_text(0.1) == "10\u00a0%"


def test_no_values_and_equal_values_have_an_axis() -> None:
    assert make_axis([]).ticks[0] == 0
    assert make_axis([]).ticks[-1] == 1
    assert make_axis([0.7, 0.7]).fraction(0.7) not in {0, 1}
    assert make_axis([0.0], include_zero=True).high > 0
