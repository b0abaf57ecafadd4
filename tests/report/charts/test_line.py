"""A learning curve."""

from __future__ import annotations

from tests.report.charts.test_svg import marks
from textsynth.report.charts.line import LinePoint, line_chart

WORDS = {"line": "seeds alone", "mark": "seeds + selected", "across": "texts", "up": "macro-F1"}


def test_the_line_goes_through_the_points_in_order_of_their_number() -> None:
    plot = line_chart("t", [LinePoint(20, 0.5, 0.02), LinePoint(10, 0.4), LinePoint(30, 0.55)], None, **WORDS)
    assert len(marks(plot, "curve")) == 2
    assert len(marks(plot, "whisker")) == 1
    first, second = marks(plot, "curve")
    assert (first.attributes["x2"], first.attributes["y2"]) == (second.attributes["x1"], second.attributes["y1"])
    assert float(first.attributes["y1"]) > float(second.attributes["y2"])
    assert plot.description == "macro-F1 of seeds alone: 10 texts 0.400; 20 texts 0.500; 30 texts 0.550"


def test_the_marker_has_a_line_across_at_its_height_and_is_told() -> None:
    plot = line_chart("t", [LinePoint(10, 0.4), LinePoint(20, 0.5)], LinePoint(20, 0.56), **WORDS)
    (line,), square = marks(plot, "reference"), marks(plot, "chosen")[-1]
    assert (line.attributes["x1"], line.attributes["x2"], line.attributes["y1"]) == (
        "0%",
        "100%",
        line.attributes["y2"],
    )
    assert float(square.attributes["y"]) + 4.5 == float(line.attributes["y1"])
    assert "seeds + selected: 0.560" in [mark.text for mark in marks(plot, "key")]
    assert plot.description.endswith("seeds + selected 0.560")


def test_one_point_is_a_curve() -> None:
    assert not marks(line_chart("t", [LinePoint(5, 0.3)], None, **WORDS), "curve")
