from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.benches import batch, record, rule
from textsynth.core.records import Verdict
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.text.normalize import jaccard, word_set

TEXTS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5).map(" ".join), max_size=10)
LONG = "could you please tell me where the new card is that I ordered from your bank two weeks ago"


def test_a_text_with_one_word_changed_is_a_near_duplicate() -> None:
    first, near, far = batch(LONG, LONG.replace("bank", "shop"), "I would like to close my account")
    verdicts = NearDuplicate().start(context()).evaluate_batch([first, near, far])
    assert verdicts == [None, Verdict("shares most of its words with an accepted text", 0.9, 0.7, first.id), None]


def test_the_nearest_one_is_the_twin_and_a_settled_one_before_one_of_the_batch() -> None:
    judge = NearDuplicate().start(context())
    one, other, new = batch(LONG.replace("bank", "shop"), LONG.replace("weeks", "days"), LONG)
    judge.commit([one, other])
    again = record(LONG, index=9)
    first, second = judge.evaluate_batch([new, again])
    assert first == second
    assert first is not None
    assert first.duplicate_of == one.id
    judge.commit([new])
    assert judge.evaluate_batch([again]) == [
        Verdict("shares most of its words with an accepted text", 1.0, 0.7, new.id)
    ]


def test_the_limit_is_the_recipes() -> None:
    one, other = batch("my new card is lost", "my old card is lost")
    assert NearDuplicate(similarity=0.7).start(context()).evaluate_batch([one, other])[1] is None
    assert NearDuplicate(similarity=0.6).start(context()).evaluate_batch([one, other])[1] is not None


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_among_short_texts_no_two_near_ones_stay_and_none_is_lost(before: list[str], texts: list[str]) -> None:
    judge = NearDuplicate().start(context())
    earlier, _ = rule(judge, batch(*before))
    window = [record(text, index=100 + place) for place, text in enumerate(texts)]
    assert judge.evaluate_batch(window) == judge.evaluate_batch(window)
    kept, dropped = rule(judge, window)
    stay = {one.id: word_set(one.text) for one in (*earlier, *kept)}
    sets = list(stay.values())
    assert all(jaccard(one, other) < 0.7 for place, one in enumerate(sets) for other in sets[:place])
    for drop in dropped:
        assert drop.duplicate_of is not None
        assert drop.score == round(jaccard(word_set(drop.record.text), stay[drop.duplicate_of]), 4)
        assert drop.score >= 0.7
