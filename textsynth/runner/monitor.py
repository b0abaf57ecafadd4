"""Monitors a run: progress snapshots a few times a second for whoever shows them, and the time that it has taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from textsynth.core.progress import CellProgress, ProgressSnapshot
from textsynth.runner.quota import QuotaCell
from textsynth.runner.requester import Requester
from textsynth.runner.run_state import RunState
from textsynth.store.journal import Journal

INTERVAL_SECONDS = 0.25
SECONDS_PER_RECORD = 5.0
"""How often the time is recorded: so much of it may be missing after a run was killed."""


class ProgressMonitor:
    """Passes snapshots of a run to `watch`. It reads the `clock` (seconds); nothing in a run depends on it."""

    def __init__(
        self,
        watch: Callable[[ProgressSnapshot], None],
        cells: Sequence[QuotaCell],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch = watch
        self._cells = cells
        self._clock = clock
        self._started = clock()
        self._stage = "starting"
        self._last = ProgressSnapshot()
        self._speed = RequestSpeed()

    def set_stage(self, stage: str) -> None:
        """Show that another stage begins."""
        self._stage = stage
        self._last = replace(self._last, stage=stage, seconds=self._clock() - self._started)
        self._watch(self._last)

    async def tick(self, requester: Requester, state: RunState) -> None:
        """Show a snapshot every quarter of a second until cancelled; time counts from here."""
        self._stage = "generating"
        self._started = self._clock()
        while True:
            self.show(requester, state)
            await asyncio.sleep(INTERVAL_SECONDS)

    def show(self, requester: Requester, state: RunState) -> None:
        """Show one snapshot now."""
        seconds = self._clock() - self._started
        stats = requester.stats
        target = sum(cell.target for cell in self._cells)
        accepted = sum(min(cell.accepted, cell.target) for cell in self._cells)
        answered = stats.sent + stats.from_journal
        unchecked = max(0, answered - len(state.requests))
        self._speed.observe(seconds, sent=stats.sent, is_answering=requester.in_flight > 0)
        open_texts = state.open_texts
        self._last = ProgressSnapshot(
            quota=tuple(CellProgress(cell.name, cell.accepted, cell.target) for cell in self._cells),
            drops={
                f"{section} {step}: {reason}": count for (section, step, reason), count in state.reasons.most_common()
            },
            in_flight=requester.in_flight,
            answered=answered,
            from_journal=stats.from_journal,
            unchecked=unchecked,
            candidates=state.candidates + open_texts.candidates,
            accepted=len(state.accepted),
            undecided=open_texts.undecided,
            latest_text=open_texts.latest_text or (state.accepted[-1].text if state.accepted else ""),
            tokens=stats.generated_tokens,
            tokens_per_second=self._speed.rate(stats.generated_tokens),
            seconds=seconds,
            seconds_left=self._speed.seconds_left(
                missing=target - accepted,
                answers_per_text=len(state.requests) / accepted if accepted else 0.0,
                unchecked=unchecked,
                seconds=seconds,
            ),
            stage=self._stage,
        )
        self._watch(self._last)


class RunTimer:
    """The seconds that a run has taken, with those of earlier runs in its folder, which the journal keeps."""

    def __init__(self, journal: Journal, clock: Callable[[], float], started: float) -> None:
        """`started` is the time by `clock` at which the run began."""
        self.clock = clock
        self.earlier_seconds = journal.seconds
        self._journal = journal
        self._started = started

    def seconds(self) -> float:
        """Return the seconds of this run."""
        return self.clock() - self._started

    def total_seconds(self) -> float:
        """Return the seconds of this run and of earlier ones in its folder."""
        return self.earlier_seconds + self.seconds()

    def record(self) -> None:
        """Record the time in the journal."""
        self._journal.record_seconds(self.total_seconds())

    async def tick(self) -> None:
        """Record the time every few seconds until cancelled."""
        while True:
            self.record()
            await asyncio.sleep(SECONDS_PER_RECORD)


class RequestSpeed:
    """How fast a model answers: the requests that were sent, from the first one in flight to the newest answer.

    Neither answers from the journal nor the time before the first request, in which the journal is read and a model may
    be loaded, enter the speed, so a run that continues another one is not taken for a faster one. Times are seconds
    since the start of the run.
    """

    def __init__(self) -> None:
        self._sent = 0
        self._first: float | None = None
        self._newest = 0.0
        self._previous = 0.0

    def observe(self, seconds: float, *, sent: int, is_answering: bool) -> None:
        """Take note that `sent` requests were answered at this time; `is_answering` while some are in flight."""
        if self._first is None and (is_answering or sent):
            # Where the first answer is there already, the first request left after the observation before.
            self._first = seconds if is_answering and not sent else self._previous
        if sent > self._sent:
            self._sent, self._newest = sent, seconds
        self._previous = seconds

    def rate(self, amount: float) -> float:
        """Return the amount that the answers have brought so far per second; 0 while that is not known."""
        duration = self._newest - (self._first or 0.0)
        return amount / duration if self._sent and duration > 0 else 0.0

    def seconds_left(self, *, missing: int, answers_per_text: float, unchecked: int, seconds: float) -> float | None:
        """Return the estimated rest of a run at this time.

        None where nothing is missing or known, or what is missing may be there already: in the `unchecked` answers,
        whose texts were not filtered yet. `answers_per_text` are the answers that an accepted text has taken, those
        from the journal too.
        """
        rate = self.rate(self._sent)
        answers = missing * answers_per_text - unchecked
        if missing <= 0 or not answers_per_text or not rate or answers <= 0:
            return None
        # Answers may come many at once: the time since the newest ones has passed of what the next ones take.
        return max(1.0, answers / rate - (seconds - self._newest))
