from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from textsynth.core.records import GenerationRequest, Provenance, Record, Sampling
from textsynth.core.sessions import QuotaDeficit
from textsynth.generate.round_robin import RoundRobin, plan_round_robin

RECORDS = [Record(f"text {n}", Provenance("seeds", index=n)) for n in range(7)]


def make_request(record: Record, variant: str) -> GenerationRequest:
    return GenerationRequest("rewrite", "generator", None, Sampling(), (variant,), parent_ids=(record.id,))


def planned(
    pairs: RoundRobin[str], *deficits: QuotaDeficit, texts_per_request: int = 1, max_requests: int = 100
) -> list[GenerationRequest]:
    return plan_round_robin(
        lambda _: pairs, make_request, deficits, texts_per_request=texts_per_request, max_requests=max_requests
    )


@given(st.integers(1, 7), st.integers(1, 4))
def test_every_pair_comes_once_before_any_comes_again(records: int, variants: int) -> None:
    series = RoundRobin(RECORDS[:records], range(variants))
    pairs = []
    while not series.exhausted:
        pairs.append(series.next())
    assert len(pairs) == len({(record.id, variant) for record, variant in pairs}) == records * variants
    assert [record for record, _ in pairs[:records]] == RECORDS[:records]
    assert variants == 1 or all(first != second for (_, first), (_, second) in pairwise(pairs[:records]))
    assert [series.next() for _ in pairs] == pairs


def test_requests_cover_the_deficits_up_to_the_limit() -> None:
    pairs = RoundRobin(RECORDS[:2], "ab")
    deficits = [QuotaDeficit({}, 3), QuotaDeficit({}, 2)]
    assert len(planned(pairs, *deficits, texts_per_request=2, max_requests=9)) == 3
    assert len(planned(pairs, *deficits, max_requests=4)) == 4
    assert planned(RoundRobin((), "ab"), *deficits, max_requests=4) == []


def test_a_single_pass_ends_after_every_pair() -> None:
    pairs = RoundRobin(RECORDS[:3], "ab")
    everything = QuotaDeficit({}, 10**9, single_pass=True)
    assert len(planned(pairs, everything)) == 6
    assert planned(pairs, everything) == []
