"""Dots with whiskers, and pairs of dots."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.formatting import display_width, escape_control
from textsynth.report.charts.svg import TALL, DotRow, PairRow, Plot, SvgMark, dot_plot, pair_plot, truncate


def places(plot: Plot, tag: str) -> list[float]:
    """Return where marks of a kind lie across, in percent."""
    return [
        float(mark.attributes["cx" if tag == "circle" else "x"].rstrip("%")) for mark in plot.marks if mark.tag == tag
    ]


def marks(plot: Plot, look: str) -> list[SvgMark]:
    return [mark for mark in plot.marks if look in mark.style.split()]


def test_a_row_has_name_value_dot_and_whisker_in_the_order_given() -> None:
    plot = dot_plot(
        "Scores", [DotRow("seeds", 0.5, "0.500", (0.4, 0.6), "real"), DotRow("raw", 0.7, "0.700")], "macro-F1"
    )
    assert [mark.text for mark in marks(plot, "name")] == ["seeds", "raw"]
    assert [mark.text for mark in marks(plot, "value")] == ["0.500", "0.700"]
    assert len(marks(plot, "whisker")) == 3
    assert [mark.tag for mark in marks(plot, "mark")] == ["rect", "circle"]
    assert (plot.title, plot.description) == ("Scores", "macro-F1: seeds 0.500; raw 0.700")


def test_values_lie_where_the_ticks_say() -> None:
    plot = dot_plot("t", [DotRow("a", 0.2, ""), DotRow("b", 0.4, ""), DotRow("c", 0.6, "")], "x")
    low, middle, high = places(plot, "circle")
    assert low < middle < high
    assert abs((low + high) / 2 - middle) < 0.02
    ticks = {mark.text: float(mark.attributes["x"].rstrip("%")) for mark in marks(plot, "middle")}
    assert ticks["0.4"] == middle


def test_a_reference_is_drawn_and_told() -> None:
    plot = dot_plot("t", [DotRow("a", 0.2, "0.2"), DotRow("b", 0.3, "0.3")], "x", reference=(0.0, "no difference"))
    assert len(marks(plot, "reference")) == 2
    assert plot.description.endswith("the broken line is no difference")


def test_many_rows_have_ticks_at_both_ends_and_a_short_description() -> None:
    few, multi_label = (
        dot_plot("t", [DotRow(f"row {n}", n / 10, f"{n}") for n in range(rows)], "x") for rows in (3, TALL + 1)
    )
    ticks = [mark.text for mark in marks(multi_label, "middle")]
    assert len(ticks) == 2 * len(set(ticks))
    assert len(marks(few, "middle")) == len({mark.text for mark in marks(few, "middle")})
    assert "all numbers are in the table below" in multi_label.description
    assert multi_label.height > few.height


def test_a_pair_has_a_dot_and_a_square_from_zero() -> None:
    plot = pair_plot("Labels", [PairRow("refund", 0.25, 0.31, "25 % / 31 %")], "share")
    assert [mark.text for mark in marks(plot, "key")] == ["synthetic", "real"]
    assert "0\u00a0%" in [mark.text for mark in marks(plot, "middle")]
    # one of each in the legend, one of each in the row
    assert [mark.tag for mark in marks(plot, "mark")] == ["circle", "rect", "rect", "circle"]


@given(st.text(max_size=80), st.integers(5, 60))
def test_a_short_name_is_no_wider_than_asked_and_shows_what_steers(name: str, most: int) -> None:
    told = truncate(name, most)
    assert display_width(told) <= most
    assert escape_control(told) == told
    assert "\n" not in told


def test_a_long_name_keeps_both_its_ends() -> None:
    assert truncate("balance_not_updated_after_bank_transfer", 21) == "balance_no…k_transfer"
    assert truncate("fare", 21) == "fare"
