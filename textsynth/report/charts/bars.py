"""Bar charts with a common zero, and two histograms over the same bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textsynth.report.charts.axes import Axis, make_axis
from textsynth.report.charts.svg import MAX_SHORT_PLOT_ROWS, Canvas, MarkStyle, Plot
from textsynth.report.number_format import format_share

BAR_HEIGHT = 12
NAME_HEIGHT = 18
GROUP_GAP = 8
# Percent of the width at the left that is free for the numbers of the vertical axis.
LEFT_MARGIN = 12.0
HISTOGRAM_HEIGHT = 170.0
MAX_BINS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from zero to `value`, with a whisker where it has an interval."""

    value: float
    style: MarkStyle = "plain"
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class BarGroup:
    """One or more bars under one name, with the text of their values."""

    name: str
    value_text: str
    bars: Sequence[Bar]


def bar_chart(
    title: str,
    groups: Sequence[BarGroup],
    axis_title: str,
    *,
    legend: Sequence[tuple[MarkStyle, str]] = (),
    percent: bool = False,
) -> Plot:
    """Return a plot with the bars of each group below its name, in the given order.

    With `percent` the axis is in percent; `legend` explains each style of bar.
    """
    values = [value for group in groups for bar in group.bars for value in (bar.value, *(bar.interval or ()))]
    canvas = Canvas(make_axis(values, include_zero=True, percent=percent))
    is_long = len(groups) > MAX_SHORT_PLOT_ROWS
    top = canvas.legend([(f"bar {style}", "square", text) for style, text in legend]) if legend else 8.0
    top += 18 if is_long else 0
    heights = [NAME_HEIGHT + BAR_HEIGHT * len(group.bars) + GROUP_GAP for group in groups]
    plot_height = canvas.x_axis((top, top + sum(heights)), axis_title, repeat_above=is_long)
    y = top
    for group, height in zip(groups, heights, strict=True):
        _draw_group(canvas, group, y, height)
        y += height
    values_text = "; ".join(f"{group.name} {group.value_text}" for group in groups[:MAX_SHORT_PLOT_ROWS])
    return Plot(title, f"{axis_title}: {values_text}", round(plot_height), canvas.marks)


def histogram_pair(
    title: str, edges: Sequence[float], synthetic: Sequence[float], real: Sequence[float], axis_title: str
) -> Plot:
    """Return two histograms over the same bins, as shares of all texts; both bars of a bin are inside it.

    There is one edge more than there are bins. More than 30 bins are merged with their neighbours.
    """
    edges, synthetic, real = _merge_bins(edges, synthetic, real)
    vertical = make_axis([*synthetic, *real], include_zero=True, max_ticks=5, percent=True)
    canvas = Canvas(make_axis(edges), LEFT_MARGIN)
    top = canvas.legend([("bar plain", "square", "synthetic"), ("bar real", "square", "real")]) + 14
    bottom = top + HISTOGRAM_HEIGHT
    for tick in vertical.ticks:
        y = bottom - HISTOGRAM_HEIGHT * vertical.fraction(tick)
        canvas.line("grid", ("0%", "100%"), (y, y))
        canvas.text("tick", "0", y - 3, vertical.tick_text(tick))
    for index, shares in enumerate(zip(synthetic, real, strict=True)):
        _draw_bin(canvas, vertical, (edges[index], edges[index + 1]), shares, bottom)
    canvas.line("axis", ("0%", "100%"), (bottom, bottom))
    for tick in canvas.axis.ticks:
        canvas.text("tick middle", canvas.x(tick), bottom + 15, canvas.axis.tick_text(tick))
    canvas.text("tick", "0", bottom + 34, axis_title)
    bins_text = "; ".join(
        f"{low:g} to {high:g}: synthetic {format_share(synthetic_share)}, real {format_share(real_share)}"
        for low, high, synthetic_share, real_share in zip(edges[:-1], edges[1:], synthetic, real, strict=True)
    )
    return Plot(title, f"shares of the texts by {axis_title}: {bins_text}", round(bottom + 40), canvas.marks)


def _draw_group(canvas: Canvas, group: BarGroup, y: float, height: float) -> None:
    canvas.row_head(y, group.name, group.value_text, two_values=True)
    for index, bar in enumerate(group.bars):
        bar_y = y + NAME_HEIGHT + BAR_HEIGHT * index
        canvas.bar(f"bar {bar.style}", (0.0, bar.value), bar_y, BAR_HEIGHT - 2)
        if bar.interval is not None:
            canvas.whisker(bar.interval, bar_y + (BAR_HEIGHT - 2) / 2, "whisker over")
    zero = canvas.x(0.0)
    canvas.line("axis", (zero, zero), (y + NAME_HEIGHT - 2, y + height - GROUP_GAP))


def _draw_bin(
    canvas: Canvas, vertical: Axis, edges: tuple[float, float], shares: tuple[float, float], bottom: float
) -> None:
    left, right = edges
    padding = (right - left) * 0.06
    middle = (left + right) / 2
    synthetic, real = shares
    for values, share, style in (
        ((left + padding, middle), synthetic, "plain"),
        ((middle, right - padding), real, "real"),
    ):
        height = HISTOGRAM_HEIGHT * vertical.fraction(share)
        canvas.bar(f"bar {style}", values, bottom - height, height)


def _merge_bins(
    edges: Sequence[float], synthetic: Sequence[float], real: Sequence[float]
) -> tuple[list[float], list[float], list[float]]:
    """Merge runs of neighbouring bins of equal length, so that at most 30 remain."""
    merged_length = -(-len(synthetic) // MAX_BINS)
    starts = range(0, len(synthetic), merged_length)
    merged = [[sum(shares[start : start + merged_length]) for start in starts] for shares in (synthetic, real)]
    return [*(edges[start] for start in starts), edges[-1]], merged[0], merged[1]
