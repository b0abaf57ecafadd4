from __future__ import annotations

import random

import pytest

from tests.contexts import context
from tests.filter.filtering import Embed, batch, read_rows, real_data, record, verdict_on
from textsynth.core.records import Provenance, Record, Verdict
from textsynth.filter.leak import Leak


def rows_of_test(*texts: str) -> list[Record]:
    return [Record(text, Provenance("test", index=row)) for row, text in enumerate(texts)]


TEST = rows_of_test(
    "Why hasn't my top-up gone through yet?",
    "Where is the card that I ordered?",
    "My parcel is late",
)
WORDS_ONLY = Leak(semantic=1.0)


def test_an_exact_and_a_near_copy_name_their_row() -> None:
    run = context(sources={"test": TEST})
    exact = verdict_on(WORDS_ONLY, record("WHERE is the card, that I ordered"), run)
    assert exact == Verdict("copies a row of test", 1.0, 0.7, TEST[1].id)
    near = verdict_on(WORDS_ONLY, record("Where is the card that you ordered?"), run)
    assert near == Verdict("shares most of its words with a row of test", 0.75, 0.7, TEST[1].id)
    edited = verdict_on(WORDS_ONLY, record("Where was the card that you ordered?"), run)
    assert edited == Verdict("differs in few words from a row of test", 2, 2, TEST[1].id)
    assert verdict_on(Leak(semantic=1.0, edits=1), record("Where was the card that you ordered?"), run) is None
    assert verdict_on(WORDS_ONLY, record("Where can I top up?"), run) is None


def test_a_text_that_contains_a_row_is_a_copy() -> None:
    longer = record(
        "Good morning, I wonder and ask you kindly: where is the card that I ordered? Many thanks to you all"
    )
    verdict = verdict_on(WORDS_ONLY, longer, context(sources={"test": TEST}))
    assert verdict == Verdict("contains the whole text of a row of test", duplicate_of=TEST[1].id)


def test_a_short_row_with_changed_words_is_a_copy_if_the_topic_is_the_same(embed: Embed) -> None:
    run = context(sources={"test": TEST}, embed=embed)
    for text in ("My parcel was lost", "Our parcel is here"):
        assert verdict_on(WORDS_ONLY, record(text), run) is None
        assert verdict_on(Leak(), record(text), run) == Verdict(
            "differs in few words from a row of test", 2, 2, TEST[2].id
        )
    assert verdict_on(Leak(), record("My violin is blue"), run) is None


def test_the_same_meaning_in_other_words_needs_the_embedder(embed: Embed) -> None:
    run = context(sources={"test": TEST}, embed=embed)
    same = record("How come my top up has still not been completed?")
    assert verdict_on(WORDS_ONLY, same, run) is None
    verdict = verdict_on(Leak(semantic=0.8), same, run)
    assert verdict is not None
    assert (verdict.reason, verdict.limit, verdict.duplicate_of) == (
        "has the same meaning as a row of test",
        0.8,
        TEST[0].id,
    )
    assert verdict_on(Leak(semantic=0.8), record("Please close my account"), run) is None


def test_an_empty_test_set_drops_nothing() -> None:
    assert verdict_on(Leak(), record("Where is it?"), context(sources={"test": []})) is None


def change_style(text: str, generator: random.Random) -> str:
    """Return the text with other case, spacing or punctuation."""
    return generator.choice(
        (text.upper(), text.replace(" ", "  ") + "!!", text.swapcase().replace("-", " ").rstrip("?."))
    )


def edit_words(text: str, new_words: list[str], generator: random.Random) -> str:
    """Return the text with one or two words exchanged, dropped, swapped or added."""
    words = text.split()
    for _ in range(generator.choice((1, 2)) if len(words) > 3 else 1):
        index, edit = generator.randrange(len(words)), generator.choice(("exchange", "drop", "swap", "add"))
        if edit == "drop" and len(words) > 1:
            del words[index]
        elif edit == "swap":
            words[index - 1], words[index] = words[index], words[index - 1]
        elif edit == "add":
            words.insert(index, generator.choice(new_words))
        else:
            words[index] = generator.choice(new_words)
    return " ".join(words)


def planted_copies(texts: list[str], seed: int) -> tuple[list[str], list[str]]:
    """Return 35 copies with the letters of a row, and 15 with one or two changed words."""
    generator = random.Random(f"plant:{seed}")
    sample = generator.sample(texts, 50)
    new_words = [word for row in read_rows("trec/test.csv") for word in row["text"].split()]
    same_letters = [*sample[:20], *(change_style(text, generator) for text in sample[20:35])]
    return same_letters, [edit_words(text, new_words, generator) for text in sample[35:]]


@real_data
@pytest.mark.parametrize("seed", range(5))
def test_planted_copies_of_a_real_test_set_are_found_by_words(seed: int) -> None:
    test = rows_of_test(*(row["text"] for row in read_rows("banking77/test.csv")))
    session = WORDS_ONLY.start(context(sources={"test": test}))
    same_letters, edited = planted_copies([row.text for row in test], seed)
    assert all(session.evaluate_batch(batch(*same_letters)))
    assert all(session.evaluate_batch(batch(*(text for text in edited if len(text.split()) > 8))))


@real_data
def test_with_the_embedder_all_planted_copies_are_found(embed: Embed) -> None:
    test = rows_of_test(*(row["text"] for row in read_rows("banking77/test.csv")[::20]))
    session = Leak().start(context(sources={"test": test}, embed=embed))
    for seed in range(20):
        same_letters, edited = planted_copies([row.text for row in test], seed)
        copies = [*same_letters, *edited]
        verdicts = session.evaluate_batch(batch(*copies))
        assert not [copy for copy, verdict in zip(copies, verdicts, strict=True) if verdict is None]


@real_data
def test_almost_no_questions_of_another_domain_are_dropped(embed: Embed) -> None:
    test = rows_of_test(*(row["text"] for row in read_rows("banking77/test.csv")))
    questions = [record(row["text"]) for row in read_rows("trec/train.csv")]
    verdicts = WORDS_ONLY.start(context(sources={"test": test})).evaluate_batch(questions)
    assert sum(verdict is not None for verdict in verdicts) <= 0.01 * len(verdicts)
    session = Leak().start(context(sources={"test": test[::20]}, embed=embed))
    assert sum(verdict is not None for verdict in session.evaluate_batch(questions[:300])) <= 3
