"""Watching a run: a snapshot a few times a second for whoever shows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from textsynth.core.progress import CellProgress, ProgressSnapshot
from textsynth.runner.quota import QuotaCell
from textsynth.runner.requester import Requester
from textsynth.runner.scheduler import RunState

EVERY_SECONDS = 0.25


class ProgressMonitor:
    """Makes snapshots of a run for `watch`. Looks at the clock, and nothing in a run looks at it."""

    def __init__(self, watch: Callable[[ProgressSnapshot], None], lines: Sequence[QuotaCell]) -> None:
        self._watch = watch
        self._lines = lines
        self._started = time.monotonic()
        self._doing = "starting"
        self._last = ProgressSnapshot()

    def set_stage(self, doing: str) -> None:
        """Say what is being done now."""
        self._doing = doing
        self._last = replace(self._last, stage=doing, seconds=time.monotonic() - self._started)
        self._watch(self._last)

    async def tick(self, asker: Requester, books: RunState) -> None:
        """Show a snapshot every quarter of a second until cancelled."""
        self._doing = "asking"
        self._started = time.monotonic()
        while True:
            self.show(asker, books)
            await asyncio.sleep(EVERY_SECONDS)

    def show(self, asker: Requester, books: RunState) -> None:
        """Show one snapshot now."""
        seconds = time.monotonic() - self._started
        tally = asker.stats
        drops = {f"{section} {item}: {reason}": count for (section, item, reason), count in books.reasons.most_common()}
        want = sum(line.target for line in self._lines)
        have = sum(min(line.accepted, line.target) for line in self._lines)
        left = seconds * (want - have) / have if 0 < have < want else None
        self._last = ProgressSnapshot(
            quota=tuple(CellProgress(line.name, line.accepted, line.target) for line in self._lines),
            drops=drops,
            in_flight=asker.in_flight,
            answered=tally.sent + tally.from_journal,
            from_journal=tally.from_journal,
            candidates=books.candidates,
            accepted=len(books.accepted),
            tokens=tally.generated_tokens,
            tokens_per_second=tally.generated_tokens / seconds if seconds > 0 else 0.0,
            seconds=seconds,
            seconds_left=left,
            stage=self._doing,
        )
        self._watch(self._last)
