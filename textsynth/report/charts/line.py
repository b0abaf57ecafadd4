"""Line chart of a learning curve: a score by the number of training texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from textsynth.report.charts.axes import Axis, make_axis
from textsynth.report.charts.svg import Canvas, MarkShape, Plot
from textsynth.report.number_format import format_count, format_score

# Percent of the width at the left that is free for the numbers of the vertical axis.
LEFT_MARGIN = 12.0
PLOT_HEIGHT = 210.0


@dataclass(frozen=True, slots=True)
class LinePoint:
    """A score at a number of training texts, with its standard deviation where it is known."""

    texts: float
    score: float
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class _VerticalScale:
    """The vertical axis, and the y position of its low end in pixels."""

    axis: Axis
    bottom: float

    def y(self, score: float) -> float:
        return self.bottom - PLOT_HEIGHT * self.axis.fraction(score)


def line_chart(
    title: str,
    points: Sequence[LinePoint],
    marker: LinePoint | None,
    *,
    line_name: str,
    marker_name: str,
    x_title: str,
    y_title: str,
) -> Plot:
    """Return a line through `points`, with whiskers, and a square with a horizontal broken line at `marker`."""
    points = sorted(points, key=lambda point: point.texts)
    whisker_ends = [point.score + sign * (point.spread or 0.0) for point in points for sign in (-1, 1)]
    markers = [] if marker is None else [marker]
    canvas = Canvas(make_axis([point.texts for point in (*points, *markers)]), LEFT_MARGIN)
    legend: list[tuple[str, MarkShape, str]] = [("mark plain", "dot", line_name)]
    legend += [("mark chosen", "square", f"{marker_name}: {format_score(point.score)}") for point in markers]
    top = canvas.legend(legend) + 36
    vertical_axis = make_axis([*whisker_ends, *(point.score for point in markers)])
    scale = _VerticalScale(vertical_axis, top + PLOT_HEIGHT)
    canvas.text("tick", "0", top - 22, y_title)
    _draw_ticks(canvas, scale, x_title)
    for point in markers:
        canvas.line("reference", ("0%", "100%"), (scale.y(point.score), scale.y(point.score)))
    _draw_points(canvas, points, scale)
    for point in markers:
        canvas.dot("mark chosen", canvas.x(point.texts), scale.y(point.score), "square")
    values = [f"{format_count(point.texts)} texts {format_score(point.score)}" for point in points]
    values += [f"{marker_name} {format_score(point.score)}" for point in markers]
    return Plot(title, f"{y_title} of {line_name}: {'; '.join(values)}", round(scale.bottom + 42), canvas.marks)


def _draw_ticks(canvas: Canvas, scale: _VerticalScale, x_title: str) -> None:
    for tick in scale.axis.ticks:
        canvas.line("grid", ("0%", "100%"), (scale.y(tick), scale.y(tick)))
        canvas.text("tick", "0", scale.y(tick) - 3, scale.axis.tick_text(tick))
    for tick in canvas.axis.ticks:
        canvas.line("axis", (canvas.x(tick), canvas.x(tick)), (scale.bottom, scale.bottom + 4))
        canvas.text("tick middle", canvas.x(tick), scale.bottom + 17, canvas.axis.tick_text(tick))
    canvas.text("tick", "0", scale.bottom + 36, x_title)


def _draw_points(canvas: Canvas, points: Sequence[LinePoint], scale: _VerticalScale) -> None:
    for start, end in pairwise(points):
        canvas.line("curve", (canvas.x(start.texts), canvas.x(end.texts)), (scale.y(start.score), scale.y(end.score)))
    for point in points:
        x = canvas.x(point.texts)
        if point.spread:
            canvas.line("whisker", (x, x), (scale.y(point.score - point.spread), scale.y(point.score + point.spread)))
        canvas.dot("mark plain", x, scale.y(point.score))
