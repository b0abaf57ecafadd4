"""A run, an evaluation, or both as one HTML page that loads nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textsynth.core.formatting import escape_control
from textsynth.report.data import RunData
from textsynth.report.evaluation import build_evaluation_report
from textsynth.report.number_format import format_count
from textsynth.report.sections.calibration import calibration_sections

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
    manifest, funnel = data.manifest, data.funnel
    missing_cells = [row for row in manifest["quota"] if row["missing"]]
    met_cells = [row for row in manifest["quota"] if not row["missing"]]
    evaluation = None if data.evaluation is None else build_evaluation_report(data.evaluation)
    return (
        _environment()
        .get_template("run.html.jinja")
        .render(
            manifest=manifest,
            funnel=funnel,
            funnel_max=max((abs(count) for _, count in funnel), default=1) or 1,
            review_prompt=data.review_prompt,
            folder=data.folder,
            missing_cells=missing_cells[:MAX_CELLS],
            met_cells=met_cells[:MAX_CELLS],
            met_cells_open=MET_CELLS_OPEN,
            hidden_cells=max(0, len(missing_cells) - MAX_CELLS) + max(0, len(met_cells) - MAX_CELLS),
            label_counts=data.label_counts,
            labels_open=LABELS_OPEN,
            splits=[name for name, count in manifest["splits"].items() if count],
            calibration=calibration_sections(manifest),
            evaluation=evaluation,
            selected_examples=data.selected_examples,
            dropped_examples=data.dropped_examples,
        )
    )


def evaluation_page(evaluation: Mapping[str, Any]) -> str:
    """Return the page of an evaluation alone, without the sections that it cannot fill; every value is escaped."""
    template = _environment().get_template("evaluation.html.jinja")
    return template.render(evaluation=build_evaluation_report(evaluation))


def shorten(text: str) -> str:
    """Return at most 600 characters of a text, with control characters and direction marks escaped."""
    escaped = escape_control(text)
    return escaped if len(escaped) <= MAX_TEXT_CHARACTERS else escaped[: MAX_TEXT_CHARACTERS - 2] + " …"


def breakable(text: str) -> Markup:
    """Return `shorten(text)` as HTML in which lines may break after an underscore, for long label names."""
    from markupsafe import Markup, escape

    return Markup(escape(shorten(text)).replace("_", Markup("_<wbr>")))


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
    environment.filters |= {"shorten": shorten, "breakable": breakable, "format_count": format_count}
    return environment


def _finalize(value: object) -> object:
    """Escape control characters in every inserted string; Markup, which macros return, is escaped already."""
    return escape_control(value) if type(value) is str else value
