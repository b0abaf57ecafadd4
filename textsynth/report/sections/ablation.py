"""The ablation of the checks: scores with each check, without it, and with as many texts dropped at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.charts.bars import Bar, BarGroup, bar_chart
from textsynth.report.charts.svg import MarkStyle
from textsynth.report.number_format import classifier_name, format_count, format_difference, format_score
from textsynth.report.sections import Section, SectionFigure, SectionTable, as_number, as_string, get_rows
from textsynth.report.sections.arms import classifiers

HEAD = (
    "check",
    "dropped",
    "readmitted",
    "with it",
    "without it",
    "random",
    "SD of random",
    "gain",
    "gain over random",
)
OPTIONAL_COLUMNS = (4, 5, 3, 1, 2, 6)
LEGEND: tuple[tuple[MarkStyle, str], ...] = (
    ("gain", "with the check, a gain"),
    ("loss", "with the check, a loss"),
    ("control", "as many texts dropped at random, ± SD"),
)


def ablation_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the gain of each check, with a plot for each classifier; None where no check was evaluated."""
    figures = [
        figure for classifier in classifiers(evaluation) if (figure := _figure(evaluation, classifier)) is not None
    ]
    paragraphs = [
        "Zero is the score without the check: the texts that it dropped are readmitted as far as the other checks "
        "allow. A useful check gains more than dropping as many texts at random (column random)."
    ]
    return Section("ablation", "Gain of each check (ablation)", paragraphs, figures) if figures else None


def _figure(evaluation: Mapping[str, Any], classifier: str) -> SectionFigure | None:
    cells, groups = [], []
    for row in get_rows(evaluation, "ablation"):
        score_with, score_without, score_random = (
            as_number(row.get(key)) for key in ("with_filter", "without_filter", "random_drop")
        )
        if row.get("classifier") != classifier or score_with is None or score_without is None:
            continue
        step, gain = as_string(row.get("step"), "?"), score_with - score_without
        spread = as_number(row.get("random_drop_sd"))
        gain_over_random = None if score_random is None else score_with - score_random
        cells.append(
            (
                step,
                *map(format_count, (row.get("dropped"), row.get("readmitted"))),
                *map(format_score, (score_with, score_without, score_random, spread)),
                *map(format_difference, (gain, gain_over_random)),
            )
        )
        bars, value_text = [Bar(gain, "gain" if gain >= 0 else "loss")], format_difference(gain)
        if score_random is not None:
            random_gain = score_random - score_without
            interval = None if spread is None else (random_gain - spread, random_gain + spread)
            bars.append(Bar(random_gain, "control", interval))
            value_text += f" / {format_difference(random_gain)}"
        groups.append(BarGroup(step, value_text, bars))
    if not groups:
        return None
    table = SectionTable(f"Checks: {classifier_name(classifier)}", HEAD, cells, optional_columns=OPTIONAL_COLUMNS)
    axis_title = "change in macro-F1: with the check / dropped at random"
    return SectionFigure(table, bar_chart(table.title, groups, axis_title, legend=LEGEND))
