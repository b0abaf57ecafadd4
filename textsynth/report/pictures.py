"""The pictures of a data set's card: labels, the funnel, what the checks measured, and the scores on real data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from textsynth.core.records import reason_kind
from textsynth.export.run_result import Outcome, Picture
from textsynth.report.arms import arms_section
from textsynth.report.bars import Bar, Bars, bars
from textsynth.report.distributions import gap_section
from textsynth.report.picture import picture
from textsynth.report.plots import Plot

MOST_LABELS = 40
MOST_REASONS = 12
BINS = 10


def pictures(outcome: Outcome) -> list[Picture]:
    """Return every picture that the outcome can fill, the same ones for the same texts in any order."""
    made = [*_labels(outcome), *_funnel(outcome), *_measures(outcome), *_proof(outcome.evaluation)]
    return [_picture(name, plot) for name, plot in made]


def proof_pictures(evaluation: Mapping[str, Any]) -> list[Picture]:
    """Return the pictures of an evaluation alone: scores, and how long texts are."""
    return [_picture(name, plot) for name, plot in _proof(evaluation)]


def _picture(name: str, plot: Plot) -> Picture:
    return Picture(f"figures/{name}.svg", plot.title, plot.told, picture(plot))


def _labels(outcome: Outcome) -> Iterator[tuple[str, Plot]]:
    counted = Counter(label for record in outcome.selected for label in record.labels)
    if len(outcome.labels) < 2 or not counted:
        return
    shown = sorted(outcome.labels, key=lambda label: counted[label]) if len(outcome.labels) > MOST_LABELS else []
    names = [label for label in outcome.labels if not shown or label in shown[:MOST_LABELS]]
    title = "Texts by label" if not shown else f"Texts by label: the {MOST_LABELS} with the fewest"
    yield "labels", bars(title, [_bar(name, counted[name]) for name in names], "selected texts")


def _funnel(outcome: Outcome) -> Iterator[tuple[str, Plot]]:
    counted = Counter(f"{drop.item}: {reason_kind(drop.reason)}" for drop in outcome.dropped)
    candidates = len(outcome.selected) + len(outcome.spare) + len(outcome.dropped)
    if not counted:
        return
    common = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    groups = [_bar("candidates", candidates)]
    groups += [Bars(name, f"{count:,}", [Bar(count, "loss")]) for name, count in common[:MOST_REASONS]]
    more = sum(count for _, count in common[MOST_REASONS:])
    groups += [Bars("other reasons", f"{more:,}", [Bar(more, "loss")])] if more else []
    groups += [Bars("accepted, not picked", f"{len(outcome.spare):,}", [Bar(len(outcome.spare), "control")])]
    groups += [Bars("selected", f"{len(outcome.selected):,}", [Bar(len(outcome.selected), "gain")])]
    yield "funnel", bars("What became of the candidates", groups, "texts")


def _measures(outcome: Outcome) -> Iterator[tuple[str, Plot]]:
    """Yield how what tells the confidence in a label is spread: the agreement with the seeds, and each labeller's."""
    for item in dict.fromkeys(item for _, item in outcome.checks):
        if not (item.split("-")[0] == "agreement" or item in outcome.labellers):
            continue
        values = [record.measures[item] for record in outcome.selected if item in record.measures]
        if not values:
            continue
        bins = Counter(min(BINS - 1, max(0, int(value * BINS))) for value in values)
        groups = [
            Bars(f"{place / BINS:g} to {(place + 1) / BINS:g}", f"{bins[place]:,}", [Bar(bins[place])])
            for place in reversed(range(BINS))
        ]
        name = "".join(char if char.isalnum() else "-" for char in item)
        yield f"measures-{name}", bars(f"Confidence in the label by {item}", groups, "selected texts")


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


def _bar(name: str, count: int) -> Bars:
    return Bars(name, f"{count:,}", [Bar(count)])
