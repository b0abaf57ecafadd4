"""A learning curve."""

from __future__ import annotations

from tests.report.charts.test_svg import marks
from textsynth.report.charts.line import Point, curve

WORDS = {"line": "seeds alone", "mark": "seeds + selected", "across": "texts", "up": "macro-F1"}


def test_the_line_goes_through_the_points_in_order_of_their_number() -> None:
    plot = curve("t", [Point(20, 0.5, 0.02), Point(10, 0.4), Point(30, 0.55)], None, **WORDS)
    assert len(marks(plot, "curve")) == 2
    assert len(marks(plot, "whisker")) == 1
    first, second = marks(plot, "curve")
    assert (first.at["x2"], first.at["y2"]) == (second.at["x1"], second.at["y1"])
    assert float(first.at["y1"]) > float(second.at["y2"])
    assert plot.told == "macro-F1 of seeds alone: 10 texts 0.400; 20 texts 0.500; 30 texts 0.550"


def test_the_marker_has_a_line_across_at_its_height_and_is_told() -> None:
    plot = curve("t", [Point(10, 0.4), Point(20, 0.5)], Point(20, 0.56), **WORDS)
    (line,), square = marks(plot, "reference"), marks(plot, "chosen")[-1]
    assert (line.at["x1"], line.at["x2"], line.at["y1"]) == ("0%", "100%", line.at["y2"])
    assert float(square.at["y"]) + 4.5 == float(line.at["y1"])
    assert "seeds + selected: 0.560" in [mark.text for mark in marks(plot, "key")]
    assert plot.told.endswith("seeds + selected 0.560")


def test_one_point_is_a_curve() -> None:
    assert not marks(curve("t", [Point(5, 0.3)], None, **WORDS), "curve")
