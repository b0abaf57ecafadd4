"""Plots as marks for an inline SVG: dots with whiskers, and pairs of dots.

Places across are parts of the width (percent) and places down are pixels, so that a plot is as wide as its column while
its letters keep their size: twelve pixels on a telephone as on a desk. Names stand above their row, never beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from textsynth.core.formatting import display_width, escape_control
from textsynth.report.charts.axes import Axis, axis

ROW = 36
LEGEND_LINE = 19
MARGIN = 5.5
# names of that many columns stand beside a short value, and beside two
LONGEST_NAME = 42
LONGEST_BESIDE_TWO = 30
ROOM = "80%"
ROOM_BESIDE_TWO = "56%"
# taller plots repeat their ticks at the top
TALL = 14
Style = Literal["plain", "real", "control", "gain", "loss", "unsure", "chosen"]
Shape = Literal["dot", "square"]
SQUARES = ("real", "loss", "chosen")


@dataclass(frozen=True, slots=True)
class SvgMark:
    """One SVG element: its tag, class, attributes and text. A `clip` is a text that is cut off at its `width`."""

    tag: Literal["line", "circle", "rect", "text", "clip"]
    style: str
    attributes: dict[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: its title, its numbers in words for those who cannot see it, its height in pixels, its marks."""

    title: str
    description: str
    height: int
    marks: Sequence[SvgMark]


@dataclass(frozen=True, slots=True)
class DotRow:
    """A row of a plot of dots: where the dot is, the ends of its whisker, and how its value is written."""

    name: str
    value: float
    told: str
    ends: tuple[float, float] | None = None
    look: Style = "plain"


@dataclass(frozen=True, slots=True)
class PairRow:
    """A row of a plot of pairs: a synthetic and a real share."""

    name: str
    synthetic: float
    real: float
    told: str


@dataclass
class Canvas:
    """Marks put down one after the other on an axis across, which starts and ends a little inside the width."""

    axis: Axis
    margin: float = MARGIN
    marks: list[SvgMark] = field(default_factory=list)

    def across(self, value: float) -> str:
        """Return the place of a value on the axis as percent of the width."""
        return f"{self.margin + (100 - MARGIN - self.margin) * self.axis.place(value):.2f}%"

    def line(self, look: str, x: tuple[str, str], y: tuple[float, float]) -> None:
        """Draw a line."""
        self.marks.append(SvgMark("line", look, {"x1": x[0], "y1": f"{y[0]:g}", "x2": x[1], "y2": f"{y[1]:g}"}))

    def text(self, look: str, x: str, y: float, text: str) -> None:
        """Write a text; `look` says whether it starts, ends or has its middle at `x`."""
        self.marks.append(SvgMark("text", look, {"x": x, "y": f"{y:g}"}, text))

    def name(self, y: float, name: str, told: str, *, two: bool = False) -> None:
        """Write a row's name and, at the right end, its value or `two` values; a name is cut before it meets them."""
        room, most = (ROOM_BESIDE_TWO, LONGEST_BESIDE_TWO) if two else (ROOM, LONGEST_NAME)
        self.marks.append(SvgMark("clip", "name", {"y": f"{y:g}", "width": room}, truncate(name, most)))
        self.text("value end", "100%", y + 13, told)

    def bar(self, look: str, x: tuple[float, float], y: float, height: float) -> None:
        """Draw a bar between two values."""
        left, right = sorted(self.margin + (100 - MARGIN - self.margin) * self.axis.place(one) for one in x)
        at = {"x": f"{left:.2f}%", "y": f"{y:g}", "width": f"{right - left:.2f}%", "height": f"{height:g}"}
        self.marks.append(SvgMark("rect", look, at))

    def dot(self, look: str, x: str, y: float, shape: Shape = "dot") -> None:
        """Draw a dot or a square with its middle at a place."""
        if shape == "dot":
            self.marks.append(SvgMark("circle", look, {"cx": x, "cy": f"{y:g}", "r": "5"}))
        else:
            at = {"x": x, "y": f"{y - 4.5:g}", "width": "9", "height": "9", "transform": "translate(-4.5 0)"}
            self.marks.append(SvgMark("rect", look, at))

    def whisker(self, ends: tuple[float, float], y: float, look: str = "whisker") -> None:
        """Draw a line between two values with a small stroke at each end."""
        left, right = (self.across(one) for one in ends)
        self.line(look, (left, right), (y, y))
        for end in (left, right):
            self.line(look, (end, end), (y - 4, y + 4))

    def legend(self, entries: Sequence[tuple[str, Shape, str]]) -> float:
        """Write what each mark means, one a line from the top, and return where the plot can start."""
        for place, (look, shape, text) in enumerate(entries):
            y = 9 + LEGEND_LINE * place
            self.dot(look, "6", y, shape)
            self.text("key", "17", y + 4, text)
        return LEGEND_LINE * len(entries) + 4.0

    def ticks(self, y: tuple[float, float], name: str, *, above: bool = False) -> float:
        """Draw the ticks from top to bottom with their numbers below (and above), and return the height needed."""
        for tick in self.axis.ticks:
            x = self.across(tick)
            self.line("grid", (x, x), y)
            self.text("tick middle", x, y[1] + 15, self.axis.told(tick))
            if above:
                self.text("tick middle", x, y[0] - 5, self.axis.told(tick))
        self.text("tick", "0", y[1] + 34, name)
        return y[1] + 40


