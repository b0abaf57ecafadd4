from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.filtering import batch, filter_window, record
from textsynth.core.records import Verdict
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.text.normalize import jaccard, word_set

TEXTS = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=5).map(" ".join), max_size=10)
LONG = "could you please tell me where the new card is that I ordered from your bank two weeks ago"


def test_a_text_with_one_word_changed_is_a_near_duplicate() -> None:
    first, near, far = batch(LONG, LONG.replace("bank", "shop"), "I would like to close my account")
    verdicts = NearDuplicate().start(context()).evaluate_batch([first, near, far])
    assert verdicts == [None, Verdict("shares most of its words with an accepted text", 0.9, 0.7, first.id), None]


def test_the_most_similar_text_is_named_and_an_accepted_one_takes_precedence() -> None:
    session = NearDuplicate().start(context())
    first, second, new = batch(LONG.replace("bank", "shop"), LONG.replace("weeks", "days"), LONG)
    session.commit([first, second])
    again = record(LONG, index=9)
    verdict, verdict_again = session.evaluate_batch([new, again])
    assert verdict == verdict_again
    assert verdict is not None
    assert verdict.duplicate_of == first.id
    session.commit([new])
    assert session.evaluate_batch([again]) == [
        Verdict("shares most of its words with an accepted text", 1.0, 0.7, new.id)
    ]


def test_the_limit_can_be_set() -> None:
    first, second = batch("my new card is lost", "my old card is lost")
    assert NearDuplicate(similarity=0.7).start(context()).evaluate_batch([first, second])[1] is None
    assert NearDuplicate(similarity=0.6).start(context()).evaluate_batch([first, second])[1] is not None


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_of_short_texts_no_two_similar_ones_are_kept_and_each_dropped_one_has_a_duplicate(
    before: list[str], texts: list[str]
) -> None:
    session = NearDuplicate().start(context())
    earlier, _ = filter_window(session, batch(*before))
    window = [record(text, index=100 + number) for number, text in enumerate(texts)]
    assert session.evaluate_batch(window) == session.evaluate_batch(window)
    accepted, dropped = filter_window(session, window)
    word_sets = {text.id: word_set(text.text) for text in (*earlier, *accepted)}
    assert all(jaccard(first, second) < 0.7 for first, second in combinations(word_sets.values(), 2))
    for drop in dropped:
        assert drop.duplicate_of is not None
        assert drop.score == round(jaccard(word_set(drop.record.text), word_sets[drop.duplicate_of]), 4)
        assert drop.score >= 0.7
