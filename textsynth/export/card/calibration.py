"""The card's sentences about labellers: calibrated on gold rows, or not calibrated."""

from __future__ import annotations

from collections.abc import Iterator

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary
from textsynth.core.formatting import format_percent, format_percent_range, pluralize
from textsynth.export.card.markdown import escape, table
from textsynth.export.run_result import RunResult


def calibration_limitations(result: RunResult) -> Iterator[str]:
    """Yield a sentence for each labeller of the selected texts: its accuracy on gold rows, or that it has none."""
    for step in result.labellers if result.selected else ():
        summary = result.calibrations.get(step)
        if summary is None and step not in result.confidence_steps:
            yield f"The score by {escape(step)} is no calibrated probability: it was compared with no gold rows."
            continue
        if summary is None:
            yield f"The confidence by {escape(step)} is not calibrated: it was compared with no gold rows."
            continue
        total = summary["all"]
        accepted = summary.get("kept")
        above = (
            ""
            if accepted is None
            else f", and on {_accuracy(accepted)} of the {accepted['rows']} that reached its threshold"
        )
        yield (
            f"{escape(step)} was right on {_accuracy(total)} of {pluralize(total['rows'], 'gold row')}{above}; "
            "the texts of this data set may be easier or harder than these rows."
        )


def calibration_scores(result: RunResult) -> str:
    """Return the accuracy of each labeller on gold rows, overall and by label; "" where none was calibrated."""
    return "\n\n".join(map(_scores, result.calibrations.values()))


def _scores(summary: CalibrationSummary) -> str:
    text = (
        f"{escape(summary['sentence'])}. The gold rows, from the source {escape(summary['source'])}, are in no split "
        "and in no prompt as examples; the intervals are 95 % Wilson intervals."
    )
    if not summary["labels"]:
        return text
    rows = [
        (
            escape(label["label"]),
            label["rows"],
            format_percent(label["right"] / label["rows"]),
            format_percent_range(label["low"], label["high"]),
        )
        for label in summary["labels"]
    ]
    return f"{text}\n\n{table(('label', 'gold rows', 'right', 'interval'), rows)}"


def _accuracy(share: AccuracyInterval) -> str:
    # A calibration may have no rows: then none of them was right.
    accuracy = format_percent(share["right"] / max(1, share["rows"]))
    return f"{accuracy} ({format_percent_range(share['low'], share['high'])})"
