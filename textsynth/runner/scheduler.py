"""The scheduler: windows of requests in order, two in flight, until the quota is met or nothing more can be had.

The plan for a window depends only on what was committed up to the window before the last, never on which answer came
first, so a run gives the same records at any concurrency and after any crash. Requests of two windows overlap; the
filters do not: a window is filtered after the one before it was committed.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from textsynth.core.records import (
    Completion,
    DroppedRecord,
    GenerationRequest,
    ModelRequest,
    Provenance,
    Record,
    RecordLedger,
    Sampling,
    reason_category,
)
from textsynth.core.sessions import FilterSession, LabellerSession
from textsynth.export.run_result import RequestInfo
from textsynth.runner.budget import RunBudget, estimate_tokens
from textsynth.runner.candidate_pipeline import BatchResult, CandidatePipeline
from textsynth.runner.first_answers import FirstAnswers
from textsynth.runner.max_tokens import AdaptiveMaxTokens
from textsynth.runner.open_window import LOOK_SECONDS, OpenTextCounter, OpenWindow
from textsynth.runner.plugin_checks import ValidatedGenerator
from textsynth.runner.quota import EVERYTHING, Quota
from textsynth.runner.requester import Requester, without_thinking_in
from textsynth.runner.review_decisions import NO_DECISIONS, ReviewDecisions
from textsynth.runner.run_state import RunState

WINDOWS_IN_FLIGHT = 2
# How many answers are parsed, or requests keyed, before the event loop may handle what arrived from the model.
STEPS_PER_TURN = 16
# The filter thread yields to the threads of the model client and the journal after this time instead of Python's 5 ms.
SWITCH_SECONDS = 0.0005


@dataclass(frozen=True, slots=True)
class ActiveGenerator:
    """A generator's session under its name in the recipe, with what it brings per request."""

    name: str
    session: ValidatedGenerator
    needs_model: bool
    texts_per_request: int = 1
    follows_quota: bool = True


@dataclass(slots=True)
class _Chain:
    """A planned request with its follow-ups, in the order asked, and their answers; the last one is parsed."""

    requests: list[GenerationRequest]
    model_requests: list[ModelRequest | None]
    completions: list[Completion | None]


@dataclass(frozen=True, slots=True)
class _Window:
    texts: OpenWindow
    chains: asyncio.Task[list[_Chain]]


