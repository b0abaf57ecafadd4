from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.asked import request, requests
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup, RequestQueue


class Engine:
    """Answers after a few turns of the loop and notes what was under way."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.groups: list[int] = []
        self.flying = self.peak = 0

    async def __call__(self, group: RequestGroup) -> list[Completion]:
        count = len(group.requests)
        self.groups.append(count)
        self.started += [one.key for one in group.requests]
        self.flying += count
        self.peak = max(self.peak, self.flying)
        await asyncio.sleep(0.001)
        self.flying -= count
        return [Completion(one.key) for one in group.requests]


async def keep(_: ModelRequest, __: Completion) -> None:
    await asyncio.sleep(0)


def test_the_limit_holds_over_calls_and_an_earlier_call_goes_first() -> None:
    engine, first, second = Engine(), requests(40)[:20], requests(40)[20:]

    async def go() -> None:
        flight = ConcurrencyLimiter(lambda: 5, engine)
        await asyncio.gather(flight.run(first, keep), flight.run(second, keep))
        assert flight.in_flight == 0

    asyncio.run(go())
    assert engine.peak == 5
    assert engine.started == [one.key for one in (*first, *second)]


def test_a_slot_is_free_only_when_arrived_has_returned() -> None:
    engine, holding = Engine(), 0

    async def slow(_: ModelRequest, __: Completion) -> None:
        nonlocal holding
        holding += 1
        assert holding + engine.flying <= 3
        await asyncio.sleep(0.002)
        holding -= 1

    asyncio.run(ConcurrencyLimiter(lambda: 3, engine).run(requests(20), slow))
    assert len(engine.started) == 20


def test_no_requests_are_no_work() -> None:
    asyncio.run(ConcurrencyLimiter(lambda: 1, Engine()).run([], keep))


def test_an_error_in_arrived_ends_its_call_and_no_other() -> None:
    engine, came = Engine(), []

    async def full_disk(_: ModelRequest, __: Completion) -> None:
        raise OSError("disk full")

    async def note(one: ModelRequest, _: Completion) -> None:
        came.append(one.key)

    async def go() -> None:
        flight = ConcurrencyLimiter(lambda: 4, engine)
        other = asyncio.ensure_future(flight.run(requests(30)[10:], note))
        with pytest.raises(OSError, match="disk full"):
            await flight.run(requests(10), full_disk)
        await other
        assert flight.in_flight == 0

    asyncio.run(go())
    assert len(came) == 20


async def cancelled_in_flight(flight: ConcurrencyLimiter) -> None:
    """Begin a call, cancel it soon after, and see that nothing of it is under way."""
    call = asyncio.ensure_future(flight.run(requests(1000), keep))
    await asyncio.sleep(0.003)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert flight.in_flight == 0


def test_a_cancelled_call_leaves_nothing_behind() -> None:
    engine = Engine()

    async def go() -> None:
        flight = ConcurrencyLimiter(lambda: 4, engine)
        await cancelled_in_flight(flight)
        started = len(engine.started)
        await asyncio.sleep(0.01)
        assert len(engine.started) == started < 1000
        await flight.run(requests(3), keep)

    asyncio.run(go())


def test_requests_of_a_kind_go_together_within_the_limit_and_are_one_with_those_that_land_together() -> None:
    engine = Engine()

    async def go() -> None:
        flight = ConcurrencyLimiter(lambda: 6, engine, kind=lambda one: one.key[0] in "01234567", most=lambda _: 4)
        await flight.run(requests(40), keep)
        assert flight.in_flight == 0

    asyncio.run(go())
    assert engine.peak <= 6
    assert engine.groups[0] == 4
    assert max(engine.groups[2:]) == 4
    assert sorted(engine.started) == sorted(one.key for one in requests(40))


def test_what_is_given_back_frees_its_places_at_once_and_goes_before_all_others() -> None:
    asked = requests(12)
    alone: list[str] = []
    together: list[list[str]] = []

    async def answer(group: RequestGroup) -> list[Completion]:
        if len(group.requests) > 2:
            together.append([one.key for one in group.requests])
            flight.requeue(group, group.requests[2:])
            assert flight.in_flight <= 4
        alone.extend(one.key for one in group.requests)
        await asyncio.sleep(0)
        return [Completion(one.key) for one in group.requests]

    came: list[str] = []

    async def note(one: ModelRequest, completion: Completion) -> None:
        assert completion.text == one.key
        came.append(one.key)

    flight = ConcurrencyLimiter(lambda: 4, answer, kind=lambda _: "same", most=lambda _: 4)
    asyncio.run(flight.run(asked, note))
    assert together
    assert alone == [one.key for one in asked]
    assert sorted(came) == sorted(alone)
    assert flight.in_flight == 0


def test_a_call_with_groups_is_cancelled_whole() -> None:
    engine = Engine()

    async def go() -> None:
        flight = ConcurrencyLimiter(lambda: 8, engine, kind=lambda _: "same", most=lambda _: 4)
        await cancelled_in_flight(flight)
        assert not flight.has_backlog

    asyncio.run(go())


def kind_of(one: ModelRequest) -> str | None:
    """Texts that begin with x go alone."""
    first = one.prompt.messages[0].content[0]
    return None if first == "x" else first


def queue(*texts: str) -> RequestQueue[str]:
    found: RequestQueue[str] = RequestQueue(kind_of)
    found.add("call", [request(text) for text in texts])
    return found


def texts(requests: list[ModelRequest]) -> list[str]:
    return [one.prompt.messages[0].content for one in requests]


def test_alike_ones_come_together_and_the_others_keep_their_order() -> None:
    waiting = queue("a1", "b1", "a2", "x1", "x2", "a3", "b2")
    taken = [texts(waiting.take(lambda _: 2)[1]) for _ in range(5)]
    assert taken == [["a1", "a2"], ["b1", "b2"], ["x1"], ["x2"], ["a3"]]
    assert not waiting


def test_what_is_put_back_comes_first_and_is_found_again() -> None:
    waiting = queue("a1", "a2", "a3", "b1")
    caller, taken = waiting.take(lambda _: 2)
    waiting.requeue(caller, taken)
    assert texts(waiting.take(lambda _: 9)[1]) == ["a1", "a2", "a3"]


def test_callers_are_kept_apart_and_one_can_be_dropped() -> None:
    waiting = queue("a1", "a2")
    waiting.add("other", [request("a3"), request("a4")])
    waiting.requeue("other", [request("a5")])
    assert (waiting.take(lambda _: 2)[0], len(waiting)) == ("other", 3)
    waiting.drop("call")
    assert texts(waiting.take(lambda _: 9)[1]) == ["a4"]


def test_nobody_is_asked_how_many_where_there_is_one() -> None:
    asked: list[ModelRequest] = []
    waiting = queue("a1", "b1", "x1", "x2")
    while waiting:
        waiting.take(lambda one: asked.append(one) or 1)  # type: ignore[func-returns-value]
    assert not asked


@given(st.lists(st.sampled_from("abcx"), max_size=30), st.lists(st.tuples(st.integers(1, 5), st.booleans())))
def test_each_is_taken_once_whatever_is_put_back(letters: list[str], steps: list[tuple[int, bool]]) -> None:
    asked = [f"{letter}{at}" for at, letter in enumerate(letters)]
    waiting, seen = queue(*asked), list[str]()
    for most, back in [*steps, *[(3, False)] * len(asked)]:
        if not waiting:
            break
        caller, taken = waiting.take(lambda _, most=most: most)  # type: ignore[misc]
        assert len(taken) <= most
        assert len({kind_of(one) for one in taken}) == 1
        kept = taken[:1] if back else taken
        waiting.requeue(caller, taken[len(kept) :])
        seen += texts(kept)
    assert sorted(seen) == sorted(asked)
    for letter in "abc":
        assert [one for one in seen if one[0] == letter] == [one for one in asked if one[0] == letter]
