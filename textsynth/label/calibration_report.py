"""The summary of a calibration on gold rows: its numbers for the manifest, and one sentence for the user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary, ConfidenceBin
from textsynth.core.formatting import format_confidence, format_percent, format_percent_range, pluralize
from textsynth.label.calibration import (
    MIN_ROWS,
    Calibration,
    CalibrationBin,
    Point,
    Proportion,
    accuracy_at,
    possible_thresholds,
)
from textsynth.label.decision_rule import OnLowConfidence

MIN_LABEL_ROWS = 10
"""Minimum number of gold rows of a label for which its accuracy is reported."""
DECIMALS = 4
CONSEQUENCES = {"drop": "every text is dropped", "review": "every text goes to review"}


class GoldOutcome(NamedTuple):
    """The labels of a gold row as it was shown or is known, and whether the labeller was right about it."""

    labels: tuple[str, ...]
    right: bool


class CalibrationTarget(NamedTuple):
    """The goal of a calibration on the rows of `source`: a precision, or (None) a minimum calibrated confidence."""

    source: str
    precision: float | None
    min_confidence: float


class CalibrationWords(NamedTuple):
    """The words of the sentence: what a row is, what being right about it is, and what an answer may lack."""

    row: str = "gold row"
    right: str = "labelled correctly"
    unread: str = "got no label"


CHOICE_WORDS = CalibrationWords()


class CalibratedLabeller(NamedTuple):
    """A labeller after its calibration: its name in the recipe, the threshold (None: no confidence is high enough)."""

    name: str
    threshold: float | None
    on_low_confidence: OnLowConfidence


def summarize(
    labeller: CalibratedLabeller,
    target: CalibrationTarget,
    outcomes: Sequence[GoldOutcome],
    points: Sequence[Point],
    calibration: Calibration,
    words: CalibrationWords = CHOICE_WORDS,
) -> CalibrationSummary:
    """Return the summary. `outcomes` has every gold row, `points` those whose answer could be read."""
    accuracy = Proportion(sum(outcome.right for outcome in outcomes), len(outcomes))
    summary: CalibrationSummary = {
        "source": target.source,
        "all": _interval(accuracy),
        "unread": len(outcomes) - len(points),
        "labels": [{"label": label, **_interval(of_label)} for label, of_label in _accuracy_by_label(outcomes)],
        "bands": [_bin_summary(bin_) for bin_ in calibration.bins],
        "sentence": "",
    }
    if target.precision is not None:
        summary["precision"] = target.precision
    threshold = labeller.threshold
    passing = None if threshold is None else accuracy_at(threshold, points, calibration)
    if threshold is not None and passing is not None and passing.rows:
        raw_threshold = min(confidence for confidence, _ in points if calibration.apply(confidence) >= threshold)
        summary["kept"] = {"confidence": threshold, "before": raw_threshold, **_interval(passing)}
    parts = [
        f"{format_percent(accuracy.fraction)} of {pluralize(len(outcomes), words.row)} {words.right}"
        f" ({format_percent_range(accuracy.low, accuracy.high)})"
    ]
    parts += [f"{pluralize(summary['unread'], 'row')} {words.unread}"] if summary["unread"] else []
    if threshold is None or passing is None:
        parts.append(_no_threshold_sentence(labeller, target, possible_thresholds(points, calibration)))
    else:
        parts.append(_threshold_sentence(threshold, passing, len(outcomes), words))
    few = len(outcomes) < MIN_ROWS
    parts += [f"fewer than {MIN_ROWS} {words.row}s are too few for a reliable result"] if few else []
    return {**summary, "sentence": f"{labeller.name}: {'; '.join(parts)}"}


def _threshold_sentence(threshold: float, passing: Proportion, rows: int, words: CalibrationWords) -> str:
    if not passing.rows:
        return f"no {words.row} reaches the confidence {format_confidence(threshold)}"
    return (
        f"from confidence {format_confidence(threshold)} on, {format_percent(passing.fraction)} are correct"
        f" ({format_percent_range(passing.low, passing.high)}) and {format_percent(passing.rows / rows)} of the"
        f" {words.row}s pass"
    )


def _no_threshold_sentence(
    labeller: CalibratedLabeller, target: CalibrationTarget, thresholds: Sequence[tuple[float, Proportion]]
) -> str:
    """Return that no threshold reaches the precision, the best accuracy there is, and what follows."""
    accuracies = [accuracy for _, accuracy in thresholds]
    best = max(accuracies, key=lambda accuracy: (accuracy.fraction, accuracy.rows), default=None)
    at_most = "" if best is None else f" (at most {format_percent(best.fraction)} of {best.rows})"
    return (
        f"no confidence has {100 * (target.precision or 0):g} % correct on at least {MIN_ROWS} rows{at_most}, so"
        f" {CONSEQUENCES[labeller.on_low_confidence]}; lower the precision, or use a better model or prompt"
    )


def _accuracy_by_label(outcomes: Sequence[GoldOutcome]) -> Iterator[tuple[str, Proportion]]:
    """Yield the accuracy on the rows of each label with enough rows, in alphabetical order.

    A row with several labels counts for each of them, and is correct only as a whole.
    """
    for label in sorted({label for outcome in outcomes for label in outcome.labels}):
        of_label = [outcome.right for outcome in outcomes if label in outcome.labels]
        if len(of_label) >= MIN_LABEL_ROWS:
            yield label, Proportion(sum(of_label), len(of_label))


def _interval(accuracy: Proportion) -> AccuracyInterval:
    low, high = _rounded(accuracy.low), _rounded(accuracy.high)
    return {"rows": accuracy.rows, "right": accuracy.right, "low": low, "high": high}


def _bin_summary(bin_: CalibrationBin) -> ConfidenceBin:
    lowest, highest, confidence = map(_rounded, (bin_.lowest, bin_.highest, bin_.confidence))
    return {"lowest": lowest, "highest": highest, "confidence": confidence, **_interval(bin_.accuracy)}


def _rounded(value: float) -> float:
    return float(round(value, DECIMALS))
