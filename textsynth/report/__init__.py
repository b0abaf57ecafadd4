"""The account of a run, and of an evaluation: one self-contained HTML page, the same as text, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textsynth.report.data import RunData, read_run_data
from textsynth.report.text import WIDTH, as_text, evaluation_text
from textsynth.store.atomic import write_text_atomic

__all__ = [
    "RunData",
    "evaluation_page",
    "evaluation_text",
    "json_report",
    "read_run_data",
    "text_report",
    "write_report",
]


def write_report(run: Path) -> Path:
    """Write `report.html` into the run's folder and return its path.

    Where the folder holds an `evaluation.json`, the page shows it too, the verdict on top. The page loads nothing from
    outside, has a light and a dark form, and escapes every text of a model. Raises UsageError where the folder is no
    run or its evaluation cannot be read, RunError where the page cannot be written.
    """
    from textsynth.report.html import run_page

    path = run / "report.html"
    page = run_page(read_run_data(run))
    write_text_atomic(path, page, error="the report cannot be written")
    return path


def evaluation_page(told: Mapping[str, Any]) -> str:
    """Return an evaluation (as in `evaluation.json`) as one HTML page, also where there is no run's folder.

    The page has the same promises as a run's; whatever the evaluation leaves out, the page leaves out.
    """
    from textsynth.report import html as page

    return page.evaluation_page(told)


def text_report(run: Path, width: int = WIDTH) -> str:
    """Return the account for a terminal, with the evaluation where there is one, in lines of at most `width` columns.

    Raises UsageError where the folder is no run or its evaluation cannot be read.
    """
    return as_text(read_run_data(run), width)


def json_report(run: Path) -> dict[str, object]:
    """Return the account for a script: the manifest, counts by label, and the texts that the page shows.

    Where the run was evaluated, the key `evaluation` holds what `evaluation.json` tells.
    """
    account = read_run_data(run)
    evaluated = {} if account.evaluation is None else {"evaluation": dict(account.evaluation)}
    return {
        "manifest": dict(account.manifest),
        "labels": {label: dict(counts) for label, counts in account.labels.items()},
        "kept": [dict(row) for row in account.kept],
        "dropped": {reason: [dict(row) for row in rows] for reason, rows in account.dropped.items()},
        **evaluated,
    }
