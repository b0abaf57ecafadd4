"""The part of a manifest about labellers that were calibrated on gold rows, whose labels are known."""

from __future__ import annotations

from typing_extensions import TypedDict


class AccuracyInterval(TypedDict):
    """How many gold rows were labelled right (`right` of `rows`), with the 95 % interval of the share (Wilson)."""

    rows: int
    right: int
    low: float
    high: float


class LabelAccuracy(AccuracyInterval):
    """The accuracy on the gold rows of one label."""

    label: str


class ConfidenceBin(AccuracyInterval):
    """The accuracy on the gold rows between two raw confidences, both included, and their calibrated confidence."""

    lowest: float
    highest: float
    confidence: float


class AcceptedShare(AccuracyInterval):
    """The gold rows that pass the threshold: `confidence` is the calibrated one, `before` the raw one."""

    confidence: float
    before: float


class ThresholdSummary(TypedDict, total=False):
    """The target precision, where one was set, and the rows that pass the threshold for it, where any do."""

    precision: float
    kept: AcceptedShare


class CalibrationSummary(ThresholdSummary):
    """The accuracy of a labeller on the gold rows of `source`, and its calibration.

    `all` is the accuracy on all rows, where the `unread` rows, which got no label, count as wrong; `labels` has the
    labels with 10 rows or more; `bands` are the bins of the calibration, by rising confidence.
    """

    source: str
    all: AccuracyInterval
    unread: int
    labels: list[LabelAccuracy]
    bands: list[ConfidenceBin]
    sentence: str


class CalibrationSummaries(TypedDict, total=False):
    """The summaries by step; missing in the manifest of a run without calibrated labellers."""

    calibration: dict[str, CalibrationSummary]
