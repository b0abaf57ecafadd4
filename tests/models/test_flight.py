from __future__ import annotations

import asyncio

import pytest

from tests.models.asked import requests
from textsynth.models.flight import Flight
from textsynth.records import Completion, Request


class Engine:
    """Answers after a few turns of the loop and notes what was under way."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.flying = self.peak = 0

    async def __call__(self, one: Request) -> Completion:
        self.started.append(one.key)
        self.flying += 1
        self.peak = max(self.peak, self.flying)
        await asyncio.sleep(0.001)
        self.flying -= 1
        return Completion(one.key)


async def keep(_: Request, __: Completion) -> None:
    await asyncio.sleep(0)


def test_the_limit_holds_over_calls_and_an_earlier_call_goes_first() -> None:
    engine, first, second = Engine(), requests(40)[:20], requests(40)[20:]

    async def go() -> None:
        flight = Flight(lambda: 5, engine)
        await asyncio.gather(flight.run(first, keep), flight.run(second, keep))
        assert flight.in_flight == 0

    asyncio.run(go())
    assert engine.peak == 5
    assert engine.started == [one.key for one in (*first, *second)]


def test_a_slot_is_free_only_when_arrived_has_returned() -> None:
    engine, holding = Engine(), 0

    async def slow(_: Request, __: Completion) -> None:
        nonlocal holding
        holding += 1
        assert holding + engine.flying <= 3
        await asyncio.sleep(0.002)
        holding -= 1

    asyncio.run(Flight(lambda: 3, engine).run(requests(20), slow))
    assert len(engine.started) == 20


def test_no_requests_are_no_work() -> None:
    asyncio.run(Flight(lambda: 1, Engine()).run([], keep))


def test_an_error_in_arrived_ends_its_call_and_no_other() -> None:
    engine, came = Engine(), []

    async def full_disk(_: Request, __: Completion) -> None:
        raise OSError("disk full")

    async def note(one: Request, _: Completion) -> None:
        came.append(one.key)

    async def go() -> None:
        flight = Flight(lambda: 4, engine)
        other = asyncio.ensure_future(flight.run(requests(30)[10:], note))
        with pytest.raises(OSError, match="disk full"):
            await flight.run(requests(10), full_disk)
        await other
        assert flight.in_flight == 0

    asyncio.run(go())
    assert len(came) == 20


def test_a_cancelled_call_leaves_nothing_behind() -> None:
    engine = Engine()

    async def go() -> None:
        flight = Flight(lambda: 4, engine)
        call = asyncio.ensure_future(flight.run(requests(1000), keep))
        await asyncio.sleep(0.003)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert flight.in_flight == 0
        started = len(engine.started)
        await asyncio.sleep(0.01)
        assert len(engine.started) == started < 1000
        await flight.run(requests(3), keep)

    asyncio.run(go())
