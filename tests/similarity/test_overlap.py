from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.similarity.overlap import (
    RELATED_COSINE,
    RELATED_COSINE_BY_FORM,
    OverlapIndex,
    OverlapMatch,
    SubstringIndex,
)

GIVEN = (
    "Where is the new card that I ordered a week ago?",
    "My card is lost",
    "Can I top-up by cheque?",
    "lost card",
    "",
)
TEXTS = st.lists(st.sampled_from("abcdefghi"), max_size=9).map(" ".join)


def pairs_at_the_limits(text: str, among: list[str], similarity: float, edits: int) -> dict[int, tuple[float, int]]:
    """Look at every pair: the Jaccard index and the words that differ, of each row that is a copy."""
    found = {}
    for row, other in enumerate(among):
        one, two = Counter(text.split()), Counter(other.split())
        shared, longer = (one & two).total(), max(one.total(), two.total())
        joined = (one | two).total()
        likeness = shared / joined if joined else 1.0
        few = longer - shared <= edits and 2 * shared >= longer
        if one == two == Counter() or (joined and (likeness >= similarity - 1e-9 or few)):
            found[row] = likeness, longer - shared
    return found


@settings(deadline=None)
@given(
    TEXTS, st.lists(TEXTS, max_size=20), st.sampled_from([0.2, 0.5, 0.7, 0.75, 0.9, 1.0]), st.sampled_from([0, 1, 2, 3])
)
def test_every_pair_at_the_limits_is_found_and_no_other(
    text: str, among: list[str], similarity: float, edits: int
) -> None:
    copies = OverlapIndex(among, similarity=similarity, edits=edits).find(text)
    exact = {row for row, other in enumerate(among) if other.replace(" ", "") == text.replace(" ", "")}
    every = pairs_at_the_limits(text, among, similarity, edits)
    assert {copy.row for copy in copies} == every.keys() | exact
    assert {copy.row for copy in copies if copy.kind == "same"} == exact
    for copy in copies:
        if copy.kind != "same":
            assert (copy.similarity, copy.differing_words) == (pytest.approx(every[copy.row][0]), every[copy.row][1])


@settings(deadline=None)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=12))
def test_the_nearest_does_not_depend_on_the_order_of_the_rows(text: str, among: list[str]) -> None:
    one, other = OverlapIndex(among).nearest(text), OverlapIndex(among[::-1]).nearest(text)
    assert (one is None) == (other is None)
    assert one is None or other is None or one._replace(row=0) == other._replace(row=0)


@pytest.mark.parametrize("text", ["my CARD, is lost!", "mycard is lost", "My card-is-lost ..."])
def test_the_same_letters_are_the_same(text: str) -> None:
    assert OverlapIndex(GIVEN).nearest(text) == OverlapMatch(1, "same", 1.0, 0)


@pytest.mark.parametrize(
    ("text", "differing"),
    [
        ("Where is the old card that I ordered a year ago?", 2),
        ("Where is the new card I ordered week ago?", 2),
        ("Well, where is the new card that I ordered a week ago, please?", 2),
        ("ordered I that card new the is Where a week ago?", 0),
    ],
)
def test_words_exchanged_dropped_added_or_swapped_leave_a_copy(text: str, differing: int) -> None:
    copy = OverlapIndex(GIVEN).nearest(text)
    assert copy is not None
    assert (copy.row, copy.differing_words, copy.sure) == (0, differing, True)


def test_a_word_with_a_hyphen_is_one_word_or_two_whichever_is_nearer() -> None:
    assert [copy.differing_words for copy in OverlapIndex(GIVEN).find("Can I pay by invoice?")] == [2]
    assert [copy.differing_words for copy in OverlapIndex(GIVEN).find("Can I top up by card?")] == [1]


def test_a_short_text_with_words_changed_needs_a_likeness_in_meaning() -> None:
    index = OverlapIndex(GIVEN)
    assert index.nearest("My card was stolen") is None
    found = index.nearest("My card was stolen", lambda _: RELATED_COSINE)
    assert found is not None
    assert (found.row, found.kind, found.differing_words, found.sure) == (1, "edited", 2, False)
    assert index.nearest("My card was stolen", lambda _: RELATED_COSINE - 0.01) is None
    assert index.nearest("My dog is here", lambda _: RELATED_COSINE) is None
    by_form = index.nearest("My dog is here", lambda _: RELATED_COSINE_BY_FORM)
    assert by_form is not None
    assert by_form.row == 1


def test_a_row_can_be_left_out() -> None:
    index = OverlapIndex(["my card is lost", "My card is lost!", "where is it"])
    assert [copy.row for copy in index.find("my card is lost", exclude_row=0)] == [1]
    assert index.nearest("where is it", exclude_row=2) is None


def test_a_text_without_words_copies_only_such_a_text() -> None:
    assert OverlapIndex(GIVEN).find("") == [OverlapMatch(4, "same", 1.0, 0)]
    assert OverlapIndex([]).find("") == []
    assert OverlapIndex(["a"]).find("") == []


def test_a_whole_row_in_a_longer_text_is_found_but_not_a_short_phrase() -> None:
    index = SubstringIndex([*GIVEN, GIVEN[0]])
    assert index.find(f"Good morning! Tell me: {GIVEN[0].upper()} Thank you") == 0
    assert index.find("I fear that my card is lost for good") is None
    assert index.find("") is None
