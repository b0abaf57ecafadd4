"""Bars from zero, and two histograms side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.report.charts.axes import axis
from textsynth.report.charts.svg import TALL, Canvas, Plot, Style
from textsynth.report.number_format import share

BAR = 12
NAME_LINE = 18
GAP = 8
# room at the left for the numbers of the axis that goes up
LEFT = 12.0
TALLNESS = 170.0
MOST_BINS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from zero to `value`, with a whisker where it has `ends`."""

    value: float
    look: Style = "plain"
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class BarGroup:
    """One or more bars under one name, with their values as they are written."""

    name: str
    told: str
    bars: Sequence[Bar]


def bar_chart(
    title: str,
    groups: Sequence[BarGroup],
    across: str,
    *,
    legend: Sequence[tuple[Style, str]] = (),
    percent: bool = False,
) -> Plot:
    """Return a plot with the bars of each group below its name, in the order given.

    `across` names the axis, which tells shares where `percent`; `legend` says what each look means.
    """
    values = [end for group in groups for one in group.bars for end in (one.value, *(one.ends or ()))]
    sheet = Canvas(axis(values, zero=True, percent=percent))
    top = sheet.legend([(f"bar {look}", "square", text) for look, text in legend]) if legend else 8.0
    top += 18 if len(groups) > TALL else 0
    heights = [NAME_LINE + BAR * len(group.bars) + GAP for group in groups]
    bottom = top + sum(heights)
    height = sheet.ticks((top, bottom), across, above=len(groups) > TALL)
    y = top
    for group, tall in zip(groups, heights, strict=True):
        sheet.name(y, group.name, group.told, two=True)
        for place, one in enumerate(group.bars):
            at = y + NAME_LINE + BAR * place
            sheet.bar(f"bar {one.look}", (0.0, one.value), at, BAR - 2)
            if one.ends is not None:
                sheet.whisker(one.ends, at + (BAR - 2) / 2, "whisker over")
        zero = sheet.across(0.0)
        sheet.line("axis", (zero, zero), (y + NAME_LINE - 2, y + tall - GAP))
        y += tall
    told = "; ".join(f"{group.name} {group.told}" for group in groups[:TALL])
    return Plot(title, f"{across}: {told}", round(height), sheet.marks)


def histogram_pair(
    title: str, edges: Sequence[float], synthetic: Sequence[float], real: Sequence[float], across: str
) -> Plot:
    """Return two histograms over the same bins as shares of all texts, each pair of bars within its bin.

    There is one edge more than there are bins. More than 30 bins are joined with their neighbours.
    """
    edges, synthetic, real = _joined(edges, synthetic, real)
    up = axis([*synthetic, *real], zero=True, most=5, percent=True)
    sheet = Canvas(axis(edges), LEFT)
    top = sheet.legend([("bar plain", "square", "synthetic"), ("bar real", "square", "real")]) + 14
    bottom = top + TALLNESS
    for tick in up.ticks:
        y = bottom - TALLNESS * up.place(tick)
        sheet.line("grid", ("0%", "100%"), (y, y))
        sheet.text("tick", "0", y - 3, up.told(tick))
    for place in range(len(synthetic)):
        left, right = edges[place], edges[place + 1]
        pad = (right - left) * 0.06
        middle = (left + right) / 2
        for ends, value, look in (
            ((left + pad, middle), synthetic[place], "plain"),
            ((middle, right - pad), real[place], "real"),
        ):
            tall = TALLNESS * up.place(value)
            sheet.bar(f"bar {look}", ends, bottom - tall, tall)
    sheet.line("axis", ("0%", "100%"), (bottom, bottom))
    for tick in sheet.axis.ticks:
        sheet.text("tick middle", sheet.across(tick), bottom + 15, sheet.axis.told(tick))
    sheet.text("tick", "0", bottom + 34, across)
    told = "; ".join(
        f"{low:g} to {high:g}: synthetic {share(one)}, real {share(other)}"
        for low, high, one, other in zip(edges[:-1], edges[1:], synthetic, real, strict=True)
    )
    return Plot(title, f"shares of the texts by {across}: {told}", round(bottom + 40), sheet.marks)


def _joined(
    edges: Sequence[float], synthetic: Sequence[float], real: Sequence[float]
) -> tuple[list[float], list[float], list[float]]:
    each = -(-len(synthetic) // MOST_BINS)
    starts = range(0, len(synthetic), each)
    joined = [[sum(shares[start : start + each]) for start in starts] for shares in (synthetic, real)]
    return [*(edges[start] for start in starts), edges[-1]], joined[0], joined[1]
