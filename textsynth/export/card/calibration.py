"""What a card says about labellers that were calibrated on gold rows, and about those that were not."""

from __future__ import annotations

from collections.abc import Iterator

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary
from textsynth.core.formatting import format_percent, format_percent_range, pluralize
from textsynth.export.card.markdown import escape, table
from textsynth.export.run_result import RunResult


def calibration_limitations(result: RunResult) -> Iterator[str]:
    """Yield a sentence for each labeller: its accuracy on gold rows, or that its confidence is not calibrated."""
    for step in result.labellers if result.selected else ():
        summary = result.calibrations.get(step)
        if summary is None:
            yield f"The confidence by {escape(step)} is not calibrated: it was compared with no gold rows."
            continue
        total = summary["all"]
        kept = summary.get("kept")
        above = "" if kept is None else f", and on {_accuracy(kept)} of the {kept['rows']} above its threshold"
        yield (
            f"{escape(step)} was right on {_accuracy(total)} of {pluralize(total['rows'], 'gold row')}{above}; "
            "the texts here may be easier or harder than these rows."
        )


def calibration_scores(result: RunResult) -> str:
    """Return each labeller's accuracy on gold rows, overall and by label; "" where none was calibrated."""
    return "\n\n".join(map(_scores, result.calibrations.values()))


def _scores(summary: CalibrationSummary) -> str:
    text = (
        f"{escape(summary['sentence'])}. The gold rows, from the source {escape(summary['source'])}, are in no split "
        "and no prompt showed them as examples; the intervals are Wilson's, 95 %."
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
    return (
        f"{format_percent(share['right'] / (share['rows'] or 1))} ({format_percent_range(share['low'], share['high'])})"
    )
