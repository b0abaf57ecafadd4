"""The accuracy of each calibrated labeller on gold rows, whose labels are known."""

from __future__ import annotations

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary
from textsynth.core.formatting import format_confidence
from textsynth.core.judge_summary import JudgesSummary
from textsynth.core.label_error_summary import LabelErrorSummary
from textsynth.report.number_format import INTERVAL, format_count, format_share
from textsynth.report.sections import Section, SectionFigure, SectionTable
from textsynth.store.manifest import Manifest

ACCURACY_HEAD = ("gold rows", "right", INTERVAL)


def calibration_sections(manifest: Manifest) -> list[Section]:
    """Return a section for each calibrated labeller: its summary, and its accuracy by confidence and by label.

    Labellers that ask several judges have a section with the reliability of each judge, overall and by label, and
    those that look for wrong labels one with the labels that are mixed up.

    Confidences are in bins of rows with the same calibrated confidence, the highest first.
    """
    summaries = manifest.get("calibration", {})
    judges, errors = manifest.get("judges", {}), manifest.get("label_errors", {})
    return [
        *(_section(index, step, summary) for index, (step, summary) in enumerate(summaries.items())),
        *(_judges_section(index, step, summary) for index, (step, summary) in enumerate(judges.items())),
        *(_label_error_section(index, step, summary) for index, (step, summary) in enumerate(errors.items())),
    ]


def _section(index: int, step: str, summary: CalibrationSummary) -> Section:
    figures = []
    if summary["bands"]:
        bins = [
            (_confidence_range(band["lowest"], band["highest"]), format_confidence(band["confidence"]), *_cells(band))
            for band in reversed(summary["bands"])
        ]
        head = (f"confidence by {step}", "calibrated", *ACCURACY_HEAD)
        figures.append(SectionFigure(SectionTable("By confidence", head, bins, optional_columns=(4,))))
    if summary["labels"]:
        labels = [(accuracy["label"], *_cells(accuracy)) for accuracy in summary["labels"]]
        figures.append(
            SectionFigure(SectionTable("By label", ("label", *ACCURACY_HEAD), labels, optional_columns=(3,)))
        )
    return Section(f"calibration-{index}", f"Calibration of {step} on gold rows", [f"{summary['sentence']}."], figures)


def _judges_section(index: int, step: str, summary: JudgesSummary) -> Section:
    labels = list(summary["judges"][0]["labels"]) if summary["judges"] else []
    rows = [
        (
            f"{judge['model']}, {judge['prompt']}",
            format_share(judge["answered"]),
            format_share(judge["mean"]),
            *(format_share(judge["labels"][label]) for label in labels),
        )
        for judge in summary["judges"]
    ]
    head = ("judge", "named a label", "right", *(f"right for {label}" for label in labels))
    table = SectionTable("By label", head, rows, optional_columns=tuple(range(3, len(head))))
    note = (
        "Estimated on gold rows, whose labels are known."
        if summary["measured_on"] == "gold rows"
        else "Estimated from the votes alone, as if judges were independent: those that share errors look too good."
    )
    return Section(
        f"judges-{index}", f"Judges of {step}", [f"{summary['sentence']}."], [SectionFigure(table)], notes=[note]
    )


def _label_error_section(index: int, step: str, summary: LabelErrorSummary) -> Section:
    rows = [(entry["label"], entry["suggested"], format_count(entry["texts"])) for entry in summary["confusions"]]
    figures = []
    if rows:
        head = ("label", "probably", "texts")
        figures.append(SectionFigure(SectionTable("Labels that are mixed up", head, rows, text_columns=(0, 1))))
    return Section(f"label-errors-{index}", f"Label errors by {step}", [f"{summary['sentence']}."], figures)


def _cells(accuracy: AccuracyInterval) -> tuple[str, str, str]:
    right = format_share(accuracy["right"] / accuracy["rows"] if accuracy["rows"] else None)
    return format_count(accuracy["rows"]), right, f"{format_share(accuracy['low'])} to {format_share(accuracy['high'])}"


def _confidence_range(low: float, high: float) -> str:
    return format_confidence(low) if low == high else f"{format_confidence(low)} to {format_confidence(high)}"
