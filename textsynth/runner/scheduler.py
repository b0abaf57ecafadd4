"""The loop: windows in order, two in flight, until the quota is met, the budget is spent or the yield has run dry.

The plan for a window depends only on what was committed up to the window before the last, never on which answer came
first, so a run gives the same records at any number in flight and after any crash. Requests of two windows overlap;
judging does not: a window is judged after the one before it has settled.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter, deque
from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass, field

from textsynth.core.calibration_summary import CalibrationSummary
from textsynth.core.protocols import FilterSession, GeneratorSession, LabellerSession, QuotaDeficit
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
from textsynth.export.run_result import RequestInfo
from textsynth.runner.budget import RunBudget, estimate_tokens
from textsynth.runner.candidate_pipeline import BatchResult, CandidatePipeline
from textsynth.runner.max_tokens import AdaptiveMaxTokens
from textsynth.runner.quota import Quota
from textsynth.runner.requester import Requester
from textsynth.runner.review_decisions import NO_DECISIONS, ReviewDecisions

IN_FLIGHT = 2
# So many answers are read, or asks keyed, before the loop looks after what has arrived from the model.
AT_ONCE = 16
# A thread that judges gives way to the one that asks, and to the journal's, after this time instead of Python's 5 ms.
TURN_SECONDS = 0.0005
EVERYTHING = (QuotaDeficit({}, 10**9, single_pass=True),)


@dataclass(frozen=True, slots=True)
class ActiveGenerator:
    """A generator at work under its name in the recipe, `texts` an answer; a `free` one needs no model."""

    name: str
    session: GeneratorSession
    free: bool
    texts: int = 1


@dataclass(slots=True)
class RunState:
    """What a run has brought so far: accepted records and drops in plan order, and what was asked, by request key.

    What is behind most answers is the same, so all of them share it. `gold` is what labellers are worth on known rows,
    by item; `notes` are for people.
    """

    accepted: list[Record] = field(default_factory=list)
    dropped: list[DroppedRecord] = field(default_factory=list)
    requests: dict[str, RequestInfo] = field(default_factory=dict)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    calibrations: dict[str, CalibrationSummary] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    candidates: int = 0
    windows: int = 0


@dataclass(frozen=True, slots=True)
class _Window:
    asks: list[GenerationRequest]
    requests: list[ModelRequest | None]
    answers: asyncio.Task[list[Completion | None]]


class Scheduler:
    """One run's windows of at most `window` asks. `given` are the ids of source records, which a twin may also name."""

    def __init__(
        self,
        hands: Sequence[ActiveGenerator],
        filters: Sequence[tuple[str, FilterSession]],
        desks: Sequence[tuple[str, LabellerSession]],
        *,
        quota: Quota,
        budget: RunBudget,
        asker: Requester,
        given: Container[str],
        window: int,
        people: ReviewDecisions = NO_DECISIONS,
    ) -> None:
        self._hands = hands
        self._quota = quota
        self._budget = budget
        self._asker = asker
        self._given = given
        self._window = window
        self._court = CandidatePipeline(filters, desks, self._ask_about, people)
        self._census = RecordLedger()
        self._tokens_an_ask = 0
        self._limits = AdaptiveMaxTokens()
        self._behind: dict[tuple[str, str, str, Sampling, str], RequestInfo] = {}
        self.state = RunState()

    async def run(self) -> str:
        """Run all windows. Return why it stopped: met, budget, dry or done.

        `done` is said where no quota was asked for and everything the generators have was used.
        """
        flying: deque[_Window] = deque()
        turn = sys.getswitchinterval()
        sys.setswitchinterval(TURN_SECONDS)
        try:
            self.state.calibrations = await self._court.calibrate_labellers(self._ask_first)
            while True:
                asks = self._plan()
                if asks:
                    flying.append(await self._send(asks))
                    await asyncio.sleep(0)  # the first requests leave before the next window is planned
                if not flying:
                    return self._ending()
                if len(flying) == IN_FLIGHT or not asks:
                    await self._commit(flying.popleft())
        finally:
            for window in flying:
                window.answers.cancel()
            await asyncio.gather(*(window.answers for window in flying), return_exceptions=True)
            self._court.close()
            sys.setswitchinterval(turn)

    def _plan(self) -> list[GenerationRequest]:
        texts = max((hand.texts for hand in self._hands), default=1)
        room = self._budget.available(self._window, tokens_an_ask=self._tokens_an_ask, texts_an_ask=texts)
        asks, news = self._ask_hands(room)
        if not asks and news:
            asks, _ = self._ask_hands(room)
        self._budget.record_planned(asks)
        self._budget.reserve(asks)
        if asks:
            self._tokens_an_ask = max(1, sum(map(estimate_tokens, asks)) // len(asks))
        return asks

    def _ask_hands(self, room: int) -> tuple[list[GenerationRequest], bool]:
        """Return what the generators ask for what is missing, and whether one is newly found to have nothing for it."""
        asks: list[GenerationRequest] = []
        news = False
        for hand in self._hands:
            short = EVERYTHING if hand.free else self._quota.deficits(hand.name)
            left = room - len(asks)
            if not short or (left <= 0 and not hand.free):
                continue
            some = self._limits.apply(hand.session.plan_requests(short, self._window if hand.free else left))
            self._quota.record_planned(some)
            news |= not hand.free and len(some) < left and self._quota.note_exhausted(hand.name, short, some)
            asks += some
        return asks, news

    async def _send(self, asks: list[GenerationRequest]) -> _Window:
        requests: list[ModelRequest | None] = []
        for start in range(0, len(asks), AT_ONCE):
            requests += self._asker.requests(asks[start : start + AT_ONCE])
            await asyncio.sleep(0)
        return _Window(asks, requests, asyncio.create_task(self._asker.complete(asks, requests)))

    async def _commit(self, window: _Window) -> None:
        completions = await window.answers
        self._budget.charge(completions)
        self._budget.release(window.asks)
        candidates: list[Record] = []
        unread: list[DroppedRecord] = []
        place_of: dict[str, int] = {}
        for place, found in enumerate(await self._read(window, completions)):
            for one in found:
                if isinstance(one, DroppedRecord):
                    unread.append(one)
                else:
                    candidates.append(one)
                    place_of[one.id] = place
        read = set(place_of.values())
        self.state.notes += self._limits.update(window.asks, completions, read)
        ruling = await self._court.process(candidates)
        self._count(candidates, unread, ruling)
        brought: dict[int, list[Record]] = {}
        for record in ruling.accepted:
            brought.setdefault(place_of[record.id], []).append(record)
        self._quota.commit(window.asks, brought, self._limits.stale_requests(window.asks, read))
        for hand in self._hands:
            hand.session.observe_accepted(ruling.accepted)

    async def _read(
        self, window: _Window, completions: Sequence[Completion | None]
    ) -> list[Sequence[Record | DroppedRecord]]:
        """Read each answer of a window with the generator that asked for it, in plan order."""
        writers = {hand.name: hand.session for hand in self._hands}
        found: list[Sequence[Record | DroppedRecord]] = []
        for ask, request, completion in zip(window.asks, window.requests, completions, strict=True):
            if len(found) % AT_ONCE == 0:
                await asyncio.sleep(0)
            key = "" if request is None else request.key
            if request is not None:
                self._note(request, ask, completion)
            if completion is not None and completion.failure is not None:
                empty = Record("", Provenance(ask.step, ask.parent_ids, ask.example_ids, key), ask.labels, ask.fields)
                found.append([DroppedRecord(empty, "model", ask.model, completion.failure)])
            else:
                found.append(writers[ask.step].parse_response(ask, key, completion))
        return found

    def _count(self, candidates: Sequence[Record], unread: Sequence[DroppedRecord], ruling: BatchResult) -> None:
        census = self._census
        census.register(candidates)
        census.register(drop.record for drop in unread)
        for record in ruling.accepted:
            census.resolve(record, "accepted")
        for drop in (*unread, *ruling.dropped):
            census.resolve(drop.record, drop.section, drop.duplicate_of)
            self.state.reasons[drop.section, drop.step, reason_category(drop.reason)] += 1
        census.verify(self._given)
        self.state.candidates += len(candidates) + len(unread)
        self.state.accepted += ruling.accepted
        self.state.dropped += (*unread, *ruling.dropped)
        self.state.windows += 1

    async def _ask_about(self, groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        """Answer a labeller's asks about each text, which are charged like all others; None beyond the budget."""
        fit = self._budget.affordable([len(some) for some in groups], tokens_an_ask=self._tokens_an_ask)
        asks = [ask for some in groups[:fit] for ask in some]
        self._budget.record_planned(asks)
        completions = await self._asked(asks)
        self._budget.charge(completions)
        return _parted(groups, fit, completions)

    async def _ask_first(self, groups: Sequence[Sequence[GenerationRequest]]) -> list[list[Completion] | None]:
        """Answer what is asked about known rows, before anything is planned: the budget has so much less from then on.

        None beyond it.
        """
        tokens = [estimate_tokens(ask) for some in groups for ask in some]
        mean = max(1, sum(tokens) // max(1, len(tokens)))
        fit = self._budget.affordable([len(some) for some in groups], tokens_an_ask=mean)
        completions = await self._asked([ask for some in groups[:fit] for ask in some])
        self._budget.deduct(completions)
        return _parted(groups, fit, completions)

    async def _asked(self, asks: Sequence[GenerationRequest]) -> list[Completion | None]:
        requests = self._asker.requests(asks)
        completions = await self._asker.complete(asks, requests)
        for ask, request, completion in zip(asks, requests, completions, strict=True):
            if request is not None:
                self._note(request, ask, completion)
        return completions

    def _note(self, request: ModelRequest, ask: GenerationRequest, completion: Completion | None) -> None:
        engine = "" if completion is None else completion.engine
        prompt = request.prompt
        behind = (prompt.name, prompt.fingerprint, self._asker.identities[ask.model], request.sampling, engine)
        if behind not in self._behind:
            name, fingerprint, model, sampling, _ = behind
            self._behind[behind] = RequestInfo(name, fingerprint, model, asdict(sampling), engine)
        self.state.requests[request.key] = self._behind[behind]

    def _ending(self) -> str:
        if self._quota.met:
            return "met"
        if self._budget.exhausted_limit is not None:
            return "budget"
        return "dry" if self._quota.cells else "done"


def _parted(
    groups: Sequence[Sequence[GenerationRequest]], fit: int, completions: Sequence[Completion | None]
) -> list[list[Completion] | None]:
    """Return the answers to each of the first `fit` groups; None for what was not asked, [] where nothing was to be."""
    answers = iter(completions)
    found: list[list[Completion] | None] = [
        [completion or Completion("") for completion in itertools.islice(answers, len(some))] for some in groups[:fit]
    ]
    return found + [[] if not some else None for some in groups[fit:]]
