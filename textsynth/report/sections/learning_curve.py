"""How far real texts alone would go, and how much a synthetic text counts beside a real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.charts.line import LinePoint, line_chart
from textsynth.report.charts.svg import DotRow, dot_plot
from textsynth.report.number_format import arm, classifier, score, short_number, whole
from textsynth.report.sections import Section, SectionFigure, SectionTable, number, part, rows
from textsynth.report.sections.arms import classifiers
from textsynth.report.sections.verdict import compared


def curve_section(told: Mapping[str, Any]) -> Section | None:
    """Return the learning curve of the seeds alone and where seeds + selected stands; None without a curve."""
    figures = [figure for name in classifiers(told) if (figure := _curve(told, name)) is not None]
    said = [
        "The seeds alone, from a few to all of them; whiskers are one standard deviation over draws.",
        "The square is the same seeds with the synthetic texts; follow the broken line to read how many real "
        "texts alone do as well.",
    ]
    return Section("curve", "What more real texts bring", said, figures) if figures else None


def weights_section(told: Mapping[str, Any]) -> Section | None:
    """Return the weight fitted for each classifier and what was tried; None without any."""
    figures, said = [], []
    for name in classifiers(told):
        fitted = part(told, "weights", name)
        weight = number(fitted.get("weight"))
        if weight is None:
            continue
        said.append(_weight_said(name, fitted, weight))
        if (figure := _grid(name, fitted, weight)) is not None:
            figures.append(figure)
    if not said:
        return None
    if figures:
        said.append("Fitted by cross-validation on the seeds, never on the test texts; a lower loss is better.")
    return Section("weights", "How much a synthetic text counts", said, figures)


def _weight_said(name: str, fitted: Mapping[str, Any], weight: float) -> str:
    counts = f"{classifier(name)}: a synthetic text counts {short_number(weight)} of a real one"
    if number(fitted.get("rows")) == 0:
        return f"{counts}; too few seeds to fit it, so this is what served best elsewhere."
    if weight == 0:
        return f"{counts}. The seeds do better without them."
    prior = number(fitted.get("prior"))
    return f"{counts}." if prior is None else f"{counts}, looked for near {short_number(prior)}."


def _curve(told: Mapping[str, Any], by: str) -> SectionFigure | None:
    found = [
        (row, LinePoint(texts, value, number(row.get("spread"))))
        for row in rows(told, "curve", by)
        if (texts := number(row.get("train"))) is not None and (value := number(row.get("macro_f1"))) is not None
    ]
    if not found:
        return None
    points = [point for _, point in found]
    name, _ = compared(told)
    reached = number(part(told, "arms", name, by).get("macro_f1"))
    seeds = number(part(told, "arms", "seeds", by).get("n")) or max(point.texts for point in points)
    marker = None if reached is None else LinePoint(seeds, reached)
    cells = [("seeds alone", whole(one.texts), score(one.score), score(one.spread)) for one in points]
    if marker is not None:
        cells.append((arm(name), whole(seeds), score(reached), score(None)))
    head = ("training set", "real texts", "macro-F1", "SD of draws")
    table = SectionTable(f"Learning curve: {classifier(by)}", head, cells)
    words = {"line": "seeds alone", "mark": arm(name), "across": "real training texts", "up": "macro-F1"}
    return SectionFigure(table, line_chart(table.title, points, marker, **words))


def _grid(name: str, fitted: Mapping[str, Any], weight: float) -> SectionFigure | None:
    points = []
    for row in rows(fitted, "grid"):
        tried, loss, error = (number(row.get(key)) for key in ("weight", "log_loss", "se"))
        if tried is not None and loss is not None:
            chosen = tried == weight
            ends = None if error is None else (loss - error, loss + error)
            title = f"weight {short_number(tried)}{', chosen' if chosen else ''}"
            points.append(DotRow(title, loss, score(loss), ends, "chosen" if chosen else "plain"))
    if not points:
        return None
    cells = [(dot.name, dot.told, score(None if dot.ends is None else dot.ends[1] - dot.value)) for dot in points]
    table = SectionTable(
        f"Loss by weight: {classifier(name)}", ("weight", "log-loss", "SE of its difference to the best"), cells
    )
    return SectionFigure(table, dot_plot(table.title, points, "log-loss, ± SE of its difference to the best"))
