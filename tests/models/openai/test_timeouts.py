from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from textsynth.models.openai.timeouts import RequestTimeouts


def test_a_request_that_hangs_while_later_ones_are_answered_ends_after_its_time() -> None:
    waits = RequestTimeouts(10.0)
    hangs = waits.start(0.0)
    for now in (1.0, 2.0, 3.0):
        waits.record_response(waits.start(now), now + 0.5)
    assert list(waits.overdue(11.4)) == []
    assert list(waits.overdue(11.5)) == [hangs]


def test_time_in_the_queue_does_not_count_while_the_server_gets_on() -> None:
    waits = RequestTimeouts(10.0)
    early = [waits.start(0.0) for _ in range(20)]
    last = waits.start(0.0)
    for number, wait in enumerate(early):
        waits.record_response(wait, 5.0 * number)
        assert list(waits.overdue(5.0 * number + 4.9)) == []
    assert list(waits.overdue(95.0 + 9.9)) == []
    assert list(waits.overdue(95.0 + 10.0)) == [last]


def test_a_server_that_says_nothing_is_overdue_for_all() -> None:
    waits = RequestTimeouts(10.0)
    sent = [waits.start(float(at)) for at in range(5)]
    assert list(waits.overdue(12.0)) == sent[:3]
    assert waits.silent(12.0)


def test_what_has_ended_is_not_overdue() -> None:
    waits = RequestTimeouts(1.0)
    one, other = waits.start(0.0), waits.start(0.0)
    waits.finish(one)
    waits.record_response(other, 0.5)
    assert list(waits.overdue(99.0)) == []
    assert not waits.silent(1.0)


def test_the_task_that_waits_is_cancelled_once() -> None:
    async def go() -> None:
        waits = RequestTimeouts(1.0)
        task = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.sleep(0)
        wait = waits.start(0.0, task)
        waits.cancel_overdue(5.0)
        waits.cancel_overdue(6.0)
        assert wait.overdue
        assert task.cancelling() == 1
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60))
def test_no_request_waits_longer_than_its_time_after_the_last_answer(steps: list[tuple[int, bool]]) -> None:
    waits, now, last = RequestTimeouts(5.0), 0.0, 0.0
    open_ones = []
    for number, answers in steps:
        now += 0.1
        if answers and open_ones:
            waits.record_response(open_ones.pop(number % len(open_ones)), now)
        else:
            open_ones.append(waits.start(now))
        last = now
    assert set(waits.overdue(last + 5.0)) == set(open_ones)
