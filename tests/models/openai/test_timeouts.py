"""Timeouts of attempts, in which the time in the server's queue does not count."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from textsynth.models.openai.timeouts import RequestTimeouts


def test_a_request_that_hangs_while_later_ones_are_answered_is_overdue_after_its_time() -> None:
    timeouts = RequestTimeouts(10.0)
    hanging = timeouts.start(0.0)
    for now in (1.0, 2.0, 3.0):
        timeouts.record_response(timeouts.start(now), now + 0.5)
    assert list(timeouts.overdue(11.4)) == []
    assert list(timeouts.overdue(11.5)) == [hanging]


def test_time_in_the_queue_does_not_count_while_the_server_makes_progress() -> None:
    timeouts = RequestTimeouts(10.0)
    earlier = [timeouts.start(0.0) for _ in range(20)]
    last = timeouts.start(0.0)
    for number, pending in enumerate(earlier):
        timeouts.record_response(pending, 5.0 * number)
        assert list(timeouts.overdue(5.0 * number + 4.9)) == []
    assert list(timeouts.overdue(95.0 + 9.9)) == []
    assert list(timeouts.overdue(95.0 + 10.0)) == [last]


def test_all_requests_to_a_silent_server_are_overdue_after_their_time() -> None:
    timeouts = RequestTimeouts(10.0)
    sent = [timeouts.start(float(second)) for second in range(5)]
    assert list(timeouts.overdue(12.0)) == sent[:3]
    assert timeouts.is_silent(12.0)


def test_an_attempt_that_has_ended_is_not_overdue() -> None:
    timeouts = RequestTimeouts(1.0)
    failed, answered = timeouts.start(0.0), timeouts.start(0.0)
    timeouts.finish(failed)
    timeouts.record_response(answered, 0.5)
    assert list(timeouts.overdue(99.0)) == []
    assert not timeouts.is_silent(1.0)


def test_the_task_of_an_overdue_attempt_is_cancelled_once() -> None:
    async def go() -> None:
        timeouts = RequestTimeouts(1.0)
        task = asyncio.ensure_future(asyncio.sleep(60))
        await asyncio.sleep(0)
        pending = timeouts.start(0.0, task)
        timeouts.cancel_overdue(5.0)
        timeouts.cancel_overdue(6.0)
        assert pending.overdue
        assert task.cancelling() == 1
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=60))
def test_every_attempt_is_overdue_its_time_after_the_last_response(steps: list[tuple[int, bool]]) -> None:
    timeouts, now, last = RequestTimeouts(5.0), 0.0, 0.0
    pending = []
    for number, is_response in steps:
        now += 0.1
        if is_response and pending:
            timeouts.record_response(pending.pop(number % len(pending)), now)
        else:
            pending.append(timeouts.start(now))
        last = now
    assert set(timeouts.overdue(last + 5.0)) == set(pending)
