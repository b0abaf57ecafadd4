"""The scores of the arms (training sets), and the differences between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textsynth.report.charts.svg import DotRow, MarkStyle, dot_plot
from textsynth.report.number_format import (
    ARMS,
    INTERVAL,
    arm_name,
    classifier_name,
    format_count,
    format_difference,
    format_difference_interval,
    format_interval,
    format_score,
    format_short,
)
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionTable,
    as_interval,
    as_number,
    as_string,
    as_strings,
    get_mapping,
    get_rows,
)
from textsynth.report.sections.verdict import difference_row

CONTROL_ARMS = ("random", "seeds_random", "seeds_replicated")
REAL_ARMS = ("seeds", "all")
# key of an arm's scores → head of its column; a column without any value is left out
COLUMNS = {
    "macro_f1": "macro-F1",
    "interval": INTERVAL,
    "micro_f1": "micro-F1",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "quadratic_kappa": "quadratic kappa",
    "train_rows": "training texts",
    "sample_weight": "weight",
    "sd": "SD over samples",
}
OPTIONAL_COLUMNS = ("accuracy", "balanced_accuracy", "train_rows", "sample_weight", "sd")
# how a column is formatted, where not as a score
FORMATS = {"interval": format_interval, "train_rows": format_count, "sample_weight": format_short}


def arms_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the scores of every arm, with a plot for each classifier; None where no arm has a score."""
    figures = [
        figure
        for classifier in classifiers(evaluation)
        if (figure := _scores_figure(evaluation, classifier)) is not None
    ]
    if not figures:
        return None
    samples = max((as_number(scores.get("draws")) or 0 for _, _, scores in _arm_scores(evaluation)), default=0)
    paragraphs = ["Each arm is a training set; all arms are tested on the same real texts."]
    if samples:
        paragraphs.append(
            "The random sample has as many texts of each label as were selected, taken from everything that the model "
            f"wrote (mean of {format_count(samples)} samples). What the selected texts gain over it is the effect of "
            "checks and selection."
        )
    if get_mapping(evaluation, "arms", "seeds_replicated"):
        paragraphs.append(
            f"In the arm \u201c{arm_name('seeds_replicated')}\u201d the seeds are repeated to as many rows as seeds "
            "and selected texts together. What the selected texts gain over it comes from new texts, not from more "
            "rows."
        )
    return Section("arms", "Scores on real test data", paragraphs, figures)


def differences_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the differences between arms, with a plot for each classifier; None where there are none."""
    figures = [
        figure
        for classifier in classifiers(evaluation)
        if (figure := _differences_figure(evaluation, classifier)) is not None
    ]
    paragraphs = ["Where an interval contains zero, the test could not tell the two arms apart."]
    return Section("differences", "Differences between arms", paragraphs, figures) if figures else None


def classifiers(evaluation: Mapping[str, Any]) -> list[str]:
    """Return the classifiers: first those that the evaluation lists, then those that only its results name."""
    used = [classifier for _, classifier, _ in _arm_scores(evaluation)]
    results = (*get_rows(evaluation, "differences"), *get_rows(evaluation, "ablation"))
    used += [as_string(result.get("classifier")) for result in results]
    used += [*get_mapping(evaluation, "sample_weights"), *get_mapping(evaluation, "learning_curves")]
    return list(dict.fromkeys(name for name in (*as_strings(evaluation.get("classifiers")), *used) if name))


def _arm_scores(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield arm, classifier and scores: first the arms of `ARMS` in its order, then all others."""
    arms = get_mapping(evaluation, "arms")
    for arm in (*(name for name in ARMS if name in arms), *(name for name in arms if name not in ARMS)):
        for classifier in get_mapping(arms, arm):
            yield arm, classifier, get_mapping(arms, arm, classifier)


def _scores_figure(evaluation: Mapping[str, Any], classifier: str) -> SectionFigure | None:
    scored = [
        (arm, scores)
        for arm, arm_classifier, scores in _arm_scores(evaluation)
        if arm_classifier == classifier and as_number(scores.get("macro_f1")) is not None
    ]
    if not scored:
        return None
    columns = [key for key in COLUMNS if any(_has_value(scores, key) for _, scores in scored)]
    cells = [
        [arm_name(arm), *(FORMATS.get(key, format_score)(scores.get(key)) for key in columns)] for arm, scores in scored
    ]
    optional = [1 + columns.index(key) for key in OPTIONAL_COLUMNS if key in columns]
    head = ["arm", *(COLUMNS[key] for key in columns)]
    table = SectionTable(f"Scores: {classifier_name(classifier)}", head, cells, optional_columns=optional)
    seeds_score = as_number(get_mapping(evaluation, "arms", "seeds", classifier).get("macro_f1"))
    reference = None if seeds_score is None else (seeds_score, "seeds only")
    axis_title = f"macro-F1, with {INTERVAL}" if "interval" in columns else "macro-F1"
    dots = [_score_dot(arm, scores) for arm, scores in scored]
    return SectionFigure(table, dot_plot(table.title, dots, axis_title, reference=reference))


def _has_value(scores: Mapping[str, Any], key: str) -> bool:
    value = scores.get(key)
    return (as_interval(value) if key == "interval" else as_number(value)) is not None


def _score_dot(arm: str, scores: Mapping[str, Any]) -> DotRow:
    value = as_number(scores.get("macro_f1")) or 0.0
    style: MarkStyle = "control" if arm in CONTROL_ARMS else "real" if arm in REAL_ARMS else "plain"
    return DotRow(arm_name(arm), value, format_score(value), as_interval(scores.get("interval")), style)


def _differences_figure(evaluation: Mapping[str, Any], classifier: str) -> SectionFigure | None:
    named = [
        (row, f"{arm_name(as_string(row.get('arm')))} vs. {arm_name(as_string(row.get('baseline')))}")
        for row in get_rows(evaluation, "differences")
        if row.get("classifier") == classifier
    ]
    dots = [dot for row, name in named if (dot := difference_row(row, name)) is not None]
    if not dots:
        return None
    cells = [
        (name, format_difference(row.get("difference")), format_difference_interval(row.get("interval")))
        for row, name in named
    ]
    table = SectionTable(f"Differences: {classifier_name(classifier)}", ("arms", "difference", INTERVAL), cells)
    axis_title = f"difference in macro-F1, with {INTERVAL}"
    return SectionFigure(table, dot_plot(table.title, dots, axis_title, reference=(0.0, "no difference")))
