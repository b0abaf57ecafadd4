"""What a card says of labels that were tried on gold rows, and of those that were not."""

from __future__ import annotations

from collections.abc import Iterator

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary
from textsynth.core.formatting import format_percent, format_percent_range, pluralize
from textsynth.export.card.markdown import escape, table
from textsynth.export.run_result import RunResult


def calibration_limitations(outcome: RunResult) -> Iterator[str]:
    """Yield a line for each labeller: how often it is right on rows whose labels are known, or that nobody knows."""
    for item in outcome.labellers if outcome.selected else ():
        found = outcome.calibrations.get(item)
        if found is None:
            yield f"The confidence by {escape(item)} is not calibrated: it was compared with no rows of known labels."
            continue
        whole = found["all"]
        kept = found.get("kept")
        sure = (
            "" if kept is None else f", and on {_told(kept)} of the {kept['rows']} that are as sure as the texts kept"
        )
        yield (
            f"{escape(item)} was right on {_told(whole)} of {pluralize(whole['rows'], 'gold row')}{sure}; the texts"
            " here may be easier or harder than these rows."
        )


def calibration_scores(outcome: RunResult) -> str:
    """Return what each labeller was found to be worth on gold rows, in all and by label; "" where none was tried."""
    return "\n\n".join(_measured(found) for found in outcome.calibrations.values())


def _measured(found: CalibrationSummary) -> str:
    told = (
        f"{escape(found['sentence'])}. The gold rows, of the source {escape(found['source'])}, are in no split and were"
        " shown in no prompt as examples; the intervals are Wilson's, 95 %."
    )
    if not found["labels"]:
        return told
    rows = [
        (
            escape(one["label"]),
            one["rows"],
            format_percent(one["right"] / one["rows"]),
            format_percent_range(one["low"], one["high"]),
        )
        for one in found["labels"]
    ]
    return f"{told}\n\n{table(('label', 'gold rows', 'right', 'interval'), rows)}"


def _told(share: AccuracyInterval) -> str:
    return (
        f"{format_percent(share['right'] / (share['rows'] or 1))} ({format_percent_range(share['low'], share['high'])})"
    )
