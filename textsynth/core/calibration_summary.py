"""What a manifest tells of labellers that were tried on gold rows, whose labels are known."""

from __future__ import annotations

from typing_extensions import TypedDict


class AccuracyInterval(TypedDict):
    """So many of so many gold rows were labelled right, with the ends of a 95 % interval of that share (Wilson)."""

    rows: int
    right: int
    low: float
    high: float


class LabelAccuracy(AccuracyInterval):
    """The gold rows that have a label."""

    label: str


class ConfidenceBin(AccuracyInterval):
    """Gold rows from the lowest to the highest confidence as the labeller gave it, and what it is calibrated to."""

    lowest: float
    highest: float
    confidence: float


class AcceptedShare(AccuracyInterval):
    """The gold rows that pass: those of at least this calibrated confidence, and of at least this one before."""

    confidence: float
    before: float


class ThresholdSummary(TypedDict, total=False):
    """What is there only where a precision was asked for, and where rows passed."""

    precision: float
    kept: AcceptedShare


class CalibrationSummary(ThresholdSummary):
    """What a labeller is worth on rows whose labels are known, from the source `source`.

    `unread` rows got no label, and count as not right; `labels` have 10 rows or more; `bands` rise.
    """

    source: str
    all: AccuracyInterval
    unread: int
    labels: list[LabelAccuracy]
    bands: list[ConfidenceBin]
    sentence: str


class CalibrationSummaries(TypedDict, total=False):
    """What is told only of a run with labellers that were tried on gold rows: by item."""

    calibration: dict[str, CalibrationSummary]
