"""What each check earned: the data with it, without it, and with as many texts dropped at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.charts.bars import Bar, BarGroup, bar_chart
from textsynth.report.charts.svg import Style
from textsynth.report.number_format import classifier, score, signed, whole
from textsynth.report.sections import Section, SectionFigure, SectionTable, number, rows, word
from textsynth.report.sections.arms import classifiers

HEAD = ("check", "dropped", "let back", "with it", "without it", "random", "SD of random", "earned", "over random")
LEGEND: tuple[tuple[Style, str], ...] = (
    ("gain", "with the check, a gain"),
    ("loss", "with the check, a loss"),
    ("control", "as many dropped at random, ± SD"),
)
SPARE = (4, 5, 3, 1, 2, 6)


def earned_section(told: Mapping[str, Any]) -> Section | None:
    """Return what each check earned, a plot for each classifier; None where no check was tried."""
    figures = [figure for name in classifiers(told) if (figure := _earned(told, name)) is not None]
    said = [
        "Zero is the score without the check: its dropped texts are let back as far as the other checks allow. A check "
        "that is worth its place gains more than dropping as many texts at random."
    ]
    return Section("earned", "What each check earned", said, figures) if figures else None


def _earned(told: Mapping[str, Any], by: str) -> SectionFigure | None:
    cells, groups = [], []
    for row in rows(told, "earned"):
        kept, without, random = (number(row.get(key)) for key in ("with", "without", "random"))
        if row.get("classifier") != by or kept is None or without is None:
            continue
        item, gain = word(row.get("step"), "?"), kept - without
        over = None if random is None else kept - random
        counts = (whole(row.get("dropped")), whole(row.get("readmitted")))
        scores = (score(kept), score(without), score(random), score(row.get("random_spread")))
        cells.append((item, *counts, *scores, signed(gain), signed(over)))
        parts = [Bar(gain, "gain" if gain >= 0 else "loss")]
        if random is not None:
            parts.append(_random(random - without, number(row.get("random_spread"))))
        against = "" if random is None else f" / {signed(random - without)}"
        groups.append(BarGroup(item, f"{signed(gain)}{against}", parts))
    if not groups:
        return None
    table = SectionTable(f"Checks: {classifier(by)}", HEAD, cells, spare=SPARE)
    across = "change in macro-F1: with the check / at random"
    return SectionFigure(table, bar_chart(table.title, groups, across, legend=LEGEND))


def _random(change: float, spread: float | None) -> Bar:
    return Bar(change, "control", None if spread is None else (change - spread, change + spread))
