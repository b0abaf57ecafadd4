"""Runs with texts that wait for a person: their folders as a run leaves them, and a command that serves one."""

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
ANOTHER = "the model chose another label: "


def waiting(
    number: int,
    label: str | tuple[str, ...] | None = "refund",
    *,
    chosen: str = "",
    confidence: float | None = 0.5,
    text: str = "",
    fields: Mapping[str, str] | None = None,
) -> DroppedRecord:
    """Return a text that waits because `choice` is not sure, or chose another label."""
    labels = () if label is None else (label,) if isinstance(label, str) else label
    more = {"chosen_label": chosen, "intended_label": ", ".join(labels)} if chosen else {}
    measures = {} if confidence is None else {"choice": confidence}
    origin = Provenance("labelled", request_key=f"wait{number}")
    record = Record(text or f"doubtful text {number}", origin, labels, {**more, **(fields or {})}, measures)
    differs = chosen not in ("", ", ".join(labels))
    reason = f"{ANOTHER}{chosen}" if differs else "too few votes for the chosen label"
    return DroppedRecord(record, "review", "choice", reason, confidence, 0.6)


def reviewed(folder: Path, drops: Sequence[DroppedRecord] | None = None, **changes: Any) -> Path:
    """Write a finished run in which these texts wait, six unless given, and return its folder."""
    waits = [waiting(number) for number in range(6)] if drops is None else list(drops)
    told = outcome(dropped=waits, labellers=("choice", "agreement"), **{"labels": LABELS, **changes})
    run = finished(folder, told)
    write_pending(run, waits)
    return run


@contextmanager
def served(run: Path, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start `textsynth review` for a run; give its address and the process, which is ended if it still is there."""
    command = [sys.executable, "-m", "textsynth", "review", str(run), "--no-browser", *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stderr is not None
            said = []
            for line in process.stderr:
                said.append(line)
                if line.startswith("http://"):
                    break
            assert said, process.communicate()
            assert said[-1].startswith("http://"), said
            yield said[-1].strip(), process
        finally:
            process.kill()
