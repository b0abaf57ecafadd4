"""The change of F1 for each class, and the classes with too few test texts to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.charts.svg import DotRow, dot_plot
from textsynth.report.number_format import (
    INTERVAL,
    arm_name,
    classifier_name,
    format_count,
    format_difference,
    format_difference_interval,
    format_score,
)
from textsynth.report.sections import (
    Section,
    SectionFigure,
    SectionTable,
    as_interval,
    as_number,
    get_mapping,
    get_rows,
)
from textsynth.report.sections.arms import classifiers
from textsynth.report.sections.verdict import change_style, compared_arms

MAX_PLOTTED = 40
MIN_TEST_TEXTS = 20
MAX_TERMINAL_ROWS = 30


@dataclass(frozen=True, slots=True)
class ClassRow:
    """The change of a class's F1 from `before` to `after`, its interval, and the number of test texts of the class."""

    name: str
    change: float
    interval: tuple[float, float] | None
    before: float | None
    after: float | None
    test_texts: float | None
    few_test_texts: bool


def classes_section(evaluation: Mapping[str, Any]) -> Section | None:
    """Return the change of every class, losses first, with a plot for each classifier; None where there are none.

    A plot shows at most 40 classes: first those whose interval excludes zero, then those with the largest changes. Its
    table has all of them. Classes with under 20 test texts have a table of their own.
    """
    figures: list[SectionFigure] = []
    few_test_texts: list[SectionFigure] = []
    hidden = 0
    for classifier in classifiers(evaluation):
        rows = _class_rows(evaluation, classifier)
        enough = [row for row in rows if not row.few_test_texts]
        few = [row for row in rows if row.few_test_texts]
        if enough:
            hidden = max(hidden, len(enough) - MAX_PLOTTED)
            figures.append(_figure(f"Classes: {classifier_name(classifier)}", enough))
        if few:
            title = f"Classes with under {MIN_TEST_TEXTS} test texts: {classifier_name(classifier)}"
            few_test_texts.append(SectionFigure(_table(title, few)))
    if not figures and not few_test_texts:
        return None
    arm, baseline = map(arm_name, compared_arms(evaluation))
    paragraphs = [
        f"F1 of each class with {arm} minus F1 with {baseline}, losses first. Filled marks are changes whose interval "
        "excludes zero: squares are losses, dots are gains. The intervals hold for all classes together."
    ]
    if hidden > 0:
        paragraphs.append(f"The plot shows the {MAX_PLOTTED} clearest changes, the table below it all of them.")
    return Section("classes", "Change by class", paragraphs, [*figures, *few_test_texts])


def _class_rows(evaluation: Mapping[str, Any], classifier: str) -> list[ClassRow]:
    """Return the classes of the compared arms, the largest loss first, equal changes by name."""
    arm, baseline = compared_arms(evaluation)
    rows = []
    for difference in get_rows(evaluation, "differences"):
        if (difference.get("arm"), difference.get("baseline"), difference.get("classifier")) != (
            arm,
            baseline,
            classifier,
        ):
            continue
        for name in get_mapping(difference, "per_label"):
            values = get_mapping(difference, "per_label", name)
            change, test_texts = as_number(values.get("change")), as_number(values.get("test_rows"))
            if change is None:
                continue
            before, after = (_class_f1(evaluation, side, classifier, name) for side in (baseline, arm))
            few = bool(values.get("few_rows")) or (test_texts is not None and test_texts < MIN_TEST_TEXTS)
            interval = as_interval(values.get("interval"))
            rows.append(ClassRow(name, change, interval, before, after, test_texts, few))
    return sorted(rows, key=lambda row: (row.change, row.name))


def _class_f1(evaluation: Mapping[str, Any], arm: str, classifier: str, name: str) -> float | None:
    return as_number(get_mapping(evaluation, "arms", arm, classifier, "per_label", name).get("f1"))


def _figure(title: str, rows: Sequence[ClassRow]) -> SectionFigure:
    by_clarity = sorted(rows, key=lambda row: (change_style(row.interval) == "uncertain", -abs(row.change)))
    plotted = sorted(by_clarity[:MAX_PLOTTED], key=lambda row: (row.change, row.name))
    dots = [
        DotRow(row.name, row.change, format_difference(row.change), row.interval, change_style(row.interval))
        for row in plotted
    ]
    plot = dot_plot(title, dots, f"change in F1, with {INTERVAL}", reference=(0.0, "no change"))
    return SectionFigure(_table(title, rows), plot)


def _table(title: str, rows: Sequence[ClassRow]) -> SectionTable:
    head = ("class", "change", INTERVAL, "F1 before", "F1 after", "test texts")
    cells = [
        (
            row.name,
            format_difference(row.change),
            format_difference_interval(row.interval),
            format_score(row.before),
            format_score(row.after),
            format_count(row.test_texts),
        )
        for row in rows
    ]
    return SectionTable(title, head, cells, max_terminal_rows=MAX_TERMINAL_ROWS)
