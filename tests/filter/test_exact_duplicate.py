from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.benches import batch, real_data, record, rows, rule
from textsynth.filter.exact_duplicate import ExactDuplicate
from textsynth.text.normalize import normal_form

TEXTS = st.lists(
    st.sampled_from(["My card", "my card!", "MY  CARD", "a card", "A card.", "", "?", "我的卡"]), max_size=12
)


def test_the_same_text_with_other_typography_is_a_duplicate_whatever_its_label() -> None:
    first, copy, other = record("Where's it?", "a"), record("wheres IT", "b"), record("where is it", "a")
    kept, dropped = rule(ExactDuplicate().start(context()), [first, copy, other])
    assert kept == [first, other]
    assert [(drop.record, drop.duplicate_of, drop.reason) for drop in dropped] == [
        (copy, first.id, "the same text was accepted before")
    ]


def test_a_settled_twin_is_told_before_one_of_the_batch() -> None:
    judge = ExactDuplicate().start(context())
    settled, *more = batch("a card", "A card!", "a card?")
    judge.commit([settled])
    assert [verdict.duplicate_of if verdict else None for verdict in judge.evaluate_batch(more)] == [
        settled.id,
        settled.id,
    ]


def test_a_duplicate_of_a_dropped_text_is_kept() -> None:
    judge = ExactDuplicate().start(context())
    first, second, third = batch("a card", "A card!", "a card?")
    assert [verdict and verdict.duplicate_of for verdict in judge.evaluate_batch([first, second, third])] == [
        None,
        first.id,
        first.id,
    ]
    assert [verdict and verdict.duplicate_of for verdict in judge.evaluate_batch([second, third])] == [None, second.id]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_of_each_normal_form_the_first_stays(before: list[str], texts: list[str]) -> None:
    judge = ExactDuplicate().start(context())
    earlier, _ = rule(judge, batch(*before))
    window = [record(text, index=100 + place) for place, text in enumerate(texts)]
    assert judge.evaluate_batch(window) == judge.evaluate_batch(window)
    kept, dropped = rule(judge, window)
    forms = [normal_form(one.text) for one in (*earlier, *kept)]
    assert len(set(forms)) == len(forms) == len({normal_form(text) for text in (*before, *texts)})
    by_id = {one.id: one for one in (*earlier, *kept)}
    for drop in dropped:
        assert drop.duplicate_of is not None
        assert normal_form(by_id[drop.duplicate_of].text) == normal_form(drop.record.text)


@real_data
def test_a_set_full_of_duplicates_is_cleaned() -> None:
    texts = [row["text"] for row in rows("parrot_crowdflower/generated_llama2_70b.csv")]
    kept, dropped = rule(ExactDuplicate().start(context()), batch(*texts))
    distinct = len({" ".join(text.lower().split()) for text in texts})
    assert distinct == 2591  # the count of its README, which looks at case and space alone
    assert 0.98 * distinct < len(kept) <= distinct
    assert len(kept) + len(dropped) == len(texts)
