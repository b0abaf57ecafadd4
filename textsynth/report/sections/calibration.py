"""What a labeller was found to be worth on rows whose labels are known, in a report."""

from __future__ import annotations

from textsynth.core.calibration_summary import AccuracyInterval, CalibrationSummary
from textsynth.report.number_format import INTERVAL, share, whole
from textsynth.report.sections import Section, SectionFigure, SectionTable
from textsynth.store.manifest import Manifest

HEAD = ("gold rows", "right", INTERVAL)


def gold_sections(manifest: Manifest) -> list[Section]:
    """Return a section for each labeller that was tried on gold rows: its sentence, and tables by confidence and label.

    Bands are rows that calibration holds for equally sure, the surest first.
    """
    return [_section(item, found, place) for place, (item, found) in enumerate(manifest.get("calibration", {}).items())]


def _section(item: str, found: CalibrationSummary, place: int) -> Section:
    figures = []
    if found["bands"]:
        bands = [
            (_span(one["lowest"], one["highest"]), f"{one['confidence']:.2f}", *_cells(one))
            for one in reversed(found["bands"])
        ]
        head = (f"confidence by {item}", "calibrated", *HEAD)
        figures.append(SectionFigure(SectionTable("By confidence", head, bands, spare=(4,))))
    if found["labels"]:
        labels = [(one["label"], *_cells(one)) for one in found["labels"]]
        figures.append(SectionFigure(SectionTable("By label", ("label", *HEAD), labels, spare=(3,))))
    said = [f"{found['sentence']}."]
    return Section(f"gold-{place}", f"The labels of {item}, tried on gold rows", said, figures)


def _cells(one: AccuracyInterval) -> tuple[str, str, str]:
    right = share(one["right"] / one["rows"] if one["rows"] else None)
    return whole(one["rows"]), right, f"{share(one['low'])} to {share(one['high'])}"


def _span(low: float, high: float) -> str:
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
