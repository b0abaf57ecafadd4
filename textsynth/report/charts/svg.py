"""Plots as SVG elements: the canvas that all charts draw on, dots with whiskers, and pairs of dots.

Horizontal positions are percentages of the width and vertical ones are pixels: a plot fills its column while its text
keeps its size, on a telephone as on a wide screen. A row's name is above its marks, never beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from textsynth.core.terminal import truncate_middle
from textsynth.report.charts.axes import Axis, make_axis

ROW_HEIGHT = 36
LEGEND_LINE_HEIGHT = 19
# Percent of the width that is left free at each side of the axis.
MARGIN = 5.5
# The longest name beside one value and beside two, in columns of text, and the width it may take.
MAX_NAME = 42
MAX_NAME_BESIDE_TWO = 30
NAME_WIDTH = "80%"
NAME_WIDTH_BESIDE_TWO = "56%"
# A plot with more rows than this repeats its ticks at the top and shortens its description.
MAX_SHORT_PLOT_ROWS = 14
MarkStyle = Literal["plain", "real", "control", "gain", "loss", "uncertain", "chosen"]
MarkShape = Literal["dot", "square"]
# The styles drawn as squares, so that colour is not the only difference.
SQUARE_STYLES = ("real", "loss", "chosen")


@dataclass(frozen=True, slots=True)
class SvgMark:
    """One SVG element: its tag, CSS class, attributes and text. A `clip` is a text that is cut off at its `width`."""

    tag: Literal["line", "circle", "rect", "text", "clip"]
    css_class: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: its title, its numbers in words (for screen readers), its height in pixels, its elements."""

    title: str
    description: str
    height: int
    marks: Sequence[SvgMark]


@dataclass(frozen=True, slots=True)
class DotRow:
    """A row of a dot plot: a value, the text of the value, and the ends of its whisker."""

    name: str
    value: float
    value_text: str
    interval: tuple[float, float] | None = None
    style: MarkStyle = "plain"


@dataclass(frozen=True, slots=True)
class PairRow:
    """A row of a pair plot: the share of synthetic texts, the share of real texts, and the text of both."""

    name: str
    synthetic: float
    real: float
    value_text: str


@dataclass
class Canvas:
    """The elements of a plot, drawn one after the other over a horizontal axis.

    `left_margin` is the percent of the width that is free left of the axis.
    """

    axis: Axis
    left_margin: float = MARGIN
    marks: list[SvgMark] = field(default_factory=list)

    def x(self, value: float) -> str:
        """Return the horizontal position of a value of the axis, as percent of the width."""
        return f"{self._percent(value):.2f}%"

    def line(self, css_class: str, x: tuple[str, str], y: tuple[float, float]) -> None:
        """Draw a line."""
        ends = {"x1": x[0], "y1": f"{y[0]:g}", "x2": x[1], "y2": f"{y[1]:g}"}
        self.marks.append(SvgMark("line", css_class, ends))

    def text(self, css_class: str, x: str, y: float, text: str) -> None:
        """Write a text; the class decides whether it starts, ends or is centred at `x`."""
        self.marks.append(SvgMark("text", css_class, {"x": x, "y": f"{y:g}"}, text))

    def row_head(self, y: float, name: str, value_text: str, *, two_values: bool = False) -> None:
        """Write the name of a row and, at the right edge, its value or two; the name is cut before it reaches them."""
        width, max_name = (NAME_WIDTH_BESIDE_TWO, MAX_NAME_BESIDE_TWO) if two_values else (NAME_WIDTH, MAX_NAME)
        self.marks.append(SvgMark("clip", "name", {"y": f"{y:g}", "width": width}, truncate_middle(name, max_name)))
        self.text("value end", "100%", y + 13, value_text)

    def bar(self, css_class: str, values: tuple[float, float], y: float, height: float) -> None:
        """Draw a bar between two values of the axis."""
        left, right = sorted(map(self._percent, values))
        box = {"x": f"{left:.2f}%", "y": f"{y:g}", "width": f"{right - left:.2f}%", "height": f"{height:g}"}
        self.marks.append(SvgMark("rect", css_class, box))

    def dot(self, css_class: str, x: str, y: float, shape: MarkShape = "dot") -> None:
        """Draw a dot or a square centred at a position."""
        if shape == "dot":
            self.marks.append(SvgMark("circle", css_class, {"cx": x, "cy": f"{y:g}", "r": "5"}))
        else:
            box = {"x": x, "y": f"{y - 4.5:g}", "width": "9", "height": "9", "transform": "translate(-4.5 0)"}
            self.marks.append(SvgMark("rect", css_class, box))

    def whisker(self, values: tuple[float, float], y: float, css_class: str = "whisker") -> None:
        """Draw a line between two values of the axis, with a short stroke at each end."""
        left, right = map(self.x, values)
        self.line(css_class, (left, right), (y, y))
        for end in (left, right):
            self.line(css_class, (end, end), (y - 4, y + 4))

    def legend(self, entries: Sequence[tuple[str, MarkShape, str]]) -> float:
        """Write the legend from the top, one line per entry (class, shape, text), and return the height it takes."""
        for index, (css_class, shape, text) in enumerate(entries):
            y = 9 + LEGEND_LINE_HEIGHT * index
            self.dot(css_class, "6", y, shape)
            self.text("key", "17", y + 4, text)
        return LEGEND_LINE_HEIGHT * len(entries) + 4.0

    def x_axis(self, y: tuple[float, float], title: str, *, repeat_above: bool = False) -> float:
        """Draw the ticks from top to bottom, their numbers and the title below; return the height of the plot.

        With `repeat_above` the numbers are above the ticks as well.
        """
        for tick in self.axis.ticks:
            x = self.x(tick)
            self.line("grid", (x, x), y)
            self.text("tick middle", x, y[1] + 15, self.axis.tick_text(tick))
            if repeat_above:
                self.text("tick middle", x, y[0] - 5, self.axis.tick_text(tick))
        self.text("tick", "0", y[1] + 34, title)
        return y[1] + 40

    def _percent(self, value: float) -> float:
        return self.left_margin + (100 - MARGIN - self.left_margin) * self.axis.fraction(value)


