"""Gold: a labeller is tried on rows whose labels people have set, and its confidence becomes how often it is right.

The rows are asked about as texts are, blind: neither their label nor another of them is shown. Where labels are more
than a prompt shows, their own label is not put among the nearest as a text's intended one is, so that the figure is
rather too low. A row is right where the labeller chose its label, with `multi_label: true` exactly its labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary, ConfidenceBin
from textsynth.core.formatting import format_confidence, format_percent, format_percent_range, pluralize
from textsynth.core.records import Completion, GenerationRequest, Record, Verdict
from textsynth.label.calibration import (
    FEWEST,
    Calibration,
    CalibrationBin,
    Point,
    Proportion,
    calibrate,
    coverage_at,
    possible_thresholds,
    threshold_for_precision,
)

if TYPE_CHECKING:
    from textsynth.core.protocols import LabellerSession

FEWEST_OF_A_LABEL = 10
PLACES = 4


class Threshold(NamedTuple):
    """What a confidence must reach, and the reason told of one that does not; None: no confidence is enough."""

    limit: float | None
    reason: str


class CalibrationTarget(NamedTuple):
    """What the recipe asks of the gold rows of a source: a precision, or (None) so much calibrated confidence.

    `unsure` says in words what becomes of a text that does not pass.
    """

    source: str
    precision: float | None
    min_confidence: float
    on_low_confidence: str


class CalibratedSession:
    """A labeller at work whose confidence is calibrated.

    `desk` leaves its confidence in the measure of `item`, and what it chose as the labels of a record without any;
    `judged` says what a choice means for a record.
    """

    def __init__(
        self,
        desk: LabellerSession,
        rows: Sequence[Record],
        wish: CalibrationTarget,
        judged: Callable[[Record, str, tuple[str, ...], float, Threshold], tuple[Record, Verdict | None]],
        item: str,
    ) -> None:
        self._desk = desk
        self._rows = rows
        self._wish = wish
        self._judged = judged
        self._item = item
        self._calibration = Calibration(())
        self._bar = Threshold(None, "nothing was learnt yet")

    def build_requests(self, records: Sequence[Record]) -> list[list[GenerationRequest]]:
        """Return what the labeller asks about each record."""
        return self._desk.build_requests(records)

    def parse_responses(self, record: Record, completions: Sequence[Completion]) -> tuple[Record, Verdict | None]:
        """Return the record with its labels, the calibrated confidence, and as `ITEM_raw` the one before."""
        chosen, raw, verdict = self._chosen(record, completions)
        if raw is None:
            return record, verdict
        judged, verdict = self._judged(record, self._item, chosen, self._calibration.of(raw), self._bar)
        return judged.with_scores({f"{self._item}_raw": raw}), verdict

    def gold_records(self) -> Sequence[Record]:
        """Return the rows of the source without their labels."""
        return [row.with_labels(()) for row in self._rows]

    def calibrate(self, answers: Sequence[Sequence[Completion]]) -> CalibrationSummary:
        """Calibrate the confidence on the rows, and choose the limit from which texts are kept."""
        found = [self._chosen(row, some) for row, some in zip(self._rows, answers, strict=True)]
        right = [set(chosen) == set(row.labels) for row, (chosen, _, _) in zip(self._rows, found, strict=True)]
        points = [(raw, good) for (_, raw, _), good in zip(found, right, strict=True) if raw is not None]
        self._calibration = calibrate(points)
        self._bar = self._bar_for(points)
        return _told(self._item, self._wish, self._rows, right, points, self._calibration, self._bar.limit)

    def _chosen(
        self, record: Record, completions: Sequence[Completion]
    ) -> tuple[tuple[str, ...], float | None, Verdict | None]:
        """Return what the labeller chose, blind, how sure it says it is (None: it chose nothing), and its verdict."""
        blind, verdict = self._desk.parse_responses(record.with_labels(()), completions)
        return blind.labels, blind.scores.get(self._item), verdict

    def _bar_for(self, points: Sequence[Point]) -> Threshold:
        precision = self._wish.precision
        if precision is None:
            return Threshold(self._wish.min_confidence, "the label is too seldom right at this confidence")
        limit = threshold_for_precision(precision, points, self._calibration)
        if limit is None:
            return Threshold(None, "no confidence reaches the precision asked for")
        return Threshold(limit, "the label is too seldom right at this confidence")


def _told(
    item: str,
    wish: CalibrationTarget,
    rows: Sequence[Record],
    right: Sequence[bool],
    points: Sequence[Point],
    calibration: Calibration,
    limit: float | None,
) -> CalibrationSummary:
    whole = Proportion(sum(right), len(rows))
    told: CalibrationSummary = {
        "source": wish.source,
        "all": _share(whole),
        "unread": len(rows) - len(points),
        "labels": [{"label": label, **_share(share)} for label, share in _by_label(rows, right)],
        "bands": [_band(band) for band in calibration.bins],
        "sentence": "",
    }
    if wish.precision is not None:
        told["precision"] = wish.precision
    kept = None if limit is None else coverage_at(limit, points, calibration)
    if limit is not None and kept is not None and kept.rows:
        before = min(raw for raw, _ in points if calibration.of(raw) >= limit)
        told["kept"] = {"confidence": limit, "before": before, **_share(kept)}
    parts = [
        f"right on {format_percent(whole.share)} of {pluralize(len(rows), 'gold row')}"
        f" ({format_percent_range(whole.low, whole.high)})"
    ]
    parts += [f"{pluralize(told['unread'], 'row')} got no label"] if told["unread"] else []
    parts.append(_passing(wish, limit, kept, possible_thresholds(points, calibration), len(rows)))
    parts += [f"fewer than {FEWEST} rows say little"] if len(rows) < FEWEST else []
    return {**told, "sentence": f"{item}: {'; '.join(parts)}"}


def _passing(
    wish: CalibrationTarget,
    limit: float | None,
    kept: Proportion | None,
    reached: Sequence[tuple[float, Proportion]],
    rows: int,
) -> str:
    """Say from which confidence texts are kept, or that there is none from which enough are right."""
    if limit is None or kept is None:
        best = max(reached, key=lambda one: (one[1].share, one[1].rows), default=None)
        most = "" if best is None else f" (at most {format_percent(best[1].share)} of {best[1].rows})"
        return (
            f"no confidence has {100 * (wish.precision or 0):g} % right on {FEWEST} rows or more{most}, so"
            f" {wish.on_low_confidence}; ask for less, or take a better model or prompt"
        )
    if not kept.rows:
        return f"none of them is sure enough for {format_confidence(limit)}"
    return (
        f"kept from confidence {format_confidence(limit)}: {format_percent(kept.share)} right"
        f" ({format_percent_range(kept.low, kept.high)}), {format_percent(kept.rows / rows)} of them pass"
    )


def _by_label(rows: Sequence[Record], right: Sequence[bool]) -> Iterable[tuple[str, Proportion]]:
    """Yield the labels of 10 rows or more in the order of the alphabet; with many, right is the whole of a row."""
    for label in sorted({label for row in rows for label in row.labels}):
        own = [good for row, good in zip(rows, right, strict=True) if label in row.labels]
        if len(own) >= FEWEST_OF_A_LABEL:
            yield label, Proportion(sum(own), len(own))


def _share(share: Proportion) -> AccuracyInterval:
    return {"rows": share.rows, "right": share.right, "low": _rounded(share.low), "high": _rounded(share.high)}


def _band(band: CalibrationBin) -> ConfidenceBin:
    low, high, confidence = map(_rounded, (band.lowest, band.highest, band.confidence))
    return {"lowest": low, "highest": high, "confidence": confidence, **_share(band.share)}


def _rounded(value: float) -> float:
    return float(round(value, PLACES))
