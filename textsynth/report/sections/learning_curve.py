"""The learning curve of the real texts alone, and the weight of a synthetic text relative to a real one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textsynth.report.charts.line import LinePoint, line_chart
from textsynth.report.charts.svg import DotRow, dot_plot
from textsynth.report.number_format import arm_name, classifier_name, format_count, format_score, format_short
from textsynth.report.sections import Section, SectionFigure, SectionTable, as_number, get_mapping, get_rows
from textsynth.report.sections.arms import classifiers
from textsynth.report.sections.verdict import compared_arms


def learning_curve_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the learning curve of the seeds alone, with the score of seeds + selected; None without a curve."""
    figures = [
        figure
        for classifier in classifiers(evaluation)
        if (figure := _curve_figure(evaluation, classifier)) is not None
    ]
    paragraphs = [
        "Scores of the seeds alone, from a few to all of them; whiskers are one standard deviation over samples.",
        "The square is the score of all seeds with the synthetic texts. The broken line through it meets the curve at "
        "the number of real texts that score as high on their own.",
    ]
    return Section("learning_curve", "Learning curve of real texts", paragraphs, figures) if figures else None


def sample_weight_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the fitted weight of a synthetic text for each classifier, with all tried weights; None without any."""
    figures, paragraphs = [], []
    for classifier in classifiers(evaluation):
        fit = get_mapping(evaluation, "sample_weights", classifier)
        weight = as_number(fit.get("weight"))
        if weight is None:
            continue
        paragraphs.append(_weight_sentence(classifier, fit, weight))
        if (figure := _weights_figure(classifier, fit, weight)) is not None:
            figures.append(figure)
    if not paragraphs:
        return None
    if figures:
        paragraphs.append("Fitted by cross-validation on the seeds, never on the test texts; a lower loss is better.")
    return Section("sample_weights", "Weight of synthetic texts", paragraphs, figures)


def _weight_sentence(classifier: str, fit: Mapping[str, Any], weight: float) -> str:
    text = f"{classifier_name(classifier)}: a synthetic text has {format_short(weight)} times the weight of a real one"
    if as_number(fit.get("held_out_rows")) == 0:
        return f"{text}. There are too few seeds to fit it; this weight did best on other data sets."
    if weight == 0:
        return f"{text}. The seeds score higher without synthetic texts."
    prior = as_number(fit.get("prior"))
    if prior is None:
        return f"{text}."
    return f"{text}. Of the weights within one standard error of the best, it is the nearest to {format_short(prior)}."


def _curve_figure(evaluation: Mapping[str, Any], classifier: str) -> SectionFigure | None:
    points = [
        LinePoint(texts, score, as_number(row.get("sd")))
        for row in get_rows(evaluation, "learning_curves", classifier)
        if (texts := as_number(row.get("train_rows"))) is not None
        and (score := as_number(row.get("macro_f1"))) is not None
    ]
    if not points:
        return None
    arm, _ = compared_arms(evaluation)
    arm_score = as_number(get_mapping(evaluation, "arms", arm, classifier).get("macro_f1"))
    seeds = as_number(get_mapping(evaluation, "arms", "seeds", classifier).get("train_rows"))
    seeds = seeds or max(point.texts for point in points)
    marker = None if arm_score is None else LinePoint(seeds, arm_score)
    cells = [
        ("seeds alone", format_count(point.texts), format_score(point.score), format_score(point.spread))
        for point in points
    ]
    if marker is not None:
        cells.append((arm_name(arm), format_count(seeds), format_score(arm_score), format_score(None)))
    head = ("training set", "real texts", "macro-F1", "SD over samples")
    table = SectionTable(f"Learning curve: {classifier_name(classifier)}", head, cells)
    plot = line_chart(
        table.title,
        points,
        marker,
        line_name="seeds alone",
        marker_name=arm_name(arm),
        x_title="real training texts",
        y_title="macro-F1",
    )
    return SectionFigure(table, plot)


def _weights_figure(classifier: str, fit: Mapping[str, Any], fitted_weight: float) -> SectionFigure | None:
    dots = []
    for row in get_rows(fit, "grid"):
        weight, loss, error = (as_number(row.get(key)) for key in ("weight", "log_loss", "standard_error"))
        if weight is not None and loss is not None:
            is_fitted = weight == fitted_weight
            interval = None if error is None else (loss - error, loss + error)
            name = f"weight {format_short(weight)}{', chosen' if is_fitted else ''}"
            dots.append(DotRow(name, loss, format_score(loss), interval, "chosen" if is_fitted else "plain"))
    if not dots:
        return None
    cells = [
        (dot.name, dot.value_text, format_score(None if dot.interval is None else dot.interval[1] - dot.value))
        for dot in dots
    ]
    error_text = "SE of its difference to the best"
    table = SectionTable(f"Loss by weight: {classifier_name(classifier)}", ("weight", "log-loss", error_text), cells)
    return SectionFigure(table, dot_plot(table.title, dots, f"log-loss, ± {error_text}"))
