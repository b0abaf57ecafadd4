"""The limit on requests in flight over all calls, and the queue of those that wait."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.model_calls import request, requests
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.openai.concurrency import ConcurrencyLimiter, RequestGroup, RequestQueue


class Engine:
    """Answers after a few iterations of the loop, and notes what was in flight."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.group_sizes: list[int] = []
        self.in_flight = self.max_in_flight = 0

    async def __call__(self, group: RequestGroup) -> list[Completion]:
        count = len(group.requests)
        self.group_sizes.append(count)
        self.started += [each.key for each in group.requests]
        self.in_flight += count
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await asyncio.sleep(0.001)
        self.in_flight -= count
        return [Completion(each.key) for each in group.requests]


async def ignore(_: ModelRequest, __: Completion) -> None:
    await asyncio.sleep(0)


def test_the_limit_holds_over_all_calls_and_an_earlier_call_goes_first() -> None:
    engine, first, second = Engine(), requests(40)[:20], requests(40)[20:]

    async def go() -> None:
        limiter = ConcurrencyLimiter(lambda: 5, engine)
        await asyncio.gather(limiter.run(first, ignore), limiter.run(second, ignore))
        assert limiter.in_flight == 0

    asyncio.run(go())
    assert engine.max_in_flight == 5
    assert engine.started == [each.key for each in (*first, *second)]


def test_a_request_counts_until_its_callback_has_returned() -> None:
    engine, in_callback = Engine(), 0

    async def slow(_: ModelRequest, __: Completion) -> None:
        nonlocal in_callback
        in_callback += 1
        assert in_callback + engine.in_flight <= 3
        await asyncio.sleep(0.002)
        in_callback -= 1

    asyncio.run(ConcurrencyLimiter(lambda: 3, engine).run(requests(20), slow))
    assert len(engine.started) == 20


def test_a_call_without_requests_returns_at_once() -> None:
    asyncio.run(ConcurrencyLimiter(lambda: 1, Engine()).run([], ignore))


def test_an_error_in_a_callback_ends_its_call_and_no_other() -> None:
    engine, answered = Engine(), []

    async def fail(_: ModelRequest, __: Completion) -> None:
        raise OSError("disk full")

    async def note(answered_request: ModelRequest, _: Completion) -> None:
        answered.append(answered_request.key)

    async def go() -> None:
        limiter = ConcurrencyLimiter(lambda: 4, engine)
        second_call = asyncio.ensure_future(limiter.run(requests(30)[10:], note))
        with pytest.raises(OSError, match="disk full"):
            await limiter.run(requests(10), fail)
        await second_call
        assert limiter.in_flight == 0

    asyncio.run(go())
    assert len(answered) == 20


async def start_and_cancel(limiter: ConcurrencyLimiter) -> None:
    """Start a call, cancel it soon after, and check that none of its requests is in flight."""
    call = asyncio.ensure_future(limiter.run(requests(1000), ignore))
    await asyncio.sleep(0.003)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert limiter.in_flight == 0


def test_a_cancelled_call_leaves_nothing_behind() -> None:
    engine = Engine()

    async def go() -> None:
        limiter = ConcurrencyLimiter(lambda: 4, engine)
        await start_and_cancel(limiter)
        started = len(engine.started)
        await asyncio.sleep(0.01)
        assert len(engine.started) == started < 1000
        await limiter.run(requests(3), ignore)

    asyncio.run(go())


def test_requests_with_one_group_key_are_sent_together_within_the_limit() -> None:
    engine = Engine()

    async def go() -> None:
        limiter = ConcurrencyLimiter(
            lambda: 6, engine, group_key=lambda each: each.key[0] in "01234567", max_group_size=lambda _: 4
        )
        await limiter.run(requests(40), ignore)
        assert limiter.in_flight == 0

    asyncio.run(go())
    assert engine.max_in_flight <= 6
    assert engine.group_sizes[0] == 4
    assert max(engine.group_sizes[2:]) == 4, "requests that end together make free_tokens for a group together"
    assert sorted(engine.started) == sorted(each.key for each in requests(40))


