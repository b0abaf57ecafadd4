"""The report of a run and of an evaluation: as one self-contained HTML page, as text, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textsynth.report.data import RunData, read_run_data
from textsynth.report.text import DEFAULT_WIDTH, evaluation_text, run_text
from textsynth.store.owned_files import OwnedFiles, write_owned_text

__all__ = [
    "RunData",
    "evaluation_page",
    "evaluation_text",
    "json_report",
    "read_run_data",
    "text_report",
    "write_report",
]

PAGE = "report.html"


def write_report(run: Path, data: RunData | None = None) -> Path:
    """Write `report.html` into the folder of a run and return its path.

    Where the folder holds an `evaluation.json`, the page contains it, with the verdict at the top. The page loads
    nothing from outside, has a light and a dark theme, and escapes every text of a model. `data` is what
    `read_run_data` returned for the folder, where a caller has it. Raises UsageError where the folder holds no finished
    run, an unreadable evaluation, or a `report.html` that no run here wrote; RunError where the page cannot be written.
    """
    from textsynth.report.html import run_page

    OwnedFiles(run).refuse_obstacles([PAGE])
    page = run_page(data or read_run_data(run))
    write_owned_text(run, PAGE, page, error="the report cannot be written")
    return run / PAGE


def evaluation_page(evaluation: Mapping[str, Any]) -> str:
    """Return an evaluation (the content of `evaluation.json`) as one HTML page; no run is needed.

    The page loads nothing from outside and escapes every value. Sections that the evaluation cannot fill are left out.
    """
    from textsynth.report import html

    return html.evaluation_page(evaluation)


def text_report(run: Path, width: int = DEFAULT_WIDTH, data: RunData | None = None) -> str:
    """Return the report of a run for a terminal, with its evaluation where it has one, for `width` columns.

    Raises UsageError where the folder holds no finished run or an unreadable evaluation.
    """
    return run_text(data or read_run_data(run), width)


def json_report(run: Path, data: RunData | None = None) -> dict[str, object]:
    """Return the report of a run as JSON: the manifest, counts by label, and the example texts of the page.

    Where the run was evaluated, the key `evaluation` has the content of `evaluation.json`. Raises UsageError where the
    folder holds no finished run or an unreadable evaluation.
    """
    data = data or read_run_data(run)
    evaluation = {} if data.evaluation is None else {"evaluation": dict(data.evaluation)}
    return {
        "manifest": dict(data.manifest),
        "labels": {label: dict(counts) for label, counts in data.label_counts.items()},
        "kept": [dict(row) for row in data.selected_examples],
        "dropped": {reason: [dict(row) for row in rows] for reason, rows in data.dropped_examples.items()},
        **evaluation,
    }
