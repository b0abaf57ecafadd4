"""A run, an evaluation, or both as one HTML page that loads nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from textsynth.core.formatting import escape_control, format_duration, format_percent
from textsynth.report.data import RunData
from textsynth.report.evaluation import build_evaluation_report
from textsynth.report.number_format import format_count
from textsynth.report.sections.calibration import calibration_sections
from textsynth.report.sections.gaps import gap_sections

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MAX_TEXT_CHARACTERS = 600
# More met quota cells than this are folded together.
MET_CELLS_OPEN = 12
# At most this many met cells, and this many that miss texts, are on the page.
MAX_CELLS = 1000
# A longer table of labels is folded.
LABELS_OPEN = 20


def run_page(data: RunData) -> str:
    """Return the page of a run, with its evaluation where it has one; every inserted value is escaped."""
    manifest = data.manifest
    missing_cells = [row for row in manifest["quota"] if row["missing"]]
    met_cells = [row for row in manifest["quota"] if not row["missing"]]
    evaluation = None if data.evaluation is None else build_evaluation_report(data.evaluation)
    return (
        _environment()
        .get_template("run.html.jinja")
        .render(
            manifest=manifest,
            status=data.status,
            checks=data.checks,
            folder=data.folder,
            missing_cells=missing_cells[:MAX_CELLS],
            met_cells=met_cells[:MAX_CELLS],
            met_cells_open=MET_CELLS_OPEN,
            hidden_cells=max(0, len(missing_cells) - MAX_CELLS) + max(0, len(met_cells) - MAX_CELLS),
            label_counts=data.label_counts,
            label_outcomes=data.label_outcomes,
            collapsed_labels=[outcome.label for outcome in data.label_outcomes if outcome.collapsed],
            labels_open=LABELS_OPEN,
            splits=[name for name, count in manifest["splits"].items() if count],
            calibration=[*calibration_sections(manifest), *gap_sections(manifest)],
            evaluation=evaluation,
            selected_examples=data.selected_examples,
            shown_ids={row["id"] for row in data.selected_examples},
            first_ids={row["label"]: row["id"] for row in reversed(data.selected_examples)},
            confidence_ranks=_confidence_ranks(data.selected_examples),
            dropped_examples=data.dropped_examples,
        )
    )


def evaluation_page(evaluation: Mapping[str, Any]) -> str:
    """Return the page of an evaluation alone, without the sections that it cannot fill; every value is escaped."""
    template = _environment().get_template("evaluation.html.jinja")
    return template.render(evaluation=build_evaluation_report(evaluation))


def provenance_text(row: Mapping[str, Any]) -> str:
    """Return where a selected text comes from, in one line; what it does not have is left out."""
    parts = (
        ("generator", row["step"]),
        ("prompt", row["prompt"]),
        ("model", row["model"]),
        ("sampling", _non_empty(row["sampling"])),
        ("written from", " ".join(row["parent_ids"] or ())),
        ("examples in the prompt", " ".join(row["example_ids"] or ())),
        ("attributes", _non_empty(row["attributes"])),
        ("scores", _non_empty(row["scores"])),
        ("split", row["split"]),
    )
    return "; ".join(f"{name}: {shorten(value)}" for name, value in parts if value)


def _non_empty(json_text: str) -> str:
    return "" if json_text == "{}" else json_text


def _confidence_ranks(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return the position of each text by ascending confidence; those without one are last."""
    ranked = sorted(rows, key=lambda row: (row["confidence"] is None, row["confidence"] or 0.0))
    return {row["id"]: rank for rank, row in enumerate(ranked)}


def shorten(text: str) -> str:
    """Return at most 600 characters of a text, with control characters and direction marks escaped."""
    escaped = escape_control(text)
    return escaped if len(escaped) <= MAX_TEXT_CHARACTERS else escaped[: MAX_TEXT_CHARACTERS - 2] + " …"


def breakable(text: str) -> Markup:
    """Return `shorten(text)` as HTML in which lines may break after an underscore, for long label names."""
    from markupsafe import Markup, escape

    return Markup(escape(shorten(text)).replace("_", Markup("_<wbr>")))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("textsynth", "report"),
        finalize=_finalize,
    )
    environment.filters |= {
        "shorten": shorten,
        "breakable": breakable,
        "format_count": format_count,
        "percent": format_percent,
        "duration": format_duration,
        "provenance": provenance_text,
    }
    return environment


def _finalize(value: object) -> object:
    """Escape control characters in every inserted string; Markup, which macros return, is escaped already."""
    return escape_control(value) if type(value) is str else value
