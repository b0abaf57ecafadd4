"""Line charts of learning curves."""

from __future__ import annotations

from tests.report.charts.test_svg import marks_of_class
from textsynth.report.charts.line import LinePoint, line_chart

NAMES = {
    "line_name": "seeds alone",
    "marker_name": "seeds + selected",
    "x_title": "texts",
    "y_title": "macro-F1",
}


def test_the_line_connects_the_points_by_number_of_texts() -> None:
    plot = line_chart("t", [LinePoint(20, 0.5, 0.02), LinePoint(10, 0.4), LinePoint(30, 0.55)], None, **NAMES)
    assert len(marks_of_class(plot, "curve")) == 2
    assert len(marks_of_class(plot, "whisker")) == 1
    first, second = marks_of_class(plot, "curve")
    assert (first.attributes["x2"], first.attributes["y2"]) == (second.attributes["x1"], second.attributes["y1"])
    assert float(first.attributes["y1"]) > float(second.attributes["y2"])
    assert plot.description == "macro-F1 of seeds alone: 10 texts 0.400; 20 texts 0.500; 30 texts 0.550"


def test_the_marker_has_a_horizontal_line_and_is_in_legend_and_description() -> None:
    plot = line_chart("t", [LinePoint(10, 0.4), LinePoint(20, 0.5)], LinePoint(20, 0.56), **NAMES)
    (line,), square = marks_of_class(plot, "reference"), marks_of_class(plot, "chosen")[-1]
    assert (line.attributes["x1"], line.attributes["x2"]) == ("0%", "100%")
    assert line.attributes["y1"] == line.attributes["y2"]
    assert float(square.attributes["y"]) + 4.5 == float(line.attributes["y1"])
    assert "seeds + selected: 0.560" in [mark.text for mark in marks_of_class(plot, "key")]
    assert plot.description.endswith("seeds + selected 0.560")


def test_one_point_is_a_chart_without_a_line() -> None:
    assert not marks_of_class(line_chart("t", [LinePoint(5, 0.3)], None, **NAMES), "curve")
