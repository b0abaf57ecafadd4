"""The scores of the arms, and the differences between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textsynth.report.charts.svg import DotRow, Style, dot_plot
from textsynth.report.number_format import (
    ARMS,
    INTERVAL,
    arm,
    classifier,
    interval,
    score,
    short_number,
    signed,
    signed_interval,
    whole,
)
from textsynth.report.sections import Section, SectionFigure, SectionTable, number, part, rows, span, word, words
from textsynth.report.sections.verdict import difference_dot

CONTROL = ("random", "seeds_random")
# measure: (its name in a table, where it is in an arm); a column that no arm has is left out
MEASURES = {
    "macro_f1": "macro-F1",
    "interval": INTERVAL,
    "micro_f1": "micro-F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "quadratic kappa",
    "n": "training texts",
    "weight": "weight",
    "spread": "SD of draws",
}
SPARE = ("accuracy", "balanced_accuracy", "n", "weight", "spread")
WRITTEN = {"interval": interval, "n": whole, "weight": short_number}


def arms_section(told: Mapping[str, Any]) -> Section | None:
    """Return the scores of every arm, a plot for each classifier; None where no arm has a score."""
    figures = [figure for name in classifiers(told) if (figure := _scores(told, name)) is not None]
    if not figures:
        return None
    draws = max((number(row.get("draws")) or 0 for _, _, row in _arms(told)), default=0)
    said = ["Every arm is a training set; all are tested on the same real texts."]
    if draws:
        said.append(
            f"The random part has as many texts of each label as were selected, drawn from all that the model wrote "
            f"(mean of {whole(draws)} draws): what selecting is worth is what it gains over that."
        )
    return Section("arms", "Scores on real test data", said, figures)


def differences_section(told: Mapping[str, Any]) -> Section | None:
    """Return how arms differ, a plot for each classifier; None where there is no difference to show."""
    figures = []
    for name in classifiers(told):
        known = [row for row in rows(told, "differences") if row.get("classifier") == name]
        named = [(row, f"{arm(word(row.get('arm')))} v. {arm(word(row.get('minus')))}") for row in known]
        points = [dot for row, title in named if (dot := difference_dot(row, title)) is not None]
        if points:
            cells = [
                (title, signed(row.get("difference")), signed_interval(row.get("interval"))) for row, title in named
            ]
            table = SectionTable(f"Differences: {classifier(name)}", ("arms", "difference", INTERVAL), cells)
            across = f"difference in macro-F1, with {INTERVAL}"
            figures.append(
                SectionFigure(table, dot_plot(table.title, points, across, reference=(0.0, "no difference")))
            )
    said = ["Where an interval holds zero, the test could not tell the two arms apart."]
    return Section("differences", "Differences between arms", said, figures) if figures else None


def classifiers(told: Mapping[str, Any]) -> list[str]:
    """Return the classifiers by name, in the order in which the evaluation lists them, then those it only uses."""
    used = [name for _, name, _ in _arms(told)]
    used += [word(row.get("classifier")) for row in (*rows(told, "differences"), *rows(told, "earned"))]
    used += [*part(told, "weights"), *part(told, "curve")]
    return list(dict.fromkeys(name for name in (*words(told.get("classifiers")), *used) if name))


def _arms(told: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield arm, classifier and figures, known arms first in the order of the words for them."""
    known = part(told, "arms")
    for name in (*(one for one in ARMS if one in known), *(one for one in known if one not in ARMS)):
        for by in part(known, name):
            yield name, by, part(known, name, by)


def _scores(told: Mapping[str, Any], by: str) -> SectionFigure | None:
    known = [(name, row) for name, one, row in _arms(told) if one == by and number(row.get("macro_f1")) is not None]
    if not known:
        return None
    shown = [key for key in MEASURES if any(_has(row, key) for _, row in known)]
    cells = [[arm(name), *(WRITTEN.get(key, score)(row.get(key)) for key in shown)] for name, row in known]
    spare = [1 + shown.index(key) for key in SPARE if key in shown]
    table = SectionTable(f"Scores: {classifier(by)}", ["arm", *(MEASURES[key] for key in shown)], cells, spare=spare)
    points = [_dot(name, row) for name, row in known]
    seeds = number(part(told, "arms", "seeds", by).get("macro_f1"))
    across = f"macro-F1, with {INTERVAL}" if "interval" in shown else "macro-F1"
    reference = None if seeds is None else (seeds, "seeds only")
    return SectionFigure(table, dot_plot(table.title, points, across, reference=reference))


def _has(row: Mapping[str, Any], key: str) -> bool:
    return (span(row.get(key)) if key == "interval" else number(row.get(key))) is not None


def _dot(name: str, row: Mapping[str, Any]) -> DotRow:
    value = number(row.get("macro_f1")) or 0.0
    look: Style = "control" if name in CONTROL else "real" if name in {"seeds", "all"} else "plain"
    return DotRow(arm(name), value, score(value), span(row.get("interval")), look)
