"""The candidate pipeline: takes one window of candidates through filters and labellers to their outcomes.

Only texts that pass everything are committed to the filters' memories. A candidate whose possible original is still
undecided waits for it: if the original is accepted, the candidate is dropped as its duplicate; if not, it is filtered
again, until none waits. So no two texts drop each other, and no duplicate of a rejected text is lost.

Where many texts are alike and a later step drops each of them, filtering all that wait again and again would take a
time that grows with the square of their number. So after a few rounds those that waited for one original are queued:
the next of them is filtered once the one before is decided, and all of them together once one is accepted.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.judge_summary import JudgesSummary
from textsynth.core.records import Completion, DroppedRecord, GenerationRequest, Record, Verdict
from textsynth.core.sessions import (
    CalibratableSession,
    EvaluateBatch,
    FilterSession,
    LabellerSession,
    PanelSession,
    preview,
)
from textsynth.runner.review_decisions import NO_DECISIONS, ReviewDecisions

Result = TypeVar("Result")
AnswerRequests = Callable[[Sequence[Sequence[GenerationRequest]]], Awaitable[Sequence[Sequence[Completion] | None]]]
"""Returns the answers to the requests about each record; None for a record beyond the budget."""
BEYOND_BUDGET = "the budget was spent before it could be labelled"
ROUNDS_WITHOUT_QUEUES = 4


@dataclass(slots=True)
class BatchResult:
    """The outcomes of a window: accepted records in plan order, and drops (section `review` waits for a person)."""

    accepted: list[Record] = field(default_factory=list)
    dropped: list[DroppedRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A record whose possible original is still undecided, with the filter that found it."""

    record: Record
    step: str
    verdict: Verdict


@dataclass(slots=True)
class _Queue:
    """Records that waited for one original, which was not accepted; they wait until the record `head` is decided."""

    head: str
    records: deque[Record]


