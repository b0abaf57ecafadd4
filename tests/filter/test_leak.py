from __future__ import annotations

import random

import pytest

from tests.contexts import context
from tests.filter.benches import Embed, judged, real_data, record, rows
from textsynth.filter.leak import Leak
from textsynth.records import Origin, Record, Verdict

TEST = [
    Record(text, Origin("test", draw=row))
    for row, text in enumerate(("Why hasn't my top-up gone through yet?", "Where is the card that I ordered?"))
]
WORDS_ALONE = Leak(semantic=1.0)


def test_an_exact_and_a_near_copy_are_told_with_their_row() -> None:
    at = context(sources={"test": TEST})
    exact = judged(WORDS_ALONE, record("WHERE is the card, that I ordered"), at)
    assert exact == Verdict("copies a row of test", 1.0, 0.6, TEST[1].id)
    near = judged(WORDS_ALONE, record("Where is the card that you ordered?"), at)
    assert near == Verdict("shares most of its words with a row of test", 0.75, 0.6, TEST[1].id)
    assert judged(WORDS_ALONE, record("Where can I top up?"), at) is None


def test_the_same_in_other_words_needs_the_embedder(embed: Embed) -> None:
    at = context(sources={"test": TEST}, embed=embed)
    same = record("How come my top up has still not been completed?")
    assert judged(WORDS_ALONE, same, at) is None
    verdict = judged(Leak(semantic=0.8), same, at)
    assert verdict is not None
    assert (verdict.reason, verdict.limit, verdict.twin) == ("says the same as a row of test", 0.8, TEST[0].id)
    assert judged(Leak(semantic=0.8), record("Please close my account"), at) is None


def test_a_test_set_without_rows_leaks_nothing() -> None:
    assert judged(Leak(), record("Where is it?"), context(sources={"test": []})) is None


@real_data
@pytest.mark.parametrize("seed", range(3))
def test_planted_copies_of_a_real_test_set_are_found(seed: int) -> None:
    draw = random.Random(f"plant:{seed}")
    test = [Record(row["text"], Origin("test", draw=place)) for place, row in enumerate(rows("banking77/test.csv"))]
    judge = WORDS_ALONE.begin(context(sources={"test": test}))
    picked = draw.sample([one.text for one in test], 50)
    other = [word for row in rows("trec/test.csv") for word in row["text"].split()]

    def edited(text: str) -> str:
        words = text.split()
        for _ in range(draw.choice((1, 2))):
            words[draw.randrange(len(words))] = draw.choice(other)
        return " ".join(words)

    same = [*picked[:20], *(text.upper().replace(" ", "  ") + "!!" for text in picked[20:35])]
    assert all(judge.judge([record(text, draw=place) for place, text in enumerate(same)]))
    long = [edited(text) for text in picked[35:] if len(text.split()) > 7]
    assert all(judge.judge([record(text, draw=place) for place, text in enumerate(long)]))


@real_data
def test_questions_of_another_domain_are_no_leaks() -> None:
    test = [Record(row["text"], Origin("test", draw=place)) for place, row in enumerate(rows("banking77/test.csv"))]
    verdicts = WORDS_ALONE.begin(context(sources={"test": test})).judge(
        [record(row["text"]) for row in rows("trec/train.csv")]
    )
    assert sum(verdict is not None for verdict in verdicts) <= 0.01 * len(verdicts)
