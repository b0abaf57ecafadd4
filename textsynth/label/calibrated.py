"""Calibrates a labeller on gold rows: rows labelled by people, which the labeller labels before any text.

Its confidence then becomes the probability that the label is correct (calibration.py). The gold rows are labelled like
texts, without their own labels. Where the prompt lists only the nearest labels, a gold row's own label is not added to
them, unlike a text's intended label, so the measured accuracy is rather too low. A row is correct where the labeller
chose its label; with `multi_label: true`, exactly its labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary, ConfidenceBin
from textsynth.core.formatting import format_confidence, format_percent, format_percent_range, pluralize
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.label.calibration import (
    MIN_ROWS,
    Calibration,
    CalibrationBin,
    Point,
    Proportion,
    accuracy_at,
    calibrate,
    possible_thresholds,
    threshold_for_precision,
)
from textsynth.label.decision_rule import DecisionRule, Threshold

if TYPE_CHECKING:
    from textsynth.core.protocols import LabellerSession

MIN_LABEL_ROWS = 10
"""Minimum number of gold rows of a label for which its accuracy is reported."""
DECIMALS = 4
LOW_CONFIDENCE = "the calibrated confidence of the label is too low"
CONSEQUENCES = {"drop": "every text is dropped", "review": "every text goes to review"}


class CalibrationTarget(NamedTuple):
    """The goal of a calibration on the rows of `source`: a precision, or (None) a minimum calibrated confidence."""

    source: str
    precision: float | None
    min_confidence: float


class _BlindChoice(NamedTuple):
    """The labels that a labeller chose without knowing the intended ones, and its own confidence.

    The confidence is None where no label could be read; then the verdict has the reason.
    """

    labels: tuple[str, ...]
    confidence: float | None
    verdict: Verdict | None


class CalibratedSession:
    """A labeller session whose confidence is calibrated.

    `session` is the labeller without calibration: of a record without labels it returns the record with the chosen
    labels, and its confidence under the labeller's name in the scores. `rule` makes the final decision.
    """

    def __init__(
        self, session: LabellerSession, gold_rows: Sequence[Record], target: CalibrationTarget, rule: DecisionRule
    ) -> None:
        self._session = session
        self._gold_rows = gold_rows
        self._target = target
        self._rule = rule.with_threshold(Threshold(None, "the labeller is not calibrated yet"))
        self._calibration = Calibration(())

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return the requests of the labeller for each record."""
        return self._session.build_requests(records)

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with its labels, the calibrated confidence, and a verdict (None keeps it).

        The scores have the calibrated confidence under the labeller's name, and under `NAME_raw` the one before.
        """
        choice = self._choose(record, completions)
        if choice.confidence is None:
            return record, choice.verdict
        calibrated = self._calibration.apply(choice.confidence)
        decided, verdict = self._rule.decide(record, choice.labels, calibrated)
        return decided.with_scores({f"{self._rule.labeller}_raw": choice.confidence}), verdict

    def gold_records(self) -> Sequence[Record]:
        """Return the gold rows without their labels."""
        return [row.with_labels(()) for row in self._gold_rows]

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        """Calibrate the confidence with the answers for each gold row, in order, and choose the threshold."""
        choices = [self._choose(row, completions) for row, completions in zip(self._gold_rows, answers, strict=True)]
        right = [set(choice.labels) == set(row.labels) for row, choice in zip(self._gold_rows, choices, strict=True)]
        points = [
            (choice.confidence, is_right)
            for choice, is_right in zip(choices, right, strict=True)
            if choice.confidence is not None
        ]
        self._calibration = calibrate(points)
        self._rule = self._rule.with_threshold(self._choose_threshold(points))
        return _summarize(self._rule, self._target, self._gold_rows, right, points, self._calibration)

    def _choose(self, record: Record, completions: Sequence[Completion]) -> _BlindChoice:
        blind, verdict = self._session.parse_responses(record.with_labels(()), completions)
        return _BlindChoice(blind.labels, blind.scores.get(self._rule.labeller), verdict)

    def _choose_threshold(self, points: Sequence[Point]) -> Threshold:
        if self._target.precision is None:
            return Threshold(self._target.min_confidence, LOW_CONFIDENCE)
        threshold = threshold_for_precision(self._target.precision, points, self._calibration)
        if threshold is None:
            return Threshold(None, "no confidence reaches the requested precision")
        return Threshold(threshold, LOW_CONFIDENCE)


def _summarize(
    rule: DecisionRule,
    target: CalibrationTarget,
    rows: Sequence[Record],
    right: Sequence[bool],
    points: Sequence[Point],
    calibration: Calibration,
) -> CalibrationSummary:
    accuracy = Proportion(sum(right), len(rows))
    summary: CalibrationSummary = {
        "source": target.source,
        "all": _interval(accuracy),
        "unread": len(rows) - len(points),
        "labels": [{"label": label, **_interval(of_label)} for label, of_label in _accuracy_by_label(rows, right)],
        "bands": [_bin_summary(bin_) for bin_ in calibration.bins],
        "sentence": "",
    }
    if target.precision is not None:
        summary["precision"] = target.precision
    threshold = rule.threshold.min_confidence
    passing = None if threshold is None else accuracy_at(threshold, points, calibration)
    if threshold is not None and passing is not None and passing.rows:
        raw_threshold = min(confidence for confidence, _ in points if calibration.apply(confidence) >= threshold)
        summary["kept"] = {"confidence": threshold, "before": raw_threshold, **_interval(passing)}
    parts = [
        f"{format_percent(accuracy.fraction)} of {pluralize(len(rows), 'gold row')} labelled correctly"
        f" ({format_percent_range(accuracy.low, accuracy.high)})"
    ]
    parts += [f"{pluralize(summary['unread'], 'row')} got no label"] if summary["unread"] else []
    if threshold is None or passing is None:
        parts.append(_no_threshold_sentence(rule, target, possible_thresholds(points, calibration)))
    else:
        parts.append(_threshold_sentence(threshold, passing, len(rows)))
    parts += [f"fewer than {MIN_ROWS} gold rows are too few for a reliable result"] if len(rows) < MIN_ROWS else []
    return {**summary, "sentence": f"{rule.labeller}: {'; '.join(parts)}"}


def _threshold_sentence(threshold: float, passing: Proportion, rows: int) -> str:
    if not passing.rows:
        return f"no gold row reaches the confidence {format_confidence(threshold)}"
    return (
        f"from confidence {format_confidence(threshold)} on, {format_percent(passing.fraction)} are correct"
        f" ({format_percent_range(passing.low, passing.high)}) and {format_percent(passing.rows / rows)} of the gold"
        " rows pass"
    )


def _no_threshold_sentence(
    rule: DecisionRule, target: CalibrationTarget, thresholds: Sequence[tuple[float, Proportion]]
) -> str:
    """Return that no threshold reaches the precision, the best accuracy there is, and what follows."""
    accuracies = [accuracy for _, accuracy in thresholds]
    best = max(accuracies, key=lambda accuracy: (accuracy.fraction, accuracy.rows), default=None)
    at_most = "" if best is None else f" (at most {format_percent(best.fraction)} of {best.rows})"
    return (
        f"no confidence has {100 * (target.precision or 0):g} % correct on at least {MIN_ROWS} rows{at_most}, so"
        f" {CONSEQUENCES[rule.on_low_confidence]}; lower the precision, or use a better model or prompt"
    )


def _accuracy_by_label(rows: Sequence[Record], right: Sequence[bool]) -> Iterator[tuple[str, Proportion]]:
    """Yield the accuracy on the rows of each label with enough rows, in alphabetical order.

    A row with several labels counts for each of them, and is correct only as a whole.
    """
    for label in sorted({label for row in rows for label in row.labels}):
        of_label = [is_right for row, is_right in zip(rows, right, strict=True) if label in row.labels]
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
