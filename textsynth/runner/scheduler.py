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

from textsynth.core.calibration_summary import Gold
from textsynth.core.protocols import Desk, Judge, Shortfall, Writer
from textsynth.core.records import Ask, Census, Completion, Drop, Origin, Record, Request, Sampling, reason_kind
from textsynth.export.run_result import Asked
from textsynth.runner.budget import Budget, tokens_of
from textsynth.runner.candidate_pipeline import Court, Ruling
from textsynth.runner.max_tokens import Limits
from textsynth.runner.quota import Quota
from textsynth.runner.requester import Asker
from textsynth.runner.review_decisions import NOBODY, People

IN_FLIGHT = 2
# So many answers are read, or asks keyed, before the loop looks after what has arrived from the model.
AT_ONCE = 16
# A thread that judges gives way to the one that asks, and to the journal's, after this time instead of Python's 5 ms.
TURN_SECONDS = 0.0005
EVERYTHING = (Shortfall({}, 10**9, once=True),)


@dataclass(frozen=True, slots=True)
class Hand:
    """A generator at work under its name in the recipe, `texts` an answer; a `free` one needs no model."""

    item: str
    writer: Writer
    free: bool
    texts: int = 1


@dataclass(slots=True)
class Books:
    """What a run has brought so far: accepted records and drops in plan order, and what was asked, by request key.

    What is behind most answers is the same, so all of them share it. `gold` is what labellers are worth on known rows,
    by item; `notes` are for people.
    """

    accepted: list[Record] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    asked: dict[str, Asked] = field(default_factory=dict)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    gold: dict[str, Gold] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    candidates: int = 0
    windows: int = 0


@dataclass(frozen=True, slots=True)
class _Window:
    asks: list[Ask]
    requests: list[Request | None]
    answers: asyncio.Task[list[Completion | None]]


