"""Dot plots and pair plots."""

from __future__ import annotations

from textsynth.report.charts.svg import (
    MAX_SHORT_PLOT_ROWS,
    DotRow,
    PairRow,
    Plot,
    SvgMark,
    dot_plot,
    pair_plot,
)


def x_positions(plot: Plot, tag: str) -> list[float]:
    """Return the horizontal positions of the marks with a tag, in percent."""
    attribute = "cx" if tag == "circle" else "x"
    return [float(mark.attributes[attribute].rstrip("%")) for mark in plot.marks if mark.tag == tag]


def marks_of_class(plot: Plot, css_class: str) -> list[SvgMark]:
    """Return the marks that have a CSS class, in order."""
    return [mark for mark in plot.marks if css_class in mark.css_class.split()]


def test_a_row_has_name_value_dot_and_whisker_in_the_given_order() -> None:
    rows = [DotRow("seeds", 0.5, "0.500", (0.4, 0.6), "real"), DotRow("raw", 0.7, "0.700")]
    plot = dot_plot("Scores", rows, "macro-F1")
    assert [mark.text for mark in marks_of_class(plot, "name")] == ["seeds", "raw"]
    assert [mark.text for mark in marks_of_class(plot, "value")] == ["0.500", "0.700"]
    assert len(marks_of_class(plot, "whisker")) == 3
    assert [mark.tag for mark in marks_of_class(plot, "mark")] == ["rect", "circle"]
    assert (plot.title, plot.description) == ("Scores", "macro-F1: seeds 0.500; raw 0.700")


def test_dots_are_at_the_positions_of_their_values_on_the_axis() -> None:
    plot = dot_plot("t", [DotRow("a", 0.2, ""), DotRow("b", 0.4, ""), DotRow("c", 0.6, "")], "x")
    low, middle, high = x_positions(plot, "circle")
    assert low < middle < high
    assert abs((low + high) / 2 - middle) < 0.02
    ticks = {mark.text: float(mark.attributes["x"].rstrip("%")) for mark in marks_of_class(plot, "middle")}
    assert ticks["0.4"] == middle


def test_a_reference_is_drawn_and_described() -> None:
    plot = dot_plot("t", [DotRow("a", 0.2, "0.2"), DotRow("b", 0.3, "0.3")], "x", reference=(0.0, "no difference"))
    assert len(marks_of_class(plot, "reference")) == 2
    assert plot.description.endswith("the broken line is no difference")


def test_many_rows_have_ticks_at_both_ends_and_a_short_description() -> None:
    short, long = (
        dot_plot("t", [DotRow(f"row {n}", n / 10, f"{n}") for n in range(rows)], "x")
        for rows in (3, MAX_SHORT_PLOT_ROWS + 1)
    )
    ticks = [mark.text for mark in marks_of_class(long, "middle")]
    assert len(ticks) == 2 * len(set(ticks))
    assert len(marks_of_class(short, "middle")) == len({mark.text for mark in marks_of_class(short, "middle")})
    assert "all numbers are in the table below" in long.description
    assert long.height > short.height


def test_a_pair_is_a_dot_and_a_square_on_an_axis_from_zero() -> None:
    plot = pair_plot("Labels", [PairRow("refund", 0.25, 0.31, "25 % / 31 %")], "share")
    assert [mark.text for mark in marks_of_class(plot, "key")] == ["synthetic", "real"]
    assert "0\u00a0%" in [mark.text for mark in marks_of_class(plot, "middle")]
    # one of each in the legend, one of each in the row
    assert [mark.tag for mark in marks_of_class(plot, "mark")] == ["circle", "rect", "rect", "circle"]
