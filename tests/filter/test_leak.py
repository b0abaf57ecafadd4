from __future__ import annotations

import random

import pytest

from tests.contexts import context
from tests.filter.benches import Embed, judged, real_data, record, rows
from textsynth.core.records import Provenance, Record, Verdict
from textsynth.filter.leak import Leak


def given(*texts: str) -> list[Record]:
    return [Record(text, Provenance("test", index=row)) for row, text in enumerate(texts)]


TEST = given(
    "Why hasn't my top-up gone through yet?",
    "Where is the card that I ordered?",
    "My parcel is late",
)
WORDS_ALONE = Leak(semantic=1.0)


def test_an_exact_and_a_near_copy_are_told_with_their_row() -> None:
    at = context(sources={"test": TEST})
    exact = judged(WORDS_ALONE, record("WHERE is the card, that I ordered"), at)
    assert exact == Verdict("copies a row of test", 1.0, 0.7, TEST[1].id)
    near = judged(WORDS_ALONE, record("Where is the card that you ordered?"), at)
    assert near == Verdict("shares most of its words with a row of test", 0.75, 0.7, TEST[1].id)
    edited = judged(WORDS_ALONE, record("Where was the card that you ordered?"), at)
    assert edited == Verdict("differs in few words from a row of test", 2, 2, TEST[1].id)
    assert judged(Leak(semantic=1.0, edits=1), record("Where was the card that you ordered?"), at) is None
    assert judged(WORDS_ALONE, record("Where can I top up?"), at) is None


def test_a_row_inside_a_longer_text_is_told() -> None:
    longer = record(
        "Good morning, I wonder and ask you kindly: where is the card that I ordered? Many thanks to you all"
    )
    verdict = judged(WORDS_ALONE, longer, context(sources={"test": TEST}))
    assert verdict == Verdict("holds the whole of a row of test", duplicate_of=TEST[1].id)


def test_a_short_row_with_words_changed_is_told_apart_by_what_it_is_about(embed: Embed) -> None:
    at = context(sources={"test": TEST}, embed=embed)
    for text in ("My parcel was lost", "Our parcel is here"):
        assert judged(WORDS_ALONE, record(text), at) is None
        assert judged(Leak(), record(text), at) == Verdict("differs in few words from a row of test", 2, 2, TEST[2].id)
    assert judged(Leak(), record("My violin is blue"), at) is None


def test_the_same_in_other_words_needs_the_embedder(embed: Embed) -> None:
    at = context(sources={"test": TEST}, embed=embed)
    same = record("How come my top up has still not been completed?")
    assert judged(WORDS_ALONE, same, at) is None
    verdict = judged(Leak(semantic=0.8), same, at)
    assert verdict is not None
    assert (verdict.reason, verdict.limit, verdict.duplicate_of) == ("says the same as a row of test", 0.8, TEST[0].id)
    assert judged(Leak(semantic=0.8), record("Please close my account"), at) is None


def test_a_test_set_without_rows_leaks_nothing() -> None:
    assert judged(Leak(), record("Where is it?"), context(sources={"test": []})) is None


def restyled(text: str, draw: random.Random) -> str:
    return draw.choice((text.upper(), text.replace(" ", "  ") + "!!", text.swapcase().replace("-", " ").rstrip("?.")))


def edited(text: str, other: list[str], draw: random.Random) -> str:
    words = text.split()
    for _ in range(draw.choice((1, 2)) if len(words) > 3 else 1):
        at, how = draw.randrange(len(words)), draw.choice(("exchange", "drop", "swap", "add"))
        if how == "drop" and len(words) > 1:
            del words[at]
        elif how == "swap":
            words[at - 1], words[at] = words[at], words[at - 1]
        elif how == "add":
            words.insert(at, draw.choice(other))
        else:
            words[at] = draw.choice(other)
    return " ".join(words)


def planted(texts: list[str], seed: int) -> tuple[list[str], list[str]]:
    """Return 35 copies with the letters of a row, and 15 with a word or two changed."""
    draw = random.Random(f"plant:{seed}")
    picked = draw.sample(texts, 50)
    other = [word for row in rows("trec/test.csv") for word in row["text"].split()]
    same = [*picked[:20], *(restyled(text, draw) for text in picked[20:35])]
    return same, [edited(text, other, draw) for text in picked[35:]]


@real_data
@pytest.mark.parametrize("seed", range(5))
def test_planted_copies_of_a_real_test_set_are_found_by_words(seed: int) -> None:
    test = given(*(row["text"] for row in rows("banking77/test.csv")))
    judge = WORDS_ALONE.start(context(sources={"test": test}))
    same, changed = planted([one.text for one in test], seed)
    assert all(judge.evaluate_batch([record(text, index=place) for place, text in enumerate(same)]))
    long = [text for text in changed if len(text.split()) > 8]
    assert all(judge.evaluate_batch([record(text, index=place) for place, text in enumerate(long)]))


@real_data
def test_with_the_embedder_all_planted_copies_are_found(embed: Embed) -> None:
    test = given(*(row["text"] for row in rows("banking77/test.csv")[::20]))
    judge = Leak().start(context(sources={"test": test}, embed=embed))
    for seed in range(20):
        copies = [copy for kind in planted([one.text for one in test], seed) for copy in kind]
        verdicts = judge.evaluate_batch([record(text, index=place) for place, text in enumerate(copies)])
        assert not [copy for copy, verdict in zip(copies, verdicts, strict=True) if verdict is None]


@real_data
def test_questions_of_another_domain_are_no_leaks(embed: Embed) -> None:
    test = given(*(row["text"] for row in rows("banking77/test.csv")))
    questions = [record(row["text"]) for row in rows("trec/train.csv")]
    verdicts = WORDS_ALONE.start(context(sources={"test": test})).evaluate_batch(questions)
    assert sum(verdict is not None for verdict in verdicts) <= 0.01 * len(verdicts)
    judge = Leak().start(context(sources={"test": test[::20]}, embed=embed))
    assert sum(verdict is not None for verdict in judge.evaluate_batch(questions[:300])) <= 3
