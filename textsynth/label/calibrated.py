"""Calibrates a labeller on gold rows: rows labelled by people, which the labeller labels before any text.

Its confidence then becomes the probability that the label is correct (calibration.py). The gold rows are labelled like
texts, without their own labels. Where the prompt lists only the nearest labels, a gold row's own label is not added to
them, unlike a text's intended label, so the measured accuracy is rather too low. A row is correct where the labeller
chose its label; with `multi_label: true`, exactly its labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.judge_summary import JudgesSummary
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.label.calibration import Calibration, Point, calibrate, threshold_for_precision
from textsynth.label.calibration_report import CalibratedLabeller, CalibrationTarget, GoldOutcome, summarize
from textsynth.label.decision_rule import DecisionRule, Threshold

if TYPE_CHECKING:
    from textsynth.core.sessions import LabellerSession

LOW_CONFIDENCE = "the calibrated confidence of the label is too low"
GOLD_FOLDS = 5
NO_THRESHOLD = "no confidence reaches the requested precision"


@runtime_checkable
class GoldFittedSession(Protocol):
    """A labeller session with several judges, whose reliability is estimated on gold rows."""

    def fit_gold(self, rows: Sequence[Record], answers: Sequence[Sequence[Completion]]) -> None:
        """Estimate the reliability from the answers about gold rows with labels, in place of any earlier estimate."""

    def judges_summary(self) -> JudgesSummary | None:
        """Return the reliability of each judge; None where there is one judge, or no answer."""


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
        choices = self._choose_gold(answers)
        outcomes = [
            GoldOutcome(row.labels, set(choice.labels) == set(row.labels))
            for row, choice in zip(self._gold_rows, choices, strict=True)
        ]
        points = [
            (choice.confidence, outcome.right)
            for choice, outcome in zip(choices, outcomes, strict=True)
            if choice.confidence is not None
        ]
        self._calibration = calibrate(points)
        self._rule = self._rule.with_threshold(choose_threshold(self._target, points, self._calibration))
        labeller = CalibratedLabeller(
            self._rule.labeller, self._rule.threshold.min_confidence, self._rule.on_low_confidence
        )
        return summarize(labeller, self._target, outcomes, points, self._calibration)

    def observe_responses(self, answers: Sequence[Sequence[Completion]]) -> None:
        """Do nothing: several judges are estimated on the gold rows alone, so that the calibration holds."""

    def judges_summary(self) -> JudgesSummary | None:
        """Return the reliability of each judge; None where there is one judge, or no answer."""
        return self._session.judges_summary() if isinstance(self._session, GoldFittedSession) else None

    def _choose_gold(self, answers: Sequence[Sequence[Completion]]) -> list[_BlindChoice]:
        """Return the choice for each gold row. Several judges are estimated on the other folds of the gold rows."""
        gold = list(zip(self._gold_rows, answers, strict=True))
        if not isinstance(self._session, GoldFittedSession):
            return [self._choose(row, completions) for row, completions in gold]
        choices: dict[int, _BlindChoice] = {}
        for fold in range(GOLD_FOLDS):
            others = [pair for index, pair in enumerate(gold) if index % GOLD_FOLDS != fold]
            self._session.fit_gold([row for row, _ in others], [completions for _, completions in others])
            for index in range(fold, len(gold), GOLD_FOLDS):
                choices[index] = self._choose(*gold[index])
        self._session.fit_gold(self._gold_rows, answers)
        return [choices[index] for index in range(len(gold))]

    def _choose(self, record: Record, completions: Sequence[Completion]) -> _BlindChoice:
        blind, verdict = self._session.parse_responses(record.with_labels(()), completions)
        return _BlindChoice(blind.labels, blind.scores.get(self._rule.labeller), verdict)


def choose_threshold(
    target: CalibrationTarget, points: Sequence[Point], calibration: Calibration, *, cautious: bool = False
) -> Threshold:
    """Return the threshold for a target: its minimum confidence, or the lowest one that reaches its precision.

    `cautious` is that of `threshold_for_precision`.
    """
    if target.precision is None:
        return Threshold(target.min_confidence, LOW_CONFIDENCE)
    threshold = threshold_for_precision(target.precision, points, calibration, cautious=cautious)
    return Threshold(threshold, NO_THRESHOLD if threshold is None else LOW_CONFIDENCE)
