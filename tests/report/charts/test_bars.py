"""Bars and histograms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.charts.test_svg import marks
from textsynth.report.charts.bars import MOST_BINS, TALLNESS, Bar, BarGroup, bar_chart, histogram_pair
from textsynth.report.charts.svg import SvgMark


def ends(mark: SvgMark) -> tuple[float, float]:
    left = float(mark.attributes["x"].rstrip("%"))
    return left, left + float(mark.attributes["width"].rstrip("%"))


def test_bars_start_at_zero_to_either_side() -> None:
    plot = bar_chart(
        "t", [BarGroup("agreement", "+0.02 / −0.01", [Bar(0.02, "gain"), Bar(-0.01, "control", (-0.02, 0.0))])], "x"
    )
    (gain,), (control,) = marks(plot, "gain"), [mark for mark in marks(plot, "control") if mark.tag == "rect"]
    assert ends(gain)[0] == pytest.approx(ends(control)[1], abs=0.02)
    assert ends(gain)[1] - ends(gain)[0] == pytest.approx(2 * (ends(control)[1] - ends(control)[0]), abs=0.05)
    assert len(marks(plot, "whisker")) == 3
    assert plot.description == "x: agreement +0.02 / −0.01"


def test_a_legend_says_what_bars_mean_and_shares_are_percent() -> None:
    plot = bar_chart("t", [BarGroup("a", "", [Bar(0.5)])], "x", legend=[("plain", "with it")], percent=True)
    assert [mark.text for mark in marks(plot, "key")] == ["with it"]
    assert "50\u00a0%" in [mark.text for mark in marks(plot, "middle")]


SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=90)


@given(SHARES)
def test_histograms_keep_every_share_in_at_most_thirty_bins_in_order(shares: list[tuple[float, float]]) -> None:
    edges = [float(place) for place in range(len(shares) + 1)]
    plot = histogram_pair("t", edges, [one for one, _ in shares], [other for _, other in shares], "words")
    drawn = [
        mark
        for mark in plot.marks
        if mark.tag == "rect" and "height" in mark.attributes and mark.attributes["height"] != "9"
    ]
    assert len(drawn) <= 2 * MOST_BINS + 2
    assert [ends(mark)[0] for mark in drawn] == sorted(ends(mark)[0] for mark in drawn)
    assert all(0 <= float(mark.attributes["height"]) <= TALLNESS + 0.01 for mark in drawn)


def test_a_pair_of_bars_lies_within_its_bin() -> None:
    plot = histogram_pair("Length", [0, 5, 10], [0.4, 0.6], [0.5, 0.5], "words")
    ticks = {mark.text: float(mark.attributes["x"].rstrip("%")) for mark in marks(plot, "middle")}
    drawn = [mark for mark in plot.marks if mark.tag == "rect" and mark.attributes["height"] != "9"]
    assert ticks["0"] <= ends(drawn[0])[0] < ends(drawn[1])[1] <= ticks["5" if "5" in ticks else "6"]
    assert "0 to 5: synthetic 40.0\u00a0%, real 50.0\u00a0%" in plot.description