class CandidatePipeline:
    """The filters and labellers of one run, with the decisions of earlier reviews."""

    def __init__(
        self,
        filters: Sequence[tuple[str, FilterSession]],
        labellers: Sequence[tuple[str, LabellerSession]],
        answer: AnswerRequests,
        decisions: ReviewDecisions = NO_DECISIONS,
        load: Callable[[], None] = lambda: None,
    ) -> None:
        """`load` loads what the filters need, which they would otherwise do themselves at their first batch."""
        self._decisions = decisions
        self._load = load
        self._loading: asyncio.Future[None] | None = None
        self._filters = filters
        self._labellers = labellers
        self._answer = answer
        # One thread for all windows: torch keeps memory for each thread it runs in, 100 MB with the default embedder.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="filters")

    def close(self) -> None:
        """Wait for the batch in progress and end the thread."""
        self._thread.shutdown()

    def is_loaded(self) -> bool:
        """Whether the filters have loaded what they need; the first call lets their thread begin.

        An error is not raised here, but by the filter that needs what cannot be loaded.
        """
        if self._loading is None:
            run = contextvars.copy_context().run
            self._loading = asyncio.get_running_loop().run_in_executor(self._thread, run, self._load)
            self._loading.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._loading.done()

    async def calibrate_labellers(self, answer: AnswerRequests) -> dict[str, CalibrationSummary]:
        """Calibrate the labellers that have gold rows, and return their summaries by step.

        Call it once, before the first window; gold rows beyond the budget count as unanswered.
        """
        summaries: dict[str, CalibrationSummary] = {}
        for name, session in self._labellers:
            if isinstance(session, CalibratableSession) and (rows := session.gold_records()):
                answers = await answer(await self._in_thread(session.build_requests, rows))
                summaries[name] = session.calibrate([completions or () for completions in answers])
        return summaries

    async def filter_quickly(self, candidates: Sequence[Record], names: Collection[str]) -> list[Record]:
        """Return the candidates that none of the filters with these names would drop now; nothing is committed."""
        dropped_ids = {drop.record.id for drop in self._decisions.dropped(candidates)}
        pending = [record for record in candidates if record.id not in dropped_ids]
        filters = [(name, preview(session)) for name, session in self._filters if name in names]
        return (await self._in_thread(lambda records: self._filter(records, filters), pending))[0]

    def judges(self) -> dict[str, JudgesSummary]:
        """Return the reliability of the judges of each labeller that asks several, by step."""
        summaries = {
            name: session.judges_summary() for name, session in self._labellers if isinstance(session, PanelSession)
        }
        return {name: summary for name, summary in summaries.items() if summary is not None}

    async def process(self, candidates: Sequence[Record]) -> BatchResult:
        """Return the outcome of every candidate of a window; filters run in a thread, so that requests go on."""
        result = BatchResult(dropped=self._decisions.dropped(candidates))
        index_of = {record.id: index for index, record in enumerate(candidates)}
        dropped_ids = {drop.record.id for drop in result.dropped}
        pending = [record for record in candidates if record.id not in dropped_ids]
        queues: list[_Queue] = []
        rounds = 0
        while pending:
            rounds += 1
            passed, waiting, dropped = await self._in_thread(self._filter_all, pending)
            passed, unlabelled = await self._label(passed)
            passed, disputed = self._decisions.after(passed)
            await self._in_thread(self._commit, passed)
            result.accepted += passed
            result.dropped += map(self._decisions.with_disagreement, dropped + unlabelled + disputed)
            accepted = {record.id for record in passed}
            undecided = self._resolve(waiting, accepted, result)
            if rounds < ROUNDS_WITHOUT_QUEUES:
                pending = [candidate.record for candidate in undecided]
            else:
                decided = {record.id for record in pending} - {candidate.record.id for candidate in undecided}
                pending = _advance(queues, decided, accepted) + _queue(queues, undecided)
            pending.sort(key=lambda record: index_of[record.id])  # those of several filters, again in plan order
        result.accepted.sort(key=lambda record: index_of[record.id])
        result.dropped.sort(key=lambda drop: index_of[drop.record.id])
        return result

    async def _in_thread(self, work: Callable[[Sequence[Record]], Result], records: Sequence[Record]) -> Result:
        """Return `work(records)`, run in the filter thread with the current context (a notebook cell's output)."""
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._thread, run, work, records)

    def _filter_all(self, pending: Sequence[Record]) -> tuple[list[Record], list[_Waiting], list[DroppedRecord]]:
        return self._filter(pending, [(name, session.evaluate_batch) for name, session in self._filters])

    def _filter(
        self, pending: Sequence[Record], filters: Sequence[tuple[str, EvaluateBatch]]
    ) -> tuple[list[Record], list[_Waiting], list[DroppedRecord]]:
        """Return the records that pass the filters, those that wait for their original, and the dropped ones."""
        undecided = {record.id for record in pending}
        remaining = list(pending)
        waiting: list[_Waiting] = []
        dropped: list[DroppedRecord] = []
        for name, evaluate in filters:
            if not remaining:
                break
            verdicts = evaluate(remaining)
            passed: list[Record] = []
            for record, verdict in zip(remaining, verdicts, strict=True):
                if verdict is None:
                    passed.append(record)
                elif verdict.keeps or self._decisions.let_pass(record, verdict):
                    passed.append(_with_score(record, name, verdict))
                elif verdict.duplicate_of in undecided:
                    waiting.append(_Waiting(record, name, verdict))
                else:
                    dropped.append(_drop(record, "filter", name, verdict))
            remaining = passed
        return remaining, waiting, dropped

    async def _label(self, records: list[Record]) -> tuple[list[Record], list[DroppedRecord]]:
        """Return the records that every labeller keeps, with their labels, and the dropped ones."""
        dropped: list[DroppedRecord] = []
        for name, session in self._labellers:
            requests = await self._in_thread(session.build_requests, records)
            passed: list[Record] = []
            answers = await self._answer(requests)
            if isinstance(session, PanelSession):
                session.observe_responses([completions for completions in answers if completions])
            for record, completions in zip(records, answers, strict=True):
                if completions is None:
                    dropped.append(DroppedRecord(record, "label", name, BEYOND_BUDGET))
                    continue
                labelled, verdict = session.parse_responses(record, completions)
                if verdict is None or verdict.keeps or self._decisions.let_pass(record, verdict):
                    passed.append(labelled)
                else:
                    section = "review" if verdict.needs_review else "label"
                    dropped.append(_drop(labelled, section, name, verdict))
            records = passed
        return records, dropped

    def _commit(self, records: Sequence[Record]) -> None:
        for _, session in self._filters:
            session.commit(records)

    def _resolve(self, waiting: Sequence[_Waiting], accepted: set[str], result: BatchResult) -> list[_Waiting]:
        """Drop the waiting records whose original was accepted; return the others, to be filtered again."""
        undecided: list[_Waiting] = []
        for candidate in waiting:
            if candidate.verdict.duplicate_of in accepted:
                result.dropped.append(_drop(candidate.record, "filter", candidate.step, candidate.verdict))
            else:
                undecided.append(candidate)
        return undecided


def _queue(queues: list[_Queue], undecided: Iterable[_Waiting]) -> list[Record]:
    """Return the first record that waited for each original; the others are queued behind it."""
    groups: dict[tuple[str, str | None], deque[Record]] = {}
    for candidate in undecided:
        groups.setdefault((candidate.step, candidate.verdict.duplicate_of), deque()).append(candidate.record)
    heads = [group.popleft() for group in groups.values()]
    queues += [_Queue(head.id, group) for head, group in zip(heads, groups.values(), strict=True) if group]
    return heads


def _advance(queues: list[_Queue], decided: Collection[str], accepted: Collection[str]) -> list[Record]:
    """Take from each queue whose head was decided what is filtered next: all after an acceptance, else the next record.

    A head may wait in another queue. The head of that one was filtered later, so no two heads wait for each other.
    """
    released: list[Record] = []
    for queue in queues:
        if queue.head in accepted:
            released += queue.records
            queue.records.clear()
        elif queue.head in decided:
            released.append(queue.records.popleft())
            queue.head = released[-1].id
    queues[:] = [queue for queue in queues if queue.records]
    return released


def _with_score(record: Record, name: str, verdict: Verdict) -> Record:
    return record if verdict.score is None else record.with_scores({name: verdict.score})


def _drop(record: Record, section: str, step: str, verdict: Verdict) -> DroppedRecord:
    if verdict.needs_review:
        section = "review"
    return DroppedRecord(
        record, section, step, verdict.reason or "", verdict.score, verdict.limit, verdict.duplicate_of
    )
