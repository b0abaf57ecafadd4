"""How each class changes, and which have too few test texts to say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textsynth.report.charts.svg import DotRow, dot_plot
from textsynth.report.number_format import INTERVAL, arm, classifier, score, signed, signed_interval, whole
from textsynth.report.sections import Section, SectionFigure, SectionTable, number, part, rows, span
from textsynth.report.sections.arms import classifiers
from textsynth.report.sections.verdict import compared, look_of

SHOWN = 40
FEW = 20
BRIEF = 30


@dataclass(frozen=True, slots=True)
class Changed:
    """A class: how its F1 changes from `before` to `after`, with its interval, and how many test texts it has."""

    name: str
    change: float
    ends: tuple[float, float] | None
    before: float | None
    after: float | None
    test: float | None
    few: bool


def classes_section(told: Mapping[str, Any]) -> Section | None:
    """Return the change of every class, losses first, a plot for each classifier; None where no class is told.

    The plot shows at most 40 classes, those first whose interval leaves zero, then the largest changes; the table has
    all. Classes with under 20 test texts are in a table of their own.
    """
    figures: list[SectionFigure] = []
    apart: list[SectionFigure] = []
    hidden = 0
    for by in classifiers(told):
        changed = _changed(told, by)
        enough, few = [one for one in changed if not one.few], [one for one in changed if one.few]
        if enough:
            hidden = max(hidden, len(enough) - SHOWN)
            figures.append(_figure(enough, by))
        if few:
            title = f"Classes with under {FEW} test texts: {classifier(by)}"
            apart.append(SectionFigure(_table(title, few)))
    if not figures and not apart:
        return None
    more, less = map(arm, compared(told))
    said = [
        f"F1 of each class with {more} minus that with {less}; losses stand first. Filled dots are changes whose "
        "interval leaves zero: squares lose, round ones gain. Intervals hold for all classes together."
    ]
    if hidden > 0:
        said.append(f"The plot shows the {SHOWN} clearest changes, the table below it all of them.")
    return Section("classes", "Change by class", said, [*figures, *apart])


def _changed(told: Mapping[str, Any], by: str) -> list[Changed]:
    more, less = compared(told)
    found = []
    for row in rows(told, "differences"):
        if (row.get("arm"), row.get("minus"), row.get("classifier")) != (more, less, by):
            continue
        for name in part(row, "per_class"):
            one = part(row, "per_class", name)
            change, test = number(one.get("change")), number(one.get("test"))
            if change is None:
                continue
            before, after = (number(part(told, "arms", side, by, "per_class", name).get("f1")) for side in (less, more))
            few = bool(one.get("few")) or (test is not None and test < FEW)
            found.append(Changed(name, change, span(one.get("interval")), before, after, test, few))
    return sorted(found, key=lambda one: (one.change, one.name))


def _figure(changed: Sequence[Changed], by: str) -> SectionFigure:
    clearest = sorted(changed, key=lambda one: (look_of(one.ends) == "unsure", -abs(one.change)))[:SHOWN]
    shown = sorted(clearest, key=lambda one: (one.change, one.name))
    points = [DotRow(one.name, one.change, signed(one.change), one.ends, look_of(one.ends)) for one in shown]
    table = _table(f"Classes: {classifier(by)}", changed)
    across = f"change in F1, with {INTERVAL}"
    return SectionFigure(table, dot_plot(table.title, points, across, reference=(0.0, "no change")))


def _table(title: str, changed: Sequence[Changed]) -> SectionTable:
    head = ("class", "change", INTERVAL, "F1 before", "F1 after", "test texts")
    cells = [
        (one.name, signed(one.change), signed_interval(one.ends), score(one.before), score(one.after), whole(one.test))
        for one in changed
    ]
    return SectionTable(title, head, cells, brief=BRIEF)
