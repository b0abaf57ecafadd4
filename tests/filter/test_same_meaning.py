from __future__ import annotations

import random
import re

import pytest

from tests.contexts import context
from tests.filter.benches import Embed, judged, real_data, record, rows
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
        ("My card came and it was 20 euros", "has a negation more or less than the original"),
        ("It has not come: and I paid 20 euros for the card", "is the original again, not a paraphrase"),
        ("20 not", "is much longer or shorter than the original"),
    ],
)
def test_what_embeddings_cannot_see_is_looked_at_without_them(text: str, reason: str) -> None:
    verdict = judged(SameMeaning(), pair(text))
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
def test_a_negation_told_in_another_way_goes_to_a_person(text: str, source: str) -> None:
    for one, other in ((text, source), (source, text)):
        verdict = judged(SameMeaning(), pair(one, other))
        assert verdict is not None
        assert verdict.needs_review


def test_what_happens_to_a_negation_is_the_recipes(embed: Embed) -> None:
    one = pair("My card has come today", "Today my card has not come here")
    dropped, reviewed, kept = (
        judged(SameMeaning(negation=way), one, context(embed=embed)) for way in ("drop", "review", "keep")
    )
    assert dropped is not None
    assert reviewed is not None
    assert (dropped.needs_review, reviewed.needs_review) == (False, True)
    assert kept is not None
    assert kept.keeps


def test_a_paraphrase_keeps_its_cosine_and_another_text_is_dropped(embed: Embed) -> None:
    at = context(embed=embed)
    good = judged(SameMeaning(), pair("The card I ordered for 20 euros never arrived"), at)
    assert good is not None
    assert good.keeps
    assert good.score is not None
    assert good.score > 0.75
    assert good.limit is None
    bad = judged(SameMeaning(), pair("20 of our dogs could not be found in the park"), at)
    assert bad == Verdict("means something else than the original", bad.score if bad else None, 0.75)


def test_a_text_that_rewrites_nothing_is_kept() -> None:
    assert judged(SameMeaning(), record("any text")) is None


@real_data
def test_a_changed_digit_is_always_found() -> None:
    draw = random.Random("digits")
    texts = [row["text1"] for row in rows("stsb/train.csv") if re.search(r"\d", row["text1"])]
    edited = []
    for text in draw.sample(texts, 200):
        at = draw.choice([place for place, char in enumerate(text) if char.isdigit()])
        other = draw.choice([digit for digit in "123456789" if digit != text[at]])
        edited.append(pair(text[:at] + other + text[at + 1 :], text))
    verdicts = SameMeaning(copy_similarity=1.0).start(context()).evaluate_batch(edited)
    assert sum(verdict is not None and verdict.reason is not None for verdict in verdicts) >= 196


@pytest.mark.slow
@real_data
def test_pairs_that_people_call_equivalent_are_kept(embed: Embed) -> None:
    """Embeds 400 sentences."""
    same = [row for row in rows("stsb/dev.csv") if float(row["score"]) >= 4.5 and row["text1"] != row["text2"]][:200]
    judge = SameMeaning(copy_similarity=1.0).start(context(embed=embed))
    verdicts = judge.evaluate_batch([pair(row["text2"], row["text1"]) for row in same])
    assert sum(verdict is None or verdict.keeps for verdict in verdicts) >= 0.85 * len(same)
