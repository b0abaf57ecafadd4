from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.benches import Embed, batch, record, rule
from textsynth.filter.semantic_duplicate import SemanticDuplicate
from textsynth.similarity.vectors import Vectors


def angles(texts: list[str]) -> Vectors:
    """Embed a text that is a number of degrees as the direction it names."""
    turned = np.radians([float(text) for text in texts])
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def test_the_same_question_in_other_words_is_a_duplicate(embed: Embed) -> None:
    first, same, other = batch(
        "Why hasn't my top-up gone through?", "Why has my top up not gone through yet?", "Where is my new card?"
    )
    kept, dropped = rule(SemanticDuplicate().start(context(embed=embed)), [first, same, other])
    assert kept == [first, other]
    assert [(drop.record, drop.duplicate_of, drop.limit) for drop in dropped] == [(same, first.id, 0.95)]
    assert dropped[0].score is not None
    assert 0.95 <= dropped[0].score < 1


def test_a_settled_twin_is_told_before_one_of_the_batch() -> None:
    judge = SemanticDuplicate().start(context(embed=angles))  # type: ignore[arg-type]
    settled, one, other = batch("0", "3", "4")
    judge.commit([settled])
    assert [verdict and verdict.duplicate_of for verdict in judge.evaluate_batch([one, other])] == [
        settled.id,
        settled.id,
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 90)), st.lists(st.integers(0, 90)))
def test_no_two_near_ones_stay_and_none_is_lost(before: list[int], now: list[int]) -> None:
    judge = SemanticDuplicate(similarity=0.95).start(context(embed=angles))  # type: ignore[arg-type]
    earlier, _ = rule(judge, batch(*map(str, before)))
    window = [record(str(angle), index=100 + place) for place, angle in enumerate(now)]
    assert judge.evaluate_batch(window) == judge.evaluate_batch(window)
    kept, dropped = rule(judge, window)
    stay = {one.id: int(one.text) for one in (*earlier, *kept)}
    apart = sorted(stay.values())
    assert all(np.cos(np.radians(b - a)) < 0.9501 for a, b in pairwise(apart))
    for drop in dropped:
        assert drop.duplicate_of is not None
        assert np.cos(np.radians(stay[drop.duplicate_of] - int(drop.record.text))) > 0.9499
