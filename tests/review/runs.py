"""Folders of finished runs with texts pending review, and a command that serves the review page of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.export.outcomes import LABELS, outcome
from tests.report.folders import finished
from textsynth.core.records import DroppedRecord, Provenance, Record
from textsynth.review.pending import write_pending

ROOT = Path(__file__).parent.parent.parent


def pending_text(
    number: int,
    label: str | tuple[str, ...] | None = "refund",
    *,
    predicted: str = "",
    confidence: float | None = 0.5,
    text: str = "",
    fields: Mapping[str, str] | None = None,
) -> DroppedRecord:
    """Return a text that is pending because `choice` has low confidence, or predicted another label."""
    labels = () if label is None else (label,) if isinstance(label, str) else label
    label_fields = {"chosen_label": predicted, "intended_label": ", ".join(labels)} if predicted else {}
    scores = {} if confidence is None else {"choice": confidence}
    provenance = Provenance("labelled", request_key=f"wait{number}")
    record = Record(text or f"doubtful text {number}", provenance, labels, {**label_fields, **(fields or {})}, scores)
    differs = predicted not in ("", ", ".join(labels))
    reason = f"the model chose another label: {predicted}" if differs else "too few votes for the chosen label"
    return DroppedRecord(record, "review", "choice", reason, confidence, 0.6)


def run_with_pending(folder: Path, drops: Sequence[DroppedRecord] | None = None, **changes: Any) -> Path:
    """Write a finished run with these pending texts (default: six), and return its folder."""
    pending = [pending_text(number) for number in range(6)] if drops is None else list(drops)
    result = outcome(dropped=pending, labellers=("choice", "agreement"), **{"labels": LABELS, **changes})
    run = finished(folder, result)
    write_pending(run, pending)
    return run


@contextmanager
def review_process(run: Path, *args: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start `textsynth review` for a run; yield its address and the process, which is killed at the end."""
    command = [sys.executable, "-m", "textsynth", "review", str(run), "--no-browser", *args]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if line.startswith("http://"):
                    break
            assert lines, process.communicate()
            assert lines[-1].startswith("http://"), lines
            yield lines[-1].strip(), process
        finally:
            process.kill()
