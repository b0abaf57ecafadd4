from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.protocols import QuotaDeficit
from textsynth.core.records import GenerationRequest, Provenance, Record, Sampling
from textsynth.generate.round_robin import RoundRobin, requests_from

RECORDS = [Record(f"text {n}", Provenance("seeds", index=n)) for n in range(7)]


def ask(record: Record, way: str) -> GenerationRequest:
    return GenerationRequest("item", "generator", None, Sampling(), (way,), parent_ids=(record.id,))


@given(st.integers(1, 7), st.integers(1, 4))
def test_every_pair_comes_once_before_any_comes_again(records: int, ways: int) -> None:
    walk = RoundRobin(RECORDS[:records], range(ways))
    pairs = []
    while not walk.exhausted:
        pairs.append(walk.next())
    assert len(pairs) == len({(record.id, way) for record, way in pairs}) == records * ways
    assert [record for record, _ in pairs[:records]] == RECORDS[:records]
    assert ways == 1 or all(one != other for (_, one), (_, other) in pairwise(pairs[:records]))
    assert [walk.next() for _ in pairs] == pairs


def test_asks_are_those_that_the_shortfalls_want_as_far_as_there_is_room() -> None:
    walk = RoundRobin(RECORDS[:2], "ab")
    short = [QuotaDeficit({}, 3), QuotaDeficit({}, 2)]
    assert len(requests_from(lambda _: walk, ask, short, texts=2, room=9)) == 3
    assert len(requests_from(lambda _: walk, ask, short, texts=1, room=4)) == 4
    assert requests_from(lambda _: RoundRobin((), "ab"), ask, short, texts=1, room=4) == []


def test_one_way_through_ends_with_it() -> None:
    walk = RoundRobin(RECORDS[:3], "ab")
    assert len(requests_from(lambda _: walk, ask, [QuotaDeficit({}, 10**9, single_pass=True)], texts=1, room=100)) == 6
    assert requests_from(lambda _: walk, ask, [QuotaDeficit({}, 10**9, single_pass=True)], texts=1, room=100) == []
