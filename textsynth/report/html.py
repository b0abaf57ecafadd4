"""A run, an evaluation, or both as one HTML page that loads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textsynth.core.formatting import escape_control
from textsynth.report.data import RunData
from textsynth.report.evaluation import read_evaluation_report
from textsynth.report.number_format import whole
from textsynth.report.sections.calibration import gold_sections

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

LONGEST = 600
# parts of a quota that are met and stand open; more of them are folded together, and only so many are told
MET_SHOWN = 12
PARTS_SHOWN = 1000
# a longer table of labels is folded
LABELS_OPEN = 20


def run_page(account: RunData) -> str:
    """Return the page of a run, with its evaluation where it has one; everything put in is escaped."""
    quota = account.manifest["quota"]
    lacking = [row for row in quota if row["missing"]]
    met = [row for row in quota if not row["missing"]]
    return (
        _environment()
        .get_template("run.html.jinja")
        .render(
            told=account.manifest,
            funnel=account.funnel,
            waiting=account.waiting,
            folder=account.folder,
            most=max((abs(count) for _, count in account.funnel), default=1) or 1,
            lacking=lacking[:PARTS_SHOWN],
            met=met[:PARTS_SHOWN],
            untold=max(0, len(lacking) - PARTS_SHOWN) + max(0, len(met) - PARTS_SHOWN),
            met_shown=MET_SHOWN,
            labels_open=LABELS_OPEN,
            labels=account.labels,
            splits=[name for name, count in account.manifest["splits"].items() if count],
            gold=gold_sections(account.manifest),
            kept=account.kept,
            dropped=account.dropped,
            proof=None if account.evaluation is None else read_evaluation_report(account.evaluation),
        )
    )


def evaluation_page(told: Mapping[str, Any]) -> str:
    """Return the page of an evaluation alone; parts that it lacks are left out, everything put in is escaped."""
    return _environment().get_template("evaluation.html.jinja").render(proof=read_evaluation_report(told))


def short(text: str) -> str:
    """Return at most 600 characters of a text, with control characters (also those that turn the line) written out."""
    told = escape_control(text)
    return told if len(told) <= LONGEST else told[: LONGEST - 2] + " …"


def names(text: str) -> Markup:
    """Return `short(text)` escaped, and free to turn the line after an underscore, as names of labels are long."""
    from markupsafe import Markup, escape

    return Markup(escape(short(text)).replace("_", Markup("_<wbr>")))


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("textsynth", "report"),
        finalize=_safe,
    )
    environment.filters |= {"short": short, "names": names, "whole": whole}
    return environment


def _safe(value: object) -> object:
    """Write out control characters of whatever is put in; what a macro made (Markup) has been through here before."""
    return escape_control(value) if type(value) is str else value