class Loop:
    """One run's windows of at most `window` asks. `given` are the ids of source records, which a twin may also name."""

    def __init__(
        self,
        hands: Sequence[Hand],
        filters: Sequence[tuple[str, Judge]],
        desks: Sequence[tuple[str, Desk]],
        *,
        quota: Quota,
        budget: Budget,
        asker: Asker,
        given: Container[str],
        window: int,
        people: People = NOBODY,
    ) -> None:
        self._hands = hands
        self._quota = quota
        self._budget = budget
        self._asker = asker
        self._given = given
        self._window = window
        self._court = Court(filters, desks, self._ask_about, people)
        self._census = Census()
        self._tokens_an_ask = 0
        self._limits = Limits()
        self._behind: dict[tuple[str, str, str, Sampling, str], Asked] = {}
        self.books = Books()

    async def go(self) -> str:
        """Run all windows. Return why it stopped: met, budget, dry or done.

        `done` is said where no quota was asked for and everything the generators have was used.
        """
        flying: deque[_Window] = deque()
        turn = sys.getswitchinterval()
        sys.setswitchinterval(TURN_SECONDS)
        try:
            self.books.gold = await self._court.tried(self._ask_first)
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

    def _plan(self) -> list[Ask]:
        texts = max((hand.texts for hand in self._hands), default=1)
        room = self._budget.room(self._window, tokens_an_ask=self._tokens_an_ask, texts_an_ask=texts)
        asks, news = self._ask_hands(room)
        if not asks and news:
            asks, _ = self._ask_hands(room)
        self._budget.planned(asks)
        self._budget.reserve(asks)
        if asks:
            self._tokens_an_ask = max(1, sum(map(tokens_of, asks)) // len(asks))
        return asks

    def _ask_hands(self, room: int) -> tuple[list[Ask], bool]:
        """Return what the generators ask for what is missing, and whether one is newly found to have nothing for it."""
        asks: list[Ask] = []
        news = False
        for hand in self._hands:
            short = EVERYTHING if hand.free else self._quota.short(hand.item)
            left = room - len(asks)
            if not short or (left <= 0 and not hand.free):
                continue
            some = self._limits.applied(hand.writer.plan(short, self._window if hand.free else left))
            self._quota.planned(some)
            news |= not hand.free and len(some) < left and self._quota.offered(hand.item, short, some)
            asks += some
        return asks, news

    async def _send(self, asks: list[Ask]) -> _Window:
        requests: list[Request | None] = []
        for start in range(0, len(asks), AT_ONCE):
            requests += self._asker.requests(asks[start : start + AT_ONCE])
            await asyncio.sleep(0)
        return _Window(asks, requests, asyncio.create_task(self._asker.answer(asks, requests)))

    async def _commit(self, window: _Window) -> None:
        completions = await window.answers
        self._budget.charge(completions)
        self._budget.release(window.asks)
        candidates: list[Record] = []
        unread: list[Drop] = []
        place_of: dict[str, int] = {}
        for place, found in enumerate(await self._read(window, completions)):
            for one in found:
                if isinstance(one, Drop):
                    unread.append(one)
                else:
                    candidates.append(one)
                    place_of[one.id] = place
        read = set(place_of.values())
        self.books.notes += self._limits.learn(window.asks, completions, read)
        ruling = await self._court.rule(candidates)
        self._count(candidates, unread, ruling)
        brought: dict[int, list[Record]] = {}
        for record in ruling.accepted:
            brought.setdefault(place_of[record.id], []).append(record)
        self._quota.committed(window.asks, brought, self._limits.outgrown(window.asks, read))
        for hand in self._hands:
            hand.writer.learn(ruling.accepted)

    async def _read(self, window: _Window, completions: Sequence[Completion | None]) -> list[Sequence[Record | Drop]]:
        """Read each answer of a window with the generator that asked for it, in plan order."""
        writers = {hand.item: hand.writer for hand in self._hands}
        found: list[Sequence[Record | Drop]] = []
        for ask, request, completion in zip(window.asks, window.requests, completions, strict=True):
            if len(found) % AT_ONCE == 0:
                await asyncio.sleep(0)
            key = "" if request is None else request.key
            if request is not None:
                self._note(request, ask, completion)
            if completion is not None and completion.failure is not None:
                empty = Record("", Origin(ask.item, ask.parents, ask.shown, key), ask.labels, ask.fields)
                found.append([Drop(empty, "model", ask.model, completion.failure)])
            else:
                found.append(writers[ask.item].read(ask, key, completion))
        return found

    def _count(self, candidates: Sequence[Record], unread: Sequence[Drop], ruling: Ruling) -> None:
        census = self._census
        census.enter(candidates)
        census.enter(drop.record for drop in unread)
        for record in ruling.accepted:
            census.end(record, "accepted")
        for drop in (*unread, *ruling.dropped):
            census.end(drop.record, drop.section, drop.twin)
            self.books.reasons[drop.section, drop.item, reason_kind(drop.reason)] += 1
        census.close(self._given)
        self.books.candidates += len(candidates) + len(unread)
        self.books.accepted += ruling.accepted
        self.books.dropped += (*unread, *ruling.dropped)
        self.books.windows += 1

    async def _ask_about(self, groups: Sequence[Sequence[Ask]]) -> list[list[Completion] | None]:
        """Answer a labeller's asks about each text, which are charged like all others; None beyond the budget."""
        fit = self._budget.fitting([len(some) for some in groups], tokens_an_ask=self._tokens_an_ask)
        asks = [ask for some in groups[:fit] for ask in some]
        self._budget.planned(asks)
        completions = await self._asked(asks)
        self._budget.charge(completions)
        return _parted(groups, fit, completions)

    async def _ask_first(self, groups: Sequence[Sequence[Ask]]) -> list[list[Completion] | None]:
        """Answer what is asked about known rows, before anything is planned: the budget has so much less from then on.

        None beyond it.
        """
        tokens = [tokens_of(ask) for some in groups for ask in some]
        mean = max(1, sum(tokens) // max(1, len(tokens)))
        fit = self._budget.fitting([len(some) for some in groups], tokens_an_ask=mean)
        completions = await self._asked([ask for some in groups[:fit] for ask in some])
        self._budget.take_off(completions)
        return _parted(groups, fit, completions)

    async def _asked(self, asks: Sequence[Ask]) -> list[Completion | None]:
        requests = self._asker.requests(asks)
        completions = await self._asker.answer(asks, requests)
        for ask, request, completion in zip(asks, requests, completions, strict=True):
            if request is not None:
                self._note(request, ask, completion)
        return completions

    def _note(self, request: Request, ask: Ask, completion: Completion | None) -> None:
        engine = "" if completion is None else completion.engine
        prompt = request.prompt
        behind = (prompt.name, prompt.fingerprint, self._asker.identities[ask.model], request.sampling, engine)
        if behind not in self._behind:
            name, fingerprint, model, sampling, _ = behind
            self._behind[behind] = Asked(name, fingerprint, model, asdict(sampling), engine)
        self.books.asked[request.key] = self._behind[behind]

    def _ending(self) -> str:
        if self._quota.met:
            return "met"
        if self._budget.spent_out is not None:
            return "budget"
        return "dry" if self._quota.lines else "done"


def _parted(
    groups: Sequence[Sequence[Ask]], fit: int, completions: Sequence[Completion | None]
) -> list[list[Completion] | None]:
    """Return the answers to each of the first `fit` groups; None for what was not asked, [] where nothing was to be."""
    answers = iter(completions)
    found: list[list[Completion] | None] = [
        [completion or Completion("") for completion in itertools.islice(answers, len(some))] for some in groups[:fit]
    ]
    return found + [[] if not some else None for some in groups[fit:]]
