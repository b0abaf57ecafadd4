from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.protocols import Shortfall
from textsynth.core.records import Ask, Origin, Record, Sampling
from textsynth.generate.round_robin import Walk, asks_along

RECORDS = [Record(f"text {n}", Origin("seeds", draw=n)) for n in range(7)]


def ask(record: Record, way: str) -> Ask:
    return Ask("item", "generator", None, Sampling(), (way,), parents=(record.id,))


@given(st.integers(1, 7), st.integers(1, 4))
def test_every_pair_comes_once_before_any_comes_again(records: int, ways: int) -> None:
    walk = Walk(RECORDS[:records], range(ways))
    pairs = []
    while not walk.through:
        pairs.append(walk.next())
    assert len(pairs) == len({(record.id, way) for record, way in pairs}) == records * ways
    assert [record for record, _ in pairs[:records]] == RECORDS[:records]
    assert ways == 1 or all(one != other for (_, one), (_, other) in pairwise(pairs[:records]))
    assert [walk.next() for _ in pairs] == pairs


def test_asks_are_those_that_the_shortfalls_want_as_far_as_there_is_room() -> None:
    walk = Walk(RECORDS[:2], "ab")
    short = [Shortfall({}, 3), Shortfall({}, 2)]
    assert len(asks_along(lambda _: walk, ask, short, texts=2, room=9)) == 3
    assert len(asks_along(lambda _: walk, ask, short, texts=1, room=4)) == 4
    assert asks_along(lambda _: Walk((), "ab"), ask, short, texts=1, room=4) == []


def test_one_way_through_ends_with_it() -> None:
    walk = Walk(RECORDS[:3], "ab")
    assert len(asks_along(lambda _: walk, ask, [Shortfall({}, 10**9, once=True)], texts=1, room=100)) == 6
    assert asks_along(lambda _: walk, ask, [Shortfall({}, 10**9, once=True)], texts=1, room=100) == []
