"""The figures of a data set's card, and updating a written card when its run is evaluated.

A figure is an SVG file next to the card: texts by label, the funnel, the confidence in the labels, and the scores and
text lengths of an evaluation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textsynth.core.errors import RunError, UsageError, write_error_reason
from textsynth.core.formatting import valid_unicode
from textsynth.export.card.evaluation import with_evaluation
from textsynth.export.run_result import CardFigure, RunResult
from textsynth.report.charts.bars import Bar, BarGroup, bar_chart
from textsynth.report.charts.file import svg_file
from textsynth.report.charts.svg import MarkStyle, Plot
from textsynth.report.sections.arms import arms_section
from textsynth.report.sections.domain_shift import LENGTH_TITLE, domain_shift_section
from textsynth.store.atomic import OWNER_ONLY_FOLDER
from textsynth.store.evaluation import CARD, delete_evaluation, read_evaluation, write_evaluation
from textsynth.store.owned_files import OwnedFiles, write_owned_text

# The card shows each figure in the part that its file name begins with.
NOT_WRITTEN = "the card cannot be written"
CONFIDENCE_PREFIX = "confidence"
EVALUATION_PREFIX = "evaluation"
MAX_LABELS = 40
MAX_REASONS = 12
CONFIDENCE_BINS = 10


def run_figures(result: RunResult) -> list[CardFigure]:
    """Return every figure that the result of a run can fill; the order of its texts makes no difference."""
    plots = (
        *_label_plots(result),
        *_funnel_plots(result),
        *_confidence_plots(result),
        *_evaluation_plots(result.evaluation),
    )
    return [_card_figure(name, plot) for name, plot in plots]


def evaluation_figures(evaluation: Mapping[str, Any]) -> list[CardFigure]:
    """Return the figures of an evaluation: the scores for each classifier, and the lengths of the texts."""
    return [_card_figure(name, plot) for name, plot in _evaluation_plots(evaluation)]


def write_evaluation_and_card(run: Path, evaluation: Mapping[str, Any]) -> None:
    """Write an evaluation into the folder of its run, and with its figures into the card of the run's data set.

    An earlier evaluation is replaced. The evaluation is first and names the card, so that after a kill in between it is
    known that they do not belong together. Raises RunError where a file cannot be written.
    """
    path = run / CARD
    if not path.is_file():
        write_evaluation(run, evaluation)
        return
    figures = evaluation_figures(evaluation)
    files = OwnedFiles(run)
    paths = {figure.path: path.parent / figure.path for figure in figures}
    files.refuse_obstacles([CARD, *(f"dataset/{name}" for name in paths)])
    try:
        card = with_evaluation(path.read_text(encoding="utf-8"), evaluation, figures)
        (path.parent / "figures").mkdir(exist_ok=True, mode=OWNER_ONLY_FOLDER)
    except OSError as error:
        raise RunError(f"{path}: the card cannot be written: {write_error_reason(error)}") from error
    write_evaluation(run, evaluation, card=card)
    for figure in figures:
        write_owned_text(run, f"dataset/{figure.path}", valid_unicode(figure.svg), error=NOT_WRITTEN)
    write_owned_text(run, CARD, card, error=NOT_WRITTEN)
    for file in (path.parent / "figures").glob(f"{EVALUATION_PREFIX}-*.svg"):
        name = file.relative_to(run).as_posix()
        if file not in paths.values():
            files.remove(name)


def restore_or_drop_evaluation(run: Path, *, same_dataset: bool) -> None:
    """Write a run's earlier evaluation into its new card, or delete it where it is of another data set or damaged."""
    try:
        evaluation = read_evaluation(run) if same_dataset else None
    except UsageError:
        evaluation = None
    if evaluation is None:
        delete_evaluation(run)
    else:
        write_evaluation_and_card(run, evaluation)


def _card_figure(name: str, plot: Plot) -> CardFigure:
    return CardFigure(f"figures/{name}.svg", plot.title, plot.description, svg_file(plot))


def _label_plots(result: RunResult) -> Iterator[tuple[str, Plot]]:
    """Yield the number of texts by label in the recipe's order; of more than 40 labels the 40 with the fewest texts."""
    counts = result.counts.labels
    if len(result.labels) < 2 or not counts:
        return
    labels, title = list(result.labels), "Texts by label"
    if len(labels) > MAX_LABELS:
        fewest = set(sorted(labels, key=lambda label: counts[label])[:MAX_LABELS])
        labels = [label for label in labels if label in fewest]
        title += f": the {MAX_LABELS} with the fewest"
    yield "labels", bar_chart(title, [_count_bar(label, counts[label]) for label in labels], "selected texts")


def _funnel_plots(result: RunResult) -> Iterator[tuple[str, Plot]]:
    counts: Counter[str] = Counter()
    for (_, step, reason), count in result.counts.drops.items():
        counts[f"{step}: {reason}"] += count
    if not counts:
        return
    candidates = len(result.selected) + len(result.surplus) + len(result.dropped)
    reasons = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    bars = [_count_bar("candidates", candidates)]
    bars += [_count_bar(reason, count, "loss") for reason, count in reasons[:MAX_REASONS]]
    other_reasons = sum(count for _, count in reasons[MAX_REASONS:])
    if other_reasons:
        bars.append(_count_bar("other reasons", other_reasons, "loss"))
    bars.append(_count_bar("accepted, not selected", len(result.surplus), "control"))
    bars.append(_count_bar("selected", len(result.selected), "gain"))
    yield "funnel", bar_chart("From candidates to selected texts", bars, "texts")


def _confidence_plots(result: RunResult) -> Iterator[tuple[str, Plot]]:
    """Yield the distribution of every score that is a confidence in the label."""
    for step in result.confidence_steps:
        values = result.counts.scores.get(step, ())
        if not values:
            continue
        bins = Counter(min(CONFIDENCE_BINS - 1, max(0, int(value * CONFIDENCE_BINS))) for value in values)
        bars = [
            _count_bar(f"{index / CONFIDENCE_BINS:g} to {(index + 1) / CONFIDENCE_BINS:g}", bins[index])
            for index in reversed(range(CONFIDENCE_BINS))
        ]
        name = "".join(char if char.isalnum() else "-" for char in step)
        yield f"{CONFIDENCE_PREFIX}-{name}", bar_chart(f"Confidence in the label by {step}", bars, "selected texts")


def _evaluation_plots(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, Plot]]:
    if not evaluation:
        return
    scores = arms_section(evaluation)
    classifiers = evaluation.get("classifiers") or ()
    for classifier, figure in zip(classifiers, scores.figures if scores else (), strict=False):
        if figure.plot is not None:
            yield f"{EVALUATION_PREFIX}-{classifier}", figure.plot
    domain_shift = domain_shift_section(evaluation)
    for figure in domain_shift.figures if domain_shift else ():
        if figure.plot is not None and figure.table.title == LENGTH_TITLE:
            yield f"{EVALUATION_PREFIX}-length", figure.plot


def _count_bar(name: str, count: int, style: MarkStyle = "plain") -> BarGroup:
    return BarGroup(name, f"{count:,}", [Bar(count, style)])