def dot_plot(
    title: str, rows: Sequence[DotRow], axis_title: str, *, reference: tuple[float, str] | None = None
) -> Plot:
    """Return a plot with one dot per row, in the given order, and a whisker where a row has an interval.

    `reference` is a value that all rows are compared with, drawn as a broken line, and its name.
    """
    values = [value for row in rows for value in (row.value, *(row.interval or ()))]
    canvas = Canvas(make_axis([*values, *([reference[0]] if reference else [])]))
    is_long = len(rows) > MAX_SHORT_PLOT_ROWS
    top = 8.0 + (18 if is_long else 0)
    height = canvas.x_axis((top, top + ROW_HEIGHT * len(rows)), axis_title, repeat_above=is_long)
    for index, row in enumerate(rows):
        y = top + ROW_HEIGHT * index
        canvas.row_head(y, row.name, row.value_text)
        if reference is not None:
            x = canvas.x(reference[0])
            canvas.line("reference", (x, x), (y + 17, y + ROW_HEIGHT - 1))
        if row.interval is not None:
            canvas.whisker(row.interval, y + 25, f"whisker {row.style}")
        shape: MarkShape = "square" if row.style in SQUARE_STYLES else "dot"
        canvas.dot(f"mark {row.style}", canvas.x(row.value), y + 25, shape)
    description = _description(axis_title, [f"{row.name} {row.value_text}" for row in rows])
    if reference:
        description += f"; the broken line is {reference[1]}"
    return Plot(title, description, round(height), canvas.marks)


def pair_plot(title: str, rows: Sequence[PairRow], axis_title: str) -> Plot:
    """Return a plot with two shares per row: a dot for synthetic texts and a square for real ones."""
    shares = [share for row in rows for share in (row.synthetic, row.real)]
    canvas = Canvas(make_axis(shares, include_zero=True, percent=True))
    is_long = len(rows) > MAX_SHORT_PLOT_ROWS
    top = canvas.legend([("mark plain", "dot", "synthetic"), ("mark real", "square", "real")])
    top += 18 if is_long else 0
    height = canvas.x_axis((top, top + ROW_HEIGHT * len(rows)), axis_title, repeat_above=is_long)
    for index, row in enumerate(rows):
        y = top + ROW_HEIGHT * index
        canvas.row_head(y, row.name, row.value_text, two_values=True)
        synthetic, real = canvas.x(row.synthetic), canvas.x(row.real)
        canvas.line("whisker", (synthetic, real), (y + 25, y + 25))
        canvas.dot("mark real", real, y + 25, "square")
        canvas.dot("mark plain", synthetic, y + 25)
    description = _description(axis_title, [f"{row.name} {row.value_text}" for row in rows])
    return Plot(title, description, round(height), canvas.marks)


def _description(axis_title: str, rows: Sequence[str]) -> str:
    if len(rows) > MAX_SHORT_PLOT_ROWS:
        return f"{axis_title}, {len(rows)} rows from {rows[0]} to {rows[-1]}; all numbers are in the table below"
    return f"{axis_title}: {'; '.join(rows)}"
