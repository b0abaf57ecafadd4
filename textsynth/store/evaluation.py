"""What an evaluation found, `evaluation.json` in a run's folder: written, read and taken away in this one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textsynth.core.errors import UsageError
from textsynth.store.atomic import write_json

FILE = "evaluation.json"
FORMAT = 1
"""The form of an evaluation that this version writes and reads."""


def read_evaluation(folder: Path) -> dict[str, Any] | None:
    """Return what the evaluation in a run's folder tells, None where there is none.

    Raises UsageError for a damaged file, or one of a form that this version does not read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    again = "run `textsynth evaluate` again"
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise UsageError(f"{path}: the evaluation is damaged ({fault}); {again}") from fault
    if not isinstance(told, dict):
        raise UsageError(f"{path}: the evaluation is damaged (no map but {type(told).__name__}); {again}")
    if told.get("version", FORMAT) != FORMAT:
        form = told["version"]
        raise UsageError(f"{path}: the evaluation has form {form!r}, this version reads form {FORMAT}; {again}")
    return told


def write_evaluation(folder: Path, told: Mapping[str, Any]) -> None:
    """Write the evaluation of a run in one move."""
    write_json(folder / FILE, told, indent=1, error="the evaluation cannot be written")


def delete_evaluation(folder: Path) -> None:
    """Remove the evaluation of an earlier data set, where there is one."""
    (folder / FILE).unlink(missing_ok=True)
