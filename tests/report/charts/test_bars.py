"""Bar charts and pairs of histograms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.charts.test_svg import marks_of_class
from textsynth.report.charts.bars import HISTOGRAM_HEIGHT, MAX_BINS, Bar, BarGroup, bar_chart, histogram_pair
from textsynth.report.charts.svg import Plot, SvgMark


def ends(bar: SvgMark) -> tuple[float, float]:
    """Return the left and right end of a bar, in percent of the width."""
    left = float(bar.attributes["x"].rstrip("%"))
    return left, left + float(bar.attributes["width"].rstrip("%"))


def histogram_bars(plot: Plot) -> list[SvgMark]:
    """Return the bars of a plot without the squares of its legend."""
    return [mark for mark in plot.marks if mark.tag == "rect" and mark.attributes.get("height") not in {None, "9"}]


def test_bars_start_at_zero_in_both_directions() -> None:
    bars = [Bar(0.02, "gain"), Bar(-0.01, "control", (-0.02, 0.0))]
    plot = bar_chart("t", [BarGroup("agreement", "+0.02 / −0.01", bars)], "x")
    (gain,) = marks_of_class(plot, "gain")
    (control,) = [mark for mark in marks_of_class(plot, "control") if mark.tag == "rect"]
    assert ends(gain)[0] == pytest.approx(ends(control)[1], abs=0.02)
    assert ends(gain)[1] - ends(gain)[0] == pytest.approx(2 * (ends(control)[1] - ends(control)[0]), abs=0.05)
    assert len(marks_of_class(plot, "whisker")) == 3
    assert plot.description == "x: agreement +0.02 / −0.01"


def test_a_legend_explains_the_bars_and_shares_are_in_percent() -> None:
    plot = bar_chart("t", [BarGroup("a", "", [Bar(0.5)])], "x", legend=[("plain", "with it")], percent=True)
    assert [mark.text for mark in marks_of_class(plot, "key")] == ["with it"]
    assert "50\u00a0%" in [mark.text for mark in marks_of_class(plot, "middle")]


SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=90)


@given(SHARES)
def test_histograms_have_at_most_thirty_bins_in_order_and_no_bar_is_too_high(shares: list[tuple[float, float]]) -> None:
    edges = [float(index) for index in range(len(shares) + 1)]
    synthetic, real = zip(*shares, strict=True)
    bars = histogram_bars(histogram_pair("t", edges, synthetic, real, "words"))
    assert len(bars) <= 2 * MAX_BINS + 2
    assert [ends(bar)[0] for bar in bars] == sorted(ends(bar)[0] for bar in bars)
    assert all(0 <= float(bar.attributes["height"]) <= HISTOGRAM_HEIGHT + 0.01 for bar in bars)


def test_both_bars_of_a_bin_are_inside_it() -> None:
    plot = histogram_pair("Length", [0, 5, 10], [0.4, 0.6], [0.5, 0.5], "words")
    ticks = {mark.text: float(mark.attributes["x"].rstrip("%")) for mark in marks_of_class(plot, "middle")}
    first, second, *_ = histogram_bars(plot)
    assert ticks["0"] <= ends(first)[0] < ends(second)[1] <= ticks["5" if "5" in ticks else "6"]
    assert "0 to 5: synthetic 40.0\u00a0%, real 50.0\u00a0%" in plot.description
