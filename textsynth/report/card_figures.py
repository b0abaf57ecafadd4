"""The pictures of a data set's card: labels, the funnel, what the checks measured, and the scores on real data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textsynth.core.errors import RunError, UsageError
from textsynth.core.records import reason_category
from textsynth.export.card.evaluation import with_evaluation
from textsynth.export.dataset import write_figures
from textsynth.export.run_result import CardFigure, RunResult
from textsynth.report.charts.bars import Bar, BarGroup, bar_chart
from textsynth.report.charts.file import chart_file
from textsynth.report.charts.svg import Plot
from textsynth.report.sections.arms import arms_section
from textsynth.report.sections.domain_shift import gap_section
from textsynth.store.atomic import write_text_atomic
from textsynth.store.evaluation import delete_evaluation, read_evaluation

MOST_LABELS = 40
MOST_REASONS = 12
BINS = 10


def run_figures(outcome: RunResult) -> list[CardFigure]:
    """Return every picture that the outcome can fill, the same ones for the same texts in any order."""
    made = [*_labels(outcome), *_funnel(outcome), *_measures(outcome), *_proof(outcome.evaluation)]
    return [_picture(name, plot) for name, plot in made]


def evaluation_figures(evaluation: Mapping[str, Any]) -> list[CardFigure]:
    """Return the pictures of an evaluation alone: scores, and how long texts are."""
    return [_picture(name, plot) for name, plot in _proof(evaluation)]


def _picture(name: str, plot: Plot) -> CardFigure:
    return CardFigure(f"figures/{name}.svg", plot.title, plot.description, chart_file(plot))


def _labels(outcome: RunResult) -> Iterator[tuple[str, Plot]]:
    counted = Counter(label for record in outcome.selected for label in record.labels)
    if len(outcome.labels) < 2 or not counted:
        return
    shown = sorted(outcome.labels, key=lambda label: counted[label]) if len(outcome.labels) > MOST_LABELS else []
    names = [label for label in outcome.labels if not shown or label in shown[:MOST_LABELS]]
    title = "Texts by label" if not shown else f"Texts by label: the {MOST_LABELS} with the fewest"
    yield "labels", bar_chart(title, [_bar(name, counted[name]) for name in names], "selected texts")


def _funnel(outcome: RunResult) -> Iterator[tuple[str, Plot]]:
    counted = Counter(f"{drop.step}: {reason_category(drop.reason)}" for drop in outcome.dropped)
    candidates = len(outcome.selected) + len(outcome.surplus) + len(outcome.dropped)
    if not counted:
        return
    common = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    groups = [_bar("candidates", candidates)]
    groups += [BarGroup(name, f"{count:,}", [Bar(count, "loss")]) for name, count in common[:MOST_REASONS]]
    more = sum(count for _, count in common[MOST_REASONS:])
    groups += [BarGroup("other reasons", f"{more:,}", [Bar(more, "loss")])] if more else []
    groups += [BarGroup("accepted, not picked", f"{len(outcome.surplus):,}", [Bar(len(outcome.surplus), "control")])]
    groups += [BarGroup("selected", f"{len(outcome.selected):,}", [Bar(len(outcome.selected), "gain")])]
    yield "funnel", bar_chart("What became of the candidates", groups, "texts")


def _measures(outcome: RunResult) -> Iterator[tuple[str, Plot]]:
    """Yield how what tells the confidence in a label is spread: the agreement with the seeds, and each labeller's."""
    for item in dict.fromkeys(item for _, item, _ in outcome.checks):
        if not (item.split("-")[0] == "agreement" or item in outcome.labellers):
            continue
        values = [record.scores[item] for record in outcome.selected if item in record.scores]
        if not values:
            continue
        bins = Counter(min(BINS - 1, max(0, int(value * BINS))) for value in values)
        groups = [
            BarGroup(f"{place / BINS:g} to {(place + 1) / BINS:g}", f"{bins[place]:,}", [Bar(bins[place])])
            for place in reversed(range(BINS))
        ]
        name = "".join(char if char.isalnum() else "-" for char in item)
        yield f"measures-{name}", bar_chart(f"Confidence in the label by {item}", groups, "selected texts")


def _proof(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, Plot]]:
    if not evaluation:
        return
    scores = arms_section(evaluation)
    for kind, figure in zip(evaluation.get("classifiers") or (), scores.figures if scores else (), strict=False):
        if figure.plot is not None:
            yield f"proof-{kind}", figure.plot
    gap = gap_section(evaluation)
    for figure in gap.figures if gap else ():
        if figure.plot is not None and figure.table.title == "Length in words":
            yield "proof-length", figure.plot


def _bar(name: str, count: int) -> BarGroup:
    return BarGroup(name, f"{count:,}", [Bar(count)])


def update_card(run: Path, evaluation: Mapping[str, Any]) -> None:
    """Tell an evaluation on the card of a run's data set, with its pictures; what the card told of another one goes.

    Nothing happens where the run has no data set. Raises RunError where the disk does not take it; then the card is as
    it was.
    """
    path = run / "dataset" / "README.md"
    if not path.is_file():
        return
    pictures = evaluation_figures(evaluation)
    try:
        card = with_evaluation(path.read_text(encoding="utf-8"), evaluation, pictures)
        write_figures(path.parent, pictures)
        write_text_atomic(path, card)
        told = {one.path for one in pictures}
        for old in (path.parent / "figures").glob("proof-*.svg"):
            if old.relative_to(path.parent).as_posix() not in told:
                old.unlink()
    except OSError as fault:
        raise RunError(f"{path}: the card cannot be written: {fault.strerror or fault}") from fault


def restore_or_drop_evaluation(run: Path, *, same: bool) -> None:
    """Tell the evaluation of a run on its new card where the data set is the `same`, else take the evaluation away."""
    try:
        told = read_evaluation(run) if same else None
    except UsageError:
        told = None
    if told is None:
        delete_evaluation(run)
    else:
        update_card(run, told)
