from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contexts import context
from tests.filter.filtering import batch, filter_window, read_rows, real_data, record, verdict_on
from textsynth.filter.copies_source import CopiesSource
from textsynth.filter.exact_duplicate import ExactDuplicate, ExactDuplicateSession
from textsynth.filter.leak import Leak
from textsynth.filter.near_duplicate import NearDuplicate
from textsynth.text.normalize import normal_form

TEXTS = st.lists(
    st.sampled_from(["My card", "my card!", "MY  CARD", "a card", "A card.", "", "?", "我的卡"]), max_size=12
)


def test_a_text_with_the_same_normal_form_is_a_duplicate_whatever_its_label() -> None:
    first, copy, other = record("Where's it?", "a"), record("wheres IT", "b"), record("where is it", "a")
    accepted, dropped = filter_window(ExactDuplicate().start(context()), [first, copy, other])
    assert accepted == [first, other]
    assert [(drop.record, drop.duplicate_of, drop.reason) for drop in dropped] == [
        (copy, first.id, "the same text was accepted before")
    ]


def test_an_accepted_duplicate_takes_precedence_over_one_of_the_batch() -> None:
    session = ExactDuplicate().start(context())
    accepted, *candidates = batch("a card", "A card!", "a card?")
    session.commit([accepted])
    assert [verdict.duplicate_of if verdict else None for verdict in session.evaluate_batch(candidates)] == [
        accepted.id,
        accepted.id,
    ]


def test_a_duplicate_of_a_dropped_text_is_kept() -> None:
    session = ExactDuplicate().start(context())
    first, second, third = batch("a card", "A card!", "a card?")
    assert [verdict and verdict.duplicate_of for verdict in session.evaluate_batch([first, second, third])] == [
        None,
        first.id,
        first.id,
    ]
    assert [verdict and verdict.duplicate_of for verdict in session.evaluate_batch([second, third])] == [
        None,
        second.id,
    ]


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_the_first_text_of_each_normal_form_is_kept(before: list[str], texts: list[str]) -> None:
    session = ExactDuplicate().start(context())
    earlier, _ = filter_window(session, batch(*before))
    window = [record(text, index=100 + number) for number, text in enumerate(texts)]
    assert session.evaluate_batch(window) == session.evaluate_batch(window)
    accepted, dropped = filter_window(session, window)
    forms = [normal_form(text.text) for text in (*earlier, *accepted)]
    assert len(set(forms)) == len(forms) == len({normal_form(text) for text in (*before, *texts)})
    by_id = {text.id: text for text in (*earlier, *accepted)}
    for drop in dropped:
        assert drop.duplicate_of is not None
        assert normal_form(by_id[drop.duplicate_of].text) == normal_form(drop.record.text)


@real_data
def test_the_duplicates_of_a_real_data_set_are_dropped() -> None:
    texts = [row["text"] for row in read_rows("parrot_crowdflower/generated_llama2_70b.csv")]
    accepted, dropped = filter_window(ExactDuplicate().start(context()), batch(*texts))
    distinct = len({" ".join(text.lower().split()) for text in texts})
    assert distinct == 2591  # the count in its README, which ignores only case and white space
    assert 0.98 * distinct < len(accepted) <= distinct
    assert len(accepted) + len(dropped) == len(texts)


def test_html_entities_count_as_their_characters() -> None:
    escaped, plain = (
        record("I&#39;m waiting for my parcel &amp; the bill"),
        record("I'm waiting for my parcel & the bill"),
    )
    for step in (ExactDuplicate(), NearDuplicate()):
        accepted, dropped = filter_window(step.start(context()), [escaped, plain])
        assert (accepted, [drop.record for drop in dropped]) == ([escaped], [plain])
    run = dataclasses.replace(context(), sources={"seeds": [escaped], "test": [escaped]})
    assert verdict_on(CopiesSource(), plain, run) is not None
    assert verdict_on(Leak(semantic=1), plain, run) is not None


@settings(deadline=None)
@given(st.lists(TEXTS, max_size=6), st.integers(0, 3))
def test_texts_that_are_known_by_their_hash_alone_give_the_same_verdicts(
    windows: list[list[str]], max_recent: int
) -> None:
    plain, packed = ExactDuplicateSession(), ExactDuplicateSession(max_recent)
    index = 0
    for texts in windows:
        window = [record(text, index=index + number) for number, text in enumerate(texts)]
        index += len(texts)
        verdicts = plain.evaluate_batch(window)
        assert packed.evaluate_batch(window) == verdicts
        for session in (plain, packed):
            session.commit([each for each, verdict in zip(window, verdicts, strict=True) if verdict is None])


def test_committing_an_equal_text_again_keeps_the_first_as_the_original() -> None:
    first, second, third = batch("a card", "A card!", "a card?")
    session = ExactDuplicateSession(max_recent=0)
    session.commit([first])
    session.commit([second])
    (verdict,) = session.evaluate_batch([third])
    assert verdict is not None
    assert verdict.duplicate_of == first.id
