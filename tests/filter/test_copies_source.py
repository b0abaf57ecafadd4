from __future__ import annotations

import pytest

from tests.contexts import context
from tests.filter.filtering import record, verdict_on
from tests.growth import count_calls
from textsynth.core.records import Provenance, Record, Verdict
from textsynth.filter.copies_source import CopiesSource

SEEDS = [
    Record(text, Provenance("seeds", index=row), ("a",))
    for row, text in enumerate(
        ("Where is the new card that I ordered?", "where is the new card that I ordered", "My card is lost", "Lost", "")
    )
]
CONTEXT = context(sources={"seeds": SEEDS, "other": SEEDS[2:3]})


def test_an_exact_copy_names_the_first_row_it_copies() -> None:
    verdict = verdict_on(CopiesSource(), record("WHERE is the new card that i ordered?!"), CONTEXT)
    assert verdict == Verdict("copies a row of seeds", 1.0, 0.7, SEEDS[0].id)


def test_a_text_with_most_of_the_words_of_a_seed_is_a_copy() -> None:
    verdict = verdict_on(CopiesSource(), record("Where is the new card that you ordered?"), CONTEXT)
    assert verdict == Verdict("shares most of its words with a row of seeds", 0.7778, 0.7, SEEDS[0].id)
    assert verdict_on(CopiesSource(similarity=0.8), record("Where is the new card that you ordered?"), CONTEXT) is None


def test_a_text_that_contains_a_seed_is_a_copy_unless_the_seed_is_short() -> None:
    longer = (
        "Hello, good morning everyone, please tell me: where is the new card that I ordered? Thank you so much indeed"
    )
    verdict = verdict_on(CopiesSource(), record(longer), CONTEXT)
    assert verdict == Verdict("contains the whole text of a row of seeds", duplicate_of=SEEDS[0].id)
    assert (
        verdict_on(CopiesSource(), record("My card is lost and so is all of the money that was on it"), CONTEXT) is None
    )


@pytest.mark.parametrize("text", ["I cannot find my card", "Is my old card still good?", "lost it"])
def test_a_new_text_is_kept(text: str) -> None:
    assert verdict_on(CopiesSource(), record(text), CONTEXT) is None


def test_another_source_can_be_compared_and_an_empty_one_drops_nothing() -> None:
    step = CopiesSource(source="other")
    assert verdict_on(step, record("my card is lost!"), CONTEXT) == Verdict(
        "copies a row of other", 1.0, 0.7, SEEDS[2].id
    )
    assert verdict_on(step, record("my card is lost!"), context(sources={"other": []})) is None


@pytest.mark.parametrize("text", ["my card is lost!", "my card was lost", "so now my old card was lost again by me"])
def test_equal_rows_of_a_source_are_compared_once(text: str) -> None:
    def calls(copies: int) -> int:
        rows = [
            Record(row, Provenance("seeds", index=index), ("a",))
            for index, row in enumerate(["My card is lost", "my old card was lost again", "MY CARD IS LOST."] * copies)
        ]
        session = CopiesSource().start(context(sources={"seeds": rows}))
        return count_calls(lambda: session.evaluate_batch([record(text)]))

    calls(1)
    assert calls(300) == calls(2)