def test_requeued_requests_are_not_in_flight_and_go_before_all_others() -> None:
    all_requests = requests(12)
    started: list[str] = []
    groups: list[list[str]] = []

    async def answer(group: RequestGroup) -> list[Completion]:
        if len(group.requests) > 2:
            groups.append([each.key for each in group.requests])
            limiter.requeue(group, group.requests[2:])
            assert limiter.in_flight <= 4
        started.extend(each.key for each in group.requests)
        await asyncio.sleep(0)
        return [Completion(each.key) for each in group.requests]

    answered: list[str] = []

    async def note(answered_request: ModelRequest, completion: Completion) -> None:
        assert completion.text == answered_request.key
        answered.append(answered_request.key)

    limiter = ConcurrencyLimiter(lambda: 4, answer, group_key=lambda _: "same", max_group_size=lambda _: 4)
    asyncio.run(limiter.run(all_requests, note))
    assert groups
    assert started == [each.key for each in all_requests]
    assert sorted(answered) == sorted(started)
    assert limiter.in_flight == 0


def test_a_call_with_groups_is_cancelled_completely() -> None:
    async def go() -> None:
        limiter = ConcurrencyLimiter(lambda: 8, Engine(), group_key=lambda _: "same", max_group_size=lambda _: 4)
        await start_and_cancel(limiter)
        assert not limiter.has_backlog

    asyncio.run(go())


def first_letter(queued: ModelRequest) -> str | None:
    """Return the group key: the first letter of the text, None for x."""
    letter = queued.prompt.messages[0].content[0]
    return None if letter == "x" else letter


def queue_of(*contents: str) -> RequestQueue[str]:
    queue: RequestQueue[str] = RequestQueue(first_letter)
    queue.add("call", [request(text) for text in contents])
    return queue


def texts(queued: list[ModelRequest]) -> list[str]:
    return [each.prompt.messages[0].content for each in queued]


def test_requests_of_a_group_are_taken_together_and_the_others_keep_their_order() -> None:
    queue = queue_of("a1", "b1", "a2", "x1", "x2", "a3", "b2")
    taken = [texts(queue.take(lambda _: 2)[1]) for _ in range(5)]
    assert taken == [["a1", "a2"], ["b1", "b2"], ["x1"], ["x2"], ["a3"]]
    assert not queue


def test_requeued_requests_come_first_and_are_in_their_group_again() -> None:
    queue = queue_of("a1", "a2", "a3", "b1")
    caller, taken = queue.take(lambda _: 2)
    queue.requeue(caller, taken)
    assert texts(queue.take(lambda _: 9)[1]) == ["a1", "a2", "a3"]


def test_a_group_has_requests_of_one_caller_and_a_caller_can_be_dropped() -> None:
    queue = queue_of("a1", "a2")
    queue.add("second", [request("a3"), request("a4")])
    queue.requeue("second", [request("a5")])
    assert (queue.take(lambda _: 2)[0], len(queue)) == ("second", 3)
    queue.drop("call")
    assert texts(queue.take(lambda _: 9)[1]) == ["a4"]


def test_the_size_of_a_group_is_computed_only_where_the_group_has_further_requests() -> None:
    computed: list[ModelRequest] = []
    queue = queue_of("a1", "b1", "x1", "x2")
    while queue:
        queue.take(lambda first: computed.append(first) or 1)  # type: ignore[func-returns-value]
    assert not computed


@given(st.lists(st.sampled_from("abcx"), max_size=30), st.lists(st.tuples(st.integers(1, 5), st.booleans())))
def test_each_request_is_taken_once_whatever_is_requeued(letters: list[str], steps: list[tuple[int, bool]]) -> None:
    contents = [f"{letter}{index}" for index, letter in enumerate(letters)]
    queue, answered = queue_of(*contents), list[str]()
    for max_size, requeues in [*steps, *[(3, False)] * len(contents)]:
        if not queue:
            break
        caller, taken = queue.take(lambda _, max_size=max_size: max_size)  # type: ignore[misc]
        assert len(taken) <= max_size
        assert len({first_letter(each) for each in taken}) == 1
        sent = taken[:1] if requeues else taken
        queue.requeue(caller, taken[len(sent) :])
        answered += texts(sent)
    assert sorted(answered) == sorted(contents)
    for letter in "abc":
        assert [text for text in answered if text[0] == letter] == [text for text in contents if text[0] == letter]
