from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.similarity.overlap import (
    RELATED_COSINE,
    RELATED_COSINE_NO_CONTENT_WORD,
    OverlapIndex,
    OverlapMatch,
    SubstringIndex,
)

INDEXED = (
    "Where is the new card that I ordered a week ago?",
    "My card is lost",
    "Can I top-up by cheque?",
    "lost card",
    "",
)
TEXTS = st.lists(st.sampled_from("abcdefghi"), max_size=9).map(" ".join)


def copies_by_brute_force(text: str, texts: list[str], similarity: float, edits: int) -> dict[int, tuple[float, int]]:
    """Compare every pair: the Jaccard similarity and the number of differing words of each row that is a copy."""
    copies = {}
    for row, other in enumerate(texts):
        bag, other_bag = Counter(text.split()), Counter(other.split())
        shared, longer = (bag & other_bag).total(), max(bag.total(), other_bag.total())
        union = (bag | other_bag).total()
        jaccard = shared / union if union else 1.0
        is_edited = longer - shared <= edits and 2 * shared >= longer
        both_empty = bag == other_bag == Counter()
        if both_empty or (union and (jaccard >= similarity - 1e-9 or is_edited)):
            copies[row] = jaccard, longer - shared
    return copies


@settings(deadline=None)
@given(
    TEXTS, st.lists(TEXTS, max_size=20), st.sampled_from([0.2, 0.5, 0.7, 0.75, 0.9, 1.0]), st.sampled_from([0, 1, 2, 3])
)
def test_every_pair_within_the_limits_is_found_and_no_other(
    text: str, texts: list[str], similarity: float, edits: int
) -> None:
    matches = OverlapIndex(texts, similarity=similarity, edits=edits).find(text)
    exact = {row for row, other in enumerate(texts) if other.replace(" ", "") == text.replace(" ", "")}
    expected = copies_by_brute_force(text, texts, similarity, edits)
    assert {match.row for match in matches} == expected.keys() | exact
    assert {match.row for match in matches if match.kind == "same"} == exact
    for match in matches:
        if match.kind != "same":
            jaccard, differing = expected[match.row]
            assert (match.similarity, match.differing_words) == (pytest.approx(jaccard), differing)


@settings(deadline=None)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=12))
def test_the_nearest_match_does_not_depend_on_the_order_of_the_rows(text: str, texts: list[str]) -> None:
    forward, backward = OverlapIndex(texts).nearest(text), OverlapIndex(texts[::-1]).nearest(text)
    assert (forward is None) == (backward is None)
    assert forward is None or backward is None or forward._replace(row=0) == backward._replace(row=0)


@pytest.mark.parametrize("text", ["my CARD, is lost!", "mycard is lost", "My card-is-lost ..."])
def test_texts_with_the_same_letters_are_the_same(text: str) -> None:
    assert OverlapIndex(INDEXED).nearest(text) == OverlapMatch(1, "same", 1.0, 0)


@pytest.mark.parametrize(
    ("text", "differing"),
    [
        ("Where is the old card that I ordered a year ago?", 2),
        ("Where is the new card I ordered week ago?", 2),
        ("Well, where is the new card that I ordered a week ago, please?", 2),
        ("ordered I that card new the is Where a week ago?", 0),
    ],
)
def test_a_text_with_words_replaced_removed_added_or_reordered_is_a_copy(text: str, differing: int) -> None:
    match = OverlapIndex(INDEXED).nearest(text)
    assert match is not None
    assert (match.row, match.differing_words, match.sure) == (0, differing, True)


def test_a_hyphenated_word_counts_as_one_word_or_two_whichever_is_nearer() -> None:
    assert [match.differing_words for match in OverlapIndex(INDEXED).find("Can I pay by invoice?")] == [2]
    assert [match.differing_words for match in OverlapIndex(INDEXED).find("Can I top up by card?")] == [1]


def test_a_short_edited_text_is_a_copy_only_with_a_similar_meaning() -> None:
    index = OverlapIndex(INDEXED)
    assert index.nearest("My card was stolen") is None
    match = index.nearest("My card was stolen", lambda _: RELATED_COSINE)
    assert match is not None
    assert (match.row, match.kind, match.differing_words, match.sure) == (1, "edited", 2, False)
    assert index.nearest("My card was stolen", lambda _: RELATED_COSINE - 0.01) is None
    assert index.nearest("My dog is here", lambda _: RELATED_COSINE) is None
    no_content_word = index.nearest("My dog is here", lambda _: RELATED_COSINE_NO_CONTENT_WORD)
    assert no_content_word is not None
    assert no_content_word.row == 1


def test_a_row_can_be_excluded() -> None:
    index = OverlapIndex(["my card is lost", "My card is lost!", "where is it"])
    assert [match.row for match in index.find("my card is lost", exclude_row=0)] == [1]
    assert index.nearest("where is it", exclude_row=2) is None


def test_an_empty_text_copies_only_an_empty_text() -> None:
    assert OverlapIndex(INDEXED).find("") == [OverlapMatch(4, "same", 1.0, 0)]
    assert OverlapIndex([]).find("") == []
    assert OverlapIndex(["a"]).find("") == []


def test_an_indexed_text_inside_a_longer_text_is_found_but_a_short_phrase_is_not() -> None:
    index = SubstringIndex([*INDEXED, INDEXED[0]])
    assert index.find(f"Good morning! Tell me: {INDEXED[0].upper()} Thank you") == 0
    assert index.find("I fear that my card is lost for good") is None
    assert index.find("") is None
