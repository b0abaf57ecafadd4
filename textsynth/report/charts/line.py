"""A learning curve: a score over the number of training texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from textsynth.report.charts.axes import axis
from textsynth.report.charts.svg import Canvas, Plot, Shape
from textsynth.report.number_format import score, whole

LEFT = 12.0
TALLNESS = 210.0


@dataclass(frozen=True, slots=True)
class LinePoint:
    """A score at a number of texts, with its spread (a standard deviation) where it is known."""

    texts: float
    score: float
    spread: float | None = None


def line_chart(
    title: str, points: Sequence[LinePoint], marker: LinePoint | None, *, line: str, mark: str, across: str, up: str
) -> Plot:
    """Return a line through `points`, and a square with a broken line across at `marker`.

    `line` and `mark` say what they are, `across` and `up` name the axes.
    """
    points = sorted(points, key=lambda one: one.texts)
    heights = [one.score + way * (one.spread or 0.0) for one in points for way in (-1, 1)]
    vertical = axis([*heights, *([marker.score] if marker else [])])
    sheet = Canvas(axis([one.texts for one in (*points, *([marker] if marker else []))]), LEFT)
    legend: list[tuple[str, Shape, str]] = [("mark plain", "dot", line)]
    if marker is not None:
        legend.append(("mark chosen", "square", f"{mark}: {score(marker.score)}"))
    top = sheet.legend(legend) + 36
    bottom = top + TALLNESS
    sheet.text("tick", "0", top - 22, up)

    def height(value: float) -> float:
        return bottom - TALLNESS * vertical.place(value)

    for tick in vertical.ticks:
        sheet.line("grid", ("0%", "100%"), (height(tick), height(tick)))
        sheet.text("tick", "0", height(tick) - 3, vertical.told(tick))
    for tick in sheet.axis.ticks:
        sheet.line("axis", (sheet.across(tick), sheet.across(tick)), (bottom, bottom + 4))
        sheet.text("tick middle", sheet.across(tick), bottom + 17, sheet.axis.told(tick))
    sheet.text("tick", "0", bottom + 36, across)
    if marker is not None:
        sheet.line("reference", ("0%", "100%"), (height(marker.score), height(marker.score)))
    _line(sheet, points, height)
    if marker is not None:
        sheet.dot("mark chosen", sheet.across(marker.texts), height(marker.score), "square")
    told = "; ".join(f"{whole(one.texts)} texts {score(one.score)}" for one in points)
    also = f"; {mark} {score(marker.score)}" if marker else ""
    return Plot(title, f"{up} of {line}: {told}{also}", round(bottom + 42), sheet.marks)


def _line(sheet: Canvas, points: Sequence[LinePoint], height: Callable[[float], float]) -> None:
    for one, other in pairwise(points):
        ends = (sheet.across(one.texts), sheet.across(other.texts))
        sheet.line("curve", ends, (height(one.score), height(other.score)))
    for one in points:
        x = sheet.across(one.texts)
        if one.spread:
            sheet.line("whisker", (x, x), (height(one.score - one.spread), height(one.score + one.spread)))
        sheet.dot("mark plain", x, height(one.score))