class Scheduler:
    """Runs one recipe's windows of at most `window_size` requests.

    Windows have at most `first_window_size` requests until a text is accepted and the answers differ, so that the yield
    is known early. The second one is larger, to keep the server busy, and is cancelled where all first answers fail.
    With `rows_first` nothing is requested before all rows of sources were committed.

    `source_ids` are the ids of source records, which a duplicate may name as its original. `quick_filters` are the
    names of the filters that the progress display may ask about the texts of an open window; `load_filters` loads what
    filters need, and is called in their thread while the run waits for a model. What the run has is in `state`.
    """

    def __init__(
        self,
        generators: Sequence[ActiveGenerator],
        filters: Sequence[tuple[str, FilterSession]],
        labellers: Sequence[tuple[str, LabellerSession]],
        *,
        quota: Quota,
        budget: RunBudget,
        requester: Requester,
        source_ids: Container[str],
        window_size: int,
        first_window_size: int,
        decisions: ReviewDecisions = NO_DECISIONS,
        rows_first: bool = False,
        quick_filters: Collection[str] = (),
        load_filters: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        state: RunState | None = None,
    ) -> None:
        self._generators = generators
        self._rows_first = rows_first
        self._in_flight: deque[_Window] = deque()
        self._sessions = {generator.name: generator.session for generator in generators}
        self._quota = quota
        self._budget = budget
        self._requester = requester
        self._source_ids = source_ids
        self._window_size = window_size
        self._first_window_size = first_window_size
        self._pipeline = CandidatePipeline(filters, labellers, self._answer_labellers, decisions, load_filters)
        self._ledger = RecordLedger()
        self._tokens_per_request = 0
        self._follow_ups_per_request = 0
        self._deferred: list[GenerationRequest] = []
        self._max_tokens = AdaptiveMaxTokens()
        self._first_answers = FirstAnswers()
        self._planned_windows = 0
        self._has_yield = False
        self._infos: dict[tuple[str, str, str, Sampling, str], RequestInfo] = {}
        self._open_texts = OpenTextCounter(lambda texts: self._pipeline.filter_quickly(texts, quick_filters), clock)
        self.state = RunState() if state is None else state
        self.state.open_texts = self._open_texts.texts

    async def run(self) -> str:
        """Run all windows. Return why it stopped: met, budget, dry, failing, or done: without a quota, all was used."""
        switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self.state.calibrations = await self._pipeline.calibrate_labellers(self._answer_gold_rows)
            while True:
                requests = self._plan()
                if requests:
                    self._in_flight.append(await self._send(requests))
                    await asyncio.sleep(0)  # the first requests leave before the next window is planned
                if not self._in_flight:
                    return self._finish(self._stop_reason())
                if len(self._in_flight) == WINDOWS_IN_FLIGHT or not requests:
                    await self._commit(self._in_flight.popleft())
                if self._first_answers.stop is not None and not self._quota.met:
                    why, self.state.stop_sentence = self._first_answers.stop
                    return self._finish(why)
        finally:
            for window in self._in_flight:
                window.chains.cancel()
            await asyncio.gather(*(window.chains for window in self._in_flight), return_exceptions=True)
            self._pipeline.close()
            sys.setswitchinterval(switch_interval)

    def _finish(self, why: str) -> str:
        """Note what the labellers learned about their judges; return why the run stopped."""
        self.state.judges = self._pipeline.judges()
        return why

    def _plan(self) -> list[GenerationRequest]:
        """Return the next window's requests; [] where nothing can or need be sent.

        Planned requests whose follow-ups could exceed the budget are deferred until earlier chains turn out shorter.
        """
        texts = max((generator.texts_per_request for generator in self._generators), default=1)
        available = self._budget.available(
            self._window_limit(),
            tokens_per_request=self._tokens_per_request,
            texts_per_request=texts,
            follow_ups_per_request=self._follow_ups_per_request,
        )
        if self._quota.met or self._budget.exhausted_limit == "minutes":
            self._deferred = []
        if self._deferred:
            available = 0
        requests, changed = self._plan_generators(available)
        if not requests and changed:
            requests, _ = self._plan_generators(available)
        requests = [*self._deferred, *requests]
        if requests:
            self._tokens_per_request = max(1, sum(map(estimate_tokens, requests)) // len(requests))
            self._follow_ups_per_request = max(request.max_follow_ups for request in requests)
        requests, self._deferred = self._budget.split_affordable(requests, tokens_per_request=self._tokens_per_request)
        self._budget.record_planned(requests)
        self._budget.reserve(requests)
        self._planned_windows += bool(requests) and not self._rows_first
        return requests

    def _window_limit(self) -> int:
        """Return how many requests the next window may have."""
        is_first_open = self._planned_windows == 1 and not self.state.windows
        is_small = not is_first_open and (not self._has_yield or self._first_answers.are_alike)
        return min(self._window_size, self._first_window_size) if is_small else self._window_size

    def _plan_generators(self, available: int) -> tuple[list[GenerationRequest], bool]:
        """Return what the generators request for what is missing, and whether one newly has nothing to offer for it."""
        requests: list[GenerationRequest] = []
        changed = False
        if self._rows_first:
            curators = [generator.session for generator in self._generators if not generator.follows_quota]
            requests = [row for session in curators for row in session.plan_requests(EVERYTHING, self._window_size)]
            self._rows_first = bool(requests or self._in_flight)
        if self._rows_first:
            return requests, False
        for generator in self._generators:
            deficits = self._quota.deficits(generator.name) if generator.follows_quota else EVERYTHING
            remaining = available - len(requests)
            if not deficits or (remaining <= 0 and generator.needs_model):
                continue
            limit = remaining if generator.needs_model else self._window_size
            planned = self._max_tokens.apply(generator.session.plan_requests(deficits, limit))
            self._quota.record_planned(planned)
            if generator.follows_quota and len(planned) < limit:
                changed |= self._quota.note_exhausted(generator.name, deficits, planned)
            requests += planned
        return requests, changed

    async def _send(self, requests: list[GenerationRequest]) -> _Window:
        model_requests: list[ModelRequest | None] = []
        for start in range(0, len(requests), STEPS_PER_TURN):
            model_requests += self._requester.model_requests(requests[start : start + STEPS_PER_TURN])
            await asyncio.sleep(0)
        window = OpenWindow(requests, model_requests)
        return _Window(window, asyncio.create_task(self._complete_chains(window)))

    async def _complete_chains(self, window: OpenWindow) -> list[_Chain]:
        """Return the answered requests in plan order, each with the follow-ups that its answers led to."""
        if self._budget.seconds_left() == 0:
            return self._stored_chains(window, from_journal=True)
        requests, model_requests = window.requests, window.model_requests
        completions = await self._requester.complete(requests, model_requests, answers=window.answers)
        chains = [
            _Chain([request], [model_request], [completion])
            for request, model_request, completion in zip(requests, model_requests, completions, strict=True)
        ]
        growing = [chain for chain in chains if chain.requests[0].max_follow_ups]
        while growing:
            growing = [chain for chain in growing if self._extend(chain)]
            follow_ups = [chain.requests[-1] for chain in growing]
            answers = await self._requester.complete(follow_ups, [chain.model_requests[-1] for chain in growing])
            for chain, completion in zip(growing, answers, strict=True):
                chain.completions.append(completion)
        return chains

    async def _answered_chains(self, window: _Window) -> list[_Chain]:
        """Return the chains of a window; once the minutes are over, those that were answered completely until then."""
        await self._watch(window)
        if await _done_within(window.chains, self._budget.seconds_left()):
            chains = window.chains.result()
        else:
            await self._requester.flush()
            chains = self._stored_chains(window.texts)
        if len(chains) < len(window.texts.requests):
            self._budget.record_timeout()
        return chains

    def _stored_chains(self, window: OpenWindow, *, from_journal: bool = False) -> list[_Chain]:
        """Return the chains whose answers are all on disk; `from_journal` counts these as answered by it."""
        completions = self._requester.stored(window.model_requests, from_journal=from_journal)
        answered = zip(window.requests, window.model_requests, completions, strict=True)
        chains = [
            _Chain([request], [model_request], [completion])
            for request, model_request, completion in answered
            if completion is not None or model_request is None
        ]
        return [chain for chain in chains if self._follow_stored(chain)]

    async def _watch(self, window: _Window) -> None:
        """Wait until a window is answered or the minutes are over; meanwhile parse and count the texts that come."""
        has_failed = True
        try:
            while not window.chains.done() and (left := self._budget.seconds_left()) != 0:
                await asyncio.wait({window.chains}, timeout=LOOK_SECONDS if left is None else min(left, LOOK_SECONDS))
                while not window.chains.done() and window.texts.parse_next(
                    STEPS_PER_TURN, self._parse_answer, without_thinking_in
                ):
                    await asyncio.sleep(0)
                if not window.chains.done() and self._pipeline.is_loaded():
                    await self._open_texts.count(window.texts)
            has_failed = False
        finally:
            if has_failed:
                window.chains.cancel()
                await asyncio.gather(window.chains, return_exceptions=True)

    def _follow_stored(self, chain: _Chain) -> bool:
        """Add the follow-ups whose answers are on disk; return whether they are all there."""
        while chain.requests[0].max_follow_ups and self._extend(chain):
            (completion,) = self._requester.stored([chain.model_requests[-1]])
            if completion is None:
                return False
            chain.completions.append(completion)
        return True

    def _extend(self, chain: _Chain) -> bool:
        """Add the follow-up to the chain's last answer; return whether there is one."""
        first, completion, parent = chain.requests[0], chain.completions[-1], chain.model_requests[-1]
        if completion is None or completion.failure is not None or parent is None:
            return False
        if len(chain.requests) > first.max_follow_ups:
            return False
        follow_up = self._sessions[first.step].follow_up(chain.requests[-1], completion)
        if follow_up is None:
            return False
        chain.requests.append(follow_up)
        chain.model_requests.append(self._requester.follow_up_request(follow_up, parent.key))
        return True

    async def _commit(self, window: _Window) -> None:
        """Take a window's answers in plan order through parsing, filters and labellers into the state and the quota."""
        chains = await self._answered_chains(window)
        requests = [chain.requests[0] for chain in chains]
        self._budget.record_planned([request for chain in chains for request in chain.requests[1:]])
        self._budget.charge([completion for chain in chains for completion in chain.completions])
        self._budget.release(window.texts.requests)
        candidates: list[Record] = []
        unparsed: list[DroppedRecord] = []
        index_of: dict[str, int] = {}
        failures: dict[int, str] = {}
        for index, parsed in enumerate(await self._parse(chains, window.texts.parsed)):
            for item in parsed:
                if isinstance(item, DroppedRecord):
                    unparsed.append(item)
                    failures.setdefault(index, item.reason)
                else:
                    candidates.append(item)
                    index_of[item.id] = index
        with_texts = set(index_of.values())
        last = [chain.completions[-1] for chain in chains]
        self.state.notes += self._max_tokens.update(requests, last, with_texts)
        result = await self._pipeline.process(candidates)
        self._open_texts.close_window()
        self._record(candidates, unparsed, result)
        accepted: dict[int, list[Record]] = {}
        for record in result.accepted:
            accepted.setdefault(index_of[record.id], []).append(record)
        stale = self._max_tokens.stale_requests(requests, with_texts)
        self._quota.commit(requests, accepted, stale)
        without_texts = {index: reason for index, reason in failures.items() if index not in with_texts}
        self._first_answers.observe(requests, last, without_texts, accepted, stale)
        self._has_yield |= any(requests[index].prompt is not None for index in accepted)
        for generator in self._generators:
            generator.session.observe_accepted(result.accepted)

    async def _parse(
        self, chains: Sequence[_Chain], first: Sequence[Sequence[Record | DroppedRecord]]
    ) -> list[Sequence[Record | DroppedRecord]]:
        """Return what each chain's last answer holds, parsed by the session that asked, in plan order.

        `first` are those of the first chains, which were parsed already.
        """
        parsed = list(first)
        for index, chain in enumerate(chains):
            if index % STEPS_PER_TURN == 0:
                await asyncio.sleep(0)
            answered = zip(chain.requests, chain.model_requests, chain.completions, strict=True)
            for request, model_request, completion in answered:
                if model_request is not None:
                    self._record_request(model_request, request, completion)
            if index >= len(first):
                parsed.append(self._parse_answer(chain.requests[-1], chain.model_requests[-1], chain.completions[-1]))
        return parsed

    def _parse_answer(
        self, request: GenerationRequest, model_request: ModelRequest | None, completion: Completion | None
    ) -> Sequence[Record | DroppedRecord]:
        key = "" if model_request is None else model_request.key
        if completion is not None and completion.failure is not None:
            provenance = Provenance(request.step, request.parent_ids, request.example_ids, key)
            empty = Record("", provenance, request.labels, request.fields)
            return [DroppedRecord(empty, "model", request.model, completion.failure)]
        return self._sessions[request.step].parse_response(request, key, completion)

    def _record(self, candidates: Sequence[Record], unparsed: Sequence[DroppedRecord], result: BatchResult) -> None:
        """Add a window's outcomes to the state, with the ledger verified."""
        dropped = (*unparsed, *result.dropped)
        self._ledger.register(candidates)
        self._ledger.register(drop.record for drop in unparsed)
        for record in result.accepted:
            self._ledger.resolve(record, "accepted")
        for drop in dropped:
            self._ledger.resolve(drop.record, drop.section, drop.duplicate_of)
            self.state.reasons[drop.section, drop.step, reason_category(drop.reason)] += 1
        self._ledger.verify(self._source_ids)
        self.state.candidates += len(candidates) + len(unparsed)
        self.state.accepted.extend(result.accepted)
        self.state.dropped.extend(dropped)
        self.state.windows += 1

    async def _answer_labellers(self, groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        """Answer a labeller's requests about each text, charged like all others; None for a text beyond the budget."""
        sizes = [len(group) for group in groups]
        affordable = self._budget.affordable(sizes, tokens_per_request=self._tokens_per_request)
        requests = [request for group in groups[:affordable] for request in group]
        self._budget.record_planned(requests)
        model_requests = self._requester.model_requests(requests)
        left = self._budget.seconds_left(for_labels=True)
        task = asyncio.create_task(self._complete_all(requests, model_requests)) if left != 0 else None
        if task is None or not await _done_within(task, left):
            # Labels that are all on disk are used, so that a repeated run does not find more than this one.
            await self._requester.flush()
            is_stored = None not in self._requester.stored(model_requests)
            task = asyncio.create_task(self._complete_all(requests, model_requests)) if is_stored else None
        if task is not None:
            completions = await task
            self._budget.charge(completions)
            return _by_group(groups, affordable, completions)
        self._budget.record_timeout()
        return [None if group else [] for group in groups]

    async def _answer_gold_rows(self, groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        """Answer the requests about gold rows before anything is planned: the budget is smaller by them from then on.

        None for a row beyond the budget.
        """
        tokens = [estimate_tokens(request) for group in groups for request in group]
        mean = max(1, sum(tokens) // max(1, len(tokens)))
        affordable = self._budget.affordable([len(group) for group in groups], tokens_per_request=mean)
        requests = [request for group in groups[:affordable] for request in group]
        completions = await self._complete_all(requests, self._requester.model_requests(requests))
        self._budget.deduct(completions)
        return _by_group(groups, affordable, completions)

    async def _complete_all(
        self, requests: Sequence[GenerationRequest], model_requests: Sequence[ModelRequest | None]
    ) -> list[Completion | None]:
        completions = await self._requester.complete(requests, model_requests)
        for request, model_request, completion in zip(requests, model_requests, completions, strict=True):
            if model_request is not None:
                self._record_request(model_request, request, completion)
        return completions

    def _record_request(
        self, model_request: ModelRequest, request: GenerationRequest, completion: Completion | None
    ) -> None:
        engine = "" if completion is None else completion.engine
        prompt, sampling = model_request.prompt, model_request.sampling
        identity = self._requester.identities[request.model]
        key = (prompt.name, prompt.fingerprint, identity, sampling, engine)
        if key not in self._infos:
            self._infos[key] = RequestInfo(prompt.name, prompt.fingerprint, identity, asdict(sampling), engine)
        self.state.requests[model_request.key] = self._infos[key]
        self.state.costs.add(request.step, identity, prompt.name, completion)

    def _stop_reason(self) -> str:
        if self._quota.met:
            return "met"
        if self._budget.exhausted_limit is not None:
            return "budget"
        return "dry" if self._quota.cells else "done"


async def _done_within(task: asyncio.Task[Any], seconds: float | None) -> bool:
    """Wait for a task, at most `seconds`; return whether it is done, else it is cancelled. None: no limit."""
    if seconds is None:
        await task
        return True
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    return bool(done)


def _by_group(
    groups: Sequence[Sequence[GenerationRequest]], answered: int, completions: Sequence[Completion | None]
) -> list[list[Completion] | None]:
    """Return the answers to each of the first `answered` groups; then None, or [] for a group without requests."""
    remaining = iter(completions)
    by_group: list[list[Completion] | None] = [
        [completion or Completion("") for completion in itertools.islice(remaining, len(group))]
        for group in groups[:answered]
    ]
    return by_group + [None if group else [] for group in groups[answered:]]
