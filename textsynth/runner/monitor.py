"""Monitors a run: progress snapshots a few times a second for whoever shows them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from textsynth.core.progress import CellProgress, ProgressSnapshot
from textsynth.runner.quota import QuotaCell
from textsynth.runner.requester import Requester
from textsynth.runner.scheduler import RunState

INTERVAL_SECONDS = 0.25


class ProgressMonitor:
    """Passes snapshots of a run to `watch`. It reads the clock; nothing in a run depends on it."""

    def __init__(self, watch: Callable[[ProgressSnapshot], None], cells: Sequence[QuotaCell]) -> None:
        self._watch = watch
        self._cells = cells
        self._started = time.monotonic()
        self._stage = "starting"
        self._last = ProgressSnapshot()
        self._first_sent: float | None = None

    def set_stage(self, stage: str) -> None:
        """Show that another stage begins."""
        self._stage = stage
        self._last = replace(self._last, stage=stage, seconds=time.monotonic() - self._started)
        self._watch(self._last)

    async def tick(self, requester: Requester, state: RunState) -> None:
        """Show a snapshot every quarter of a second until cancelled; time counts from here."""
        self._stage = "generating"
        self._started = time.monotonic()
        while True:
            self.show(requester, state)
            await asyncio.sleep(INTERVAL_SECONDS)

    def show(self, requester: Requester, state: RunState) -> None:
        """Show one snapshot now."""
        seconds = time.monotonic() - self._started
        stats = requester.stats
        target = sum(cell.target for cell in self._cells)
        accepted = sum(min(cell.accepted, cell.target) for cell in self._cells)
        answered = stats.sent + stats.from_journal
        unchecked = max(0, answered - len(state.requests))
        if self._first_sent is None and requester.waiting:
            self._first_sent = seconds
        self._last = ProgressSnapshot(
            quota=tuple(CellProgress(cell.name, cell.accepted, cell.target) for cell in self._cells),
            drops={
                f"{section} {step}: {reason}": count for (section, step, reason), count in state.reasons.most_common()
            },
            in_flight=requester.in_flight,
            answered=answered,
            from_journal=stats.from_journal,
            unchecked=unchecked,
            candidates=state.candidates,
            accepted=len(state.accepted),
            tokens=stats.generated_tokens,
            tokens_per_second=stats.generated_tokens / seconds if seconds > 0 else 0.0,
            seconds=seconds,
            seconds_left=seconds_left(
                missing=target - accepted,
                answers_per_text=len(state.requests) / accepted if accepted else 0.0,
                unchecked=unchecked,
                sent=stats.sent,
                seconds=seconds - (self._first_sent or 0.0),
            ),
            stage=self._stage,
        )
        self._watch(self._last)


def seconds_left(*, missing: int, answers_per_text: float, unchecked: int, sent: int, seconds: float) -> float | None:
    """Return the estimated rest of a run; None where nothing is missing or known, or what is missing may be there.

    `answers_per_text` are the answers that an accepted text has taken, those from the journal too; the speed is that of
    the requests that were `sent` in `seconds`, so a run that continues another one is not taken for a faster one.
    """
    if missing <= 0 or not answers_per_text or not sent or seconds <= 0:
        return None
    answers = missing * answers_per_text - unchecked
    return answers * seconds / sent if answers > 0 else None