def dot_plot(title: str, rows: Sequence[DotRow], across: str, *, reference: tuple[float, str] | None = None) -> Plot:
    """Return a plot with a row for each dot, in the order given, a whisker where a dot has ends.

    `across` names the axis. `reference` is a value that all are compared with, drawn as a broken line, and its name.
    """
    values = [one for row in rows for one in (row.value, *(row.ends or ()))]
    sheet = Canvas(axis([*values, *([reference[0]] if reference else [])]))
    top = 8.0 + (18 if len(rows) > TALL else 0)
    bottom = top + ROW * len(rows)
    height = sheet.ticks((top, bottom), across, above=len(rows) > TALL)
    for place, row in enumerate(rows):
        y = top + ROW * place
        sheet.name(y, row.name, row.told)
        if reference is not None:
            x = sheet.across(reference[0])
            sheet.line("reference", (x, x), (y + 17, y + ROW - 1))
        if row.ends is not None:
            sheet.whisker(row.ends, y + 25, f"whisker {row.look}")
        sheet.dot(f"mark {row.look}", sheet.across(row.value), y + 25, "square" if row.look in SQUARES else "dot")
    compared = f"; the broken line is {reference[1]}" if reference else ""
    return Plot(title, _told(across, [f"{row.name} {row.told}" for row in rows]) + compared, round(height), sheet.marks)


def pair_plot(title: str, rows: Sequence[PairRow], across: str) -> Plot:
    """Return a plot with a row for each pair of shares: a dot for the synthetic one, a square for the real one."""
    sheet = Canvas(axis([one for row in rows for one in (row.synthetic, row.real)], zero=True, percent=True))
    top = sheet.legend([("mark plain", "dot", "synthetic"), ("mark real", "square", "real")])
    top += 18 if len(rows) > TALL else 0
    height = sheet.ticks((top, top + ROW * len(rows)), across, above=len(rows) > TALL)
    for place, row in enumerate(rows):
        y = top + ROW * place
        sheet.name(y, row.name, row.told, two=True)
        ends = (sheet.across(row.synthetic), sheet.across(row.real))
        sheet.line("whisker", ends, (y + 25, y + 25))
        sheet.dot("mark real", ends[1], y + 25, "square")
        sheet.dot("mark plain", ends[0], y + 25)
    return Plot(title, _told(across, [f"{row.name} {row.told}" for row in rows]), round(height), sheet.marks)


def truncate(name: str, most: int) -> str:
    """Return a name of at most `most` columns; a longer one loses its middle, as its two ends tell it from others."""
    name = " ".join(escape_control(name).split())
    if display_width(name) <= most:
        return name
    head, tail = name, name
    while head and display_width(head) > (most - 1) // 2:
        head = head[:-1]
    while tail and display_width(tail) > (most - 1) // 2:
        tail = tail[1:]
    return f"{head}…{tail}"


def _told(across: str, rows: Sequence[str]) -> str:
    if len(rows) > TALL:
        return f"{across}, {len(rows)} rows from {rows[0]} to {rows[-1]}; all numbers are in the table below"
    return f"{across}: {'; '.join(rows)}"
