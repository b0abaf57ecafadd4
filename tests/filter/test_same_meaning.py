from __future__ import annotations

import random
import re

import pytest

from tests.contexts import context
from tests.filter.filtering import Embed, read_rows, real_data, record, verdict_on
from textsynth.core.records import Record, Verdict
from textsynth.filter.same_meaning import SameMeaning

SOURCE = "I paid 20 euros for the card and it has not come"


def pair(text: str, source: str = SOURCE) -> Record:
    return record(text, source_text=source)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I paid 25 euros for a card and the card never came", "has other numbers than the original"),
        ("I paid for a card and the card never came", "has other numbers than the original"),
        ("My card came and it was 20 euros", "differs from the original in a negation"),
        ("It has not come: and I paid 20 euros for the card", "repeats the original"),
        ("20 not", "is much longer or shorter than the original"),
    ],
)
def test_texts_that_fail_a_lexical_check_are_not_embedded(text: str, reason: str) -> None:
    verdict = verdict_on(SameMeaning(), pair(text))
    assert verdict is not None
    assert (verdict.reason, verdict.needs_review) == (reason, False)


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("The food there was fine", "The food there was not bad"),
        ("I am still waiting for the card I ordered", "The card I ordered has not arrived"),
        ("The payment failed for me today", "Today the payment did not go through"),
    ],
)
def test_a_negation_in_another_form_goes_to_review(text: str, source: str) -> None:
    for paraphrase, original in ((text, source), (source, text)):
        verdict = verdict_on(SameMeaning(), pair(paraphrase, original))
        assert verdict is not None
        assert verdict.reason == "may differ from the original in a negation"
        assert verdict.needs_review


def test_the_option_decides_about_a_different_negation(embed: Embed) -> None:
    text = pair("My card has come today", "Today my card has not come here")
    dropped, reviewed, accepted = (
        verdict_on(SameMeaning(negation=option), text, context(embed=embed)) for option in ("drop", "review", "keep")
    )
    assert dropped is not None
    assert reviewed is not None
    assert (dropped.needs_review, reviewed.needs_review) == (False, True)
    assert accepted is not None
    assert accepted.keeps


def test_a_paraphrase_is_kept_with_its_cosine_and_another_text_is_dropped(embed: Embed) -> None:
    run = context(embed=embed)
    good = verdict_on(SameMeaning(), pair("The card I ordered for 20 euros never arrived"), run)
    assert good is not None
    assert good.keeps
    assert good.score is not None
    assert good.score > 0.75
    assert good.limit is None
    bad = verdict_on(SameMeaning(), pair("20 of our dogs could not be found in the park"), run)
    assert bad == Verdict("has another meaning than the original", bad.score if bad else None, 0.75)


def test_a_text_without_an_original_is_kept() -> None:
    assert verdict_on(SameMeaning(), record("any text")) is None


@real_data
def test_almost_every_changed_digit_is_found() -> None:
    generator = random.Random("digits")
    texts = [row["text1"] for row in read_rows("stsb/train.csv") if re.search(r"\d", row["text1"])]
    edited = []
    for text in generator.sample(texts, 200):
        position = generator.choice([index for index, char in enumerate(text) if char.isdigit()])
        digit = generator.choice([digit for digit in "123456789" if digit != text[position]])
        edited.append(pair(text[:position] + digit + text[position + 1 :], text))
    verdicts = SameMeaning(copy_similarity=1.0).start(context()).evaluate_batch(edited)
    assert sum(verdict is not None and verdict.reason is not None for verdict in verdicts) >= 196


@pytest.mark.slow
@real_data
def test_pairs_that_people_call_equivalent_are_kept(embed: Embed) -> None:
    """Embeds 400 sentences."""
    same = [row for row in read_rows("stsb/dev.csv") if float(row["score"]) >= 4.5 and row["text1"] != row["text2"]][
        :200
    ]
    session = SameMeaning(copy_similarity=1.0).start(context(embed=embed))
    verdicts = session.evaluate_batch([pair(row["text2"], row["text1"]) for row in same])
    assert sum(verdict is None or verdict.keeps for verdict in verdicts) >= 0.85 * len(same)
