"""The account of a run: one self-contained HTML page, the same as text, and as JSON."""

from __future__ import annotations

from pathlib import Path

from textsynth.errors import RunError
from textsynth.report.account import Account, read_account
from textsynth.report.text import as_text

__all__ = ["Account", "json_report", "read_account", "text_report", "write_report"]


def write_report(run: Path) -> Path:
    """Write `report.html` into the run's folder and return its path.

    The page loads nothing from outside, has a light and a dark form, and escapes every text of a model.
    Raises UsageError where the folder is no run, RunError where it cannot be written.
    """
    from textsynth.report.page import as_page

    path = run / "report.html"
    page = as_page(read_account(run))
    partial = path.with_name(f".{path.name}")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(path)
    except OSError as fault:
        raise RunError(f"{path}: the report cannot be written: {fault.strerror}") from fault
    return path


def text_report(run: Path) -> str:
    """Return the account for a terminal. Raises UsageError where the folder is no run."""
    return as_text(read_account(run))


def json_report(run: Path) -> dict[str, object]:
    """Return the account for a script: the manifest, counts by label, and the texts that the page shows."""
    account = read_account(run)
    return {
        "manifest": dict(account.manifest),
        "labels": {label: dict(counts) for label, counts in account.labels.items()},
        "kept": [dict(row) for row in account.kept],
        "dropped": {reason: [dict(row) for row in rows] for reason, rows in account.dropped.items()},
    }
