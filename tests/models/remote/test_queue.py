from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.models.asked import request
from textsynth.core.records import Request
from textsynth.models.remote.queue import Queue


def kind_of(one: Request) -> str | None:
    """Texts that begin with x go alone."""
    first = one.prompt.messages[0].content[0]
    return None if first == "x" else first


def queue(*texts: str) -> Queue[str]:
    found: Queue[str] = Queue(kind_of)
    found.add("call", [request(text) for text in texts])
    return found


def texts(requests: list[Request]) -> list[str]:
    return [one.prompt.messages[0].content for one in requests]


def test_alike_ones_come_together_and_the_others_keep_their_order() -> None:
    waiting = queue("a1", "b1", "a2", "x1", "x2", "a3", "b2")
    taken = [texts(waiting.take(lambda _: 2)[1]) for _ in range(5)]
    assert taken == [["a1", "a2"], ["b1", "b2"], ["x1"], ["x2"], ["a3"]]
    assert not waiting


def test_what_is_put_back_comes_first_and_is_found_again() -> None:
    waiting = queue("a1", "a2", "a3", "b1")
    caller, taken = waiting.take(lambda _: 2)
    waiting.put_back(caller, taken)
    assert texts(waiting.take(lambda _: 9)[1]) == ["a1", "a2", "a3"]


def test_callers_are_kept_apart_and_one_can_be_dropped() -> None:
    waiting = queue("a1", "a2")
    waiting.add("other", [request("a3"), request("a4")])
    waiting.put_back("other", [request("a5")])
    assert (waiting.take(lambda _: 2)[0], len(waiting)) == ("other", 3)
    waiting.drop("call")
    assert texts(waiting.take(lambda _: 9)[1]) == ["a4"]


def test_nobody_is_asked_how_many_where_there_is_one() -> None:
    asked: list[Request] = []
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
        waiting.put_back(caller, taken[len(kept) :])
        seen += texts(kept)
    assert sorted(seen) == sorted(asked)
    for letter in "abc":
        assert [one for one in seen if one[0] == letter] == [one for one in asked if one[0] == letter]
