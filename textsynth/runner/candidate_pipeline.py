"""Judge, then settle: one window of candidates through filters and labellers to its ends.

Only texts that pass everything are settled into the filters' memories. A candidate whose earlier twin is still under
judgement waits for it: accepted, and it is dropped with that twin; rejected, and it is judged again, until none wait.
So no two texts throw each other out, and no duplicate of a rejected text is lost.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.protocols import CalibratableSession, FilterSession, LabellerSession
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Verdict
from textsynth.runner.review_decisions import NO_DECISIONS, ReviewDecisions

Found = TypeVar("Found")
# The answers to the asks about each record; None where they would go beyond the budget.
Answer = Callable[[Sequence[Sequence[GenerationRequest]]], Awaitable[Sequence[Sequence[Completion] | None]]]
UNASKED = "the budget was spent before it could be labelled"


@dataclass(slots=True)
class BatchResult:
    """What became of a window: accepted records in plan order, and drops (section `review` waits for a person)."""

    accepted: list[Record] = field(default_factory=list)
    dropped: list[DroppedRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Waiting:
    record: Record
    item: str
    verdict: Verdict


class CandidatePipeline:
    """The filters and labellers of one run, and what `people` decided, at work."""

    def __init__(
        self,
        filters: Sequence[tuple[str, FilterSession]],
        desks: Sequence[tuple[str, LabellerSession]],
        answer: Answer,
        people: ReviewDecisions = NO_DECISIONS,
    ) -> None:
        self._people = people
        self._filters = filters
        self._desks = desks
        self._answer = answer
        # One thread for all windows: torch keeps memory for each that it works in, 100 MB with the default embedder.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="judging")

    def close(self) -> None:
        """Wait for what is being judged and end the thread."""
        self._thread.shutdown()

    async def calibrate_labellers(self, answer: Answer) -> dict[str, CalibrationSummary]:
        """Try the labellers that have gold rows on them, and return what each was found to be worth, by item.

        To be done once, before any text is ruled on; rows beyond the budget count as without an answer.
        """
        found: dict[str, CalibrationSummary] = {}
        for name, desk in self._desks:
            if isinstance(desk, CalibratableSession) and (rows := desk.gold_records()):
                answers = await answer(await self._beside(desk.build_requests, rows))
                found[name] = desk.calibrate([some or () for some in answers])
        return found

    async def process(self, candidates: Sequence[Record]) -> BatchResult:
        """Bring every candidate of a window to its end; the filters work in a thread, so that requests go on."""
        ruling = BatchResult(dropped=self._people.dropped(candidates))
        gone = {drop.record.id for drop in ruling.dropped}
        pending = [record for record in candidates if record.id not in gone]
        while pending:
            passed, waiting, dropped = await self._beside(self._filter, pending)
            passed, unlabelled = await self._label(passed)
            passed, disputed = self._people.after(passed)
            await self._beside(self._settle, passed)
            ruling.accepted += passed
            ruling.dropped += map(self._people.told, dropped + unlabelled + disputed)
            pending = self._resolve(waiting, {record.id for record in passed}, ruling)
        order = {record.id: place for place, record in enumerate(candidates)}
        ruling.accepted.sort(key=lambda record: order[record.id])
        ruling.dropped.sort(key=lambda drop: order[drop.record.id])
        return ruling

    async def _beside(self, work: Callable[[Sequence[Record]], Found], records: Sequence[Record]) -> Found:
        """Return what `work` makes of the records in the thread, which knows the context, as a notebook's cell."""
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._thread, run, work, records)

    def _filter(self, pending: Sequence[Record]) -> tuple[list[Record], list[_Waiting], list[DroppedRecord]]:
        undecided = {record.id for record in pending}
        alive = list(pending)
        waiting: list[_Waiting] = []
        dropped: list[DroppedRecord] = []
        for name, judge in self._filters:
            if not alive:
                break
            verdicts = judge.evaluate_batch(alive)
            passed: list[Record] = []
            for record, verdict in zip(alive, verdicts, strict=True):
                if verdict is None:
                    passed.append(record)
                elif verdict.keeps or self._people.let_pass(record, verdict):
                    passed.append(_measured(record, name, verdict))
                elif verdict.duplicate_of in undecided:
                    waiting.append(_Waiting(record, name, verdict))
                else:
                    dropped.append(_drop(record, "filter", name, verdict))
            alive = passed
        return alive, waiting, dropped

    async def _label(self, records: list[Record]) -> tuple[list[Record], list[DroppedRecord]]:
        dropped: list[DroppedRecord] = []
        for name, desk in self._desks:
            asks = await self._beside(desk.build_requests, records)
            passed: list[Record] = []
            for record, completions in zip(records, await self._answer(asks), strict=True):
                if completions is None:
                    dropped.append(DroppedRecord(record, "label", name, UNASKED))
                    continue
                judged, verdict = desk.parse_responses(record, completions)
                if verdict is None or verdict.keeps or self._people.let_pass(record, verdict):
                    passed.append(judged)
                else:
                    section = "review" if verdict.needs_review else "label"
                    dropped.append(_drop(judged, section, name, verdict))
            records = passed
        return records, dropped

    def _settle(self, records: Sequence[Record]) -> None:
        for _, judge in self._filters:
            judge.commit(records)

    def _resolve(self, waiting: Sequence[_Waiting], accepted: set[str], ruling: BatchResult) -> list[Record]:
        again: list[_Waiting] = []
        for one in waiting:
            if one.verdict.duplicate_of in accepted:
                ruling.dropped.append(_drop(one.record, "filter", one.item, one.verdict))
            else:
                again.append(one)
        return [one.record for one in again]


def _measured(record: Record, name: str, verdict: Verdict) -> Record:
    return record if verdict.score is None else record.with_scores({name: verdict.score})


def _drop(record: Record, section: str, item: str, verdict: Verdict) -> DroppedRecord:
    where = "review" if verdict.needs_review else section
    return DroppedRecord(record, where, item, verdict.reason or "", verdict.score, verdict.limit, verdict.duplicate_of)
