from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textsynth.text.normalize import (
    content_words,
    form_hash,
    has_negation,
    jaccard,
    normal_form,
    numbers_in,
    proper_names,
    word_count,
    word_set,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("I don’t   KNOW — “really”?!", "i dont know really"),
        ("I don't know, really", "i dont know really"),
        ("C++ is not C#", "c++ is not c#"),
        ("İADE istiyorum", "iade istiyorum"),
        ("مـــرحبا ١٢٣", "مرحبا 123"),
        ("pa\u034frcel", "parcel"),
        ("100 % of ＡＢＣ, ﬁne", "100 % of abc fine"),
        ("Straße\u00ad und\u200b Weg", "strasse und weg"),
        ("cafe\u0301", "café"),
        ("a\r\nb\u2028c\td\x00e", "a b c d e"),
        ("!!!", "!!!"),
        ("…?!", "...?!"),
        ("   ", ""),
        ("", ""),
        ("half \ud83d", "half"),
        ("❤️ you", "❤ you"),
    ],
)
def test_the_normal_form_ignores_case_typography_and_punctuation(text: str, form: str) -> None:
    assert normal_form(text) == form


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=[])))
def test_the_normal_form_is_idempotent(text: str) -> None:
    form = normal_form(text)
    assert normal_form(form) == form
    assert form == " ".join(form.split())


@settings(deadline=None)
@given(st.text())
def test_the_normal_form_ignores_case_and_surrounding_space(text: str) -> None:
    assert normal_form(f"  {text}\n") == normal_form(text)
    if text.isascii():
        assert normal_form(text.upper()) == normal_form(text) == normal_form(text.lower())


# Few characters, with those that folding treats in a way of their own, so that many texts have one normal form.
_ALIKE = st.text(st.sampled_from("aA1 \t\x1c\u2028.!?'’&;#$é\u0301İＡ我\u00ad"), max_size=6)


@given(_ALIKE, _ALIKE)
def test_texts_of_one_normal_form_have_one_form_hash(first: str, second: str) -> None:
    if normal_form(first) == normal_form(second):
        assert form_hash(first) == form_hash(second)
    assert form_hash(first) == form_hash(normal_form(first)) == form_hash(f" {first.upper().lower()}\n")


@given(_ALIKE)
def test_words_are_counted_as_they_are_listed(text: str) -> None:
    assert word_count(text) == len(words_of(text))


def test_languages_without_spaces_are_split_into_character_pairs() -> None:
    assert words_of("我的卡") == ["我的", "的卡"]
    assert words_of("卡") == ["卡"]
    assert words_of("my 新卡 please") == ["my", "新卡", "please"]
    assert words_of("カードはどこ") == ["カー", "ード", "ドは", "はど", "どこ"]
    assert len(words_of("บัตรของฉัน")) > 3
    assert words_of("내 카드는 어디") == ["내", "카드는", "어디"]


def test_jaccard_is_the_intersection_over_the_union() -> None:
    assert jaccard(word_set("where is my card"), word_set("Where is my PIN?")) == 3 / 5
    assert jaccard(word_set("a a b"), ("b", "a")) == 1.0
    assert jaccard(frozenset(), frozenset()) == 1.0
    assert jaccard(frozenset(), frozenset("a")) == 0.0


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_jaccard_is_symmetric_and_one_only_for_equal_sets(first: set[str], second: set[str]) -> None:
    assert jaccard(first, second) == jaccard(second, first)
    assert (jaccard(first, second) == 1.0) == (first == second)


@pytest.mark.parametrize(
    ("text", "certain"),
    [
        ("I paid 1,000 on the 1st", {"1000", "1"}),
        ("one thousand and five", {"1005"}),
        ("Twenty-five cards, three four", {"25", "3", "4"}),
        ("2 million, 2M and 2,000k", {"2000000"}),
        ("US$965m or €965M", {"965000000"}),
        ("5m away", {"5"}),
        ("3,50 € and 3.5", {"3.5"}),
        ("12.05.2024", {"12", "5", "2024"}),
        ("two hundred and five thousand", {"205000"}),
        ("nineteen ninety-nine", {"19", "99"}),
        ("zero five", {"0", "5"}),
        ("007", {"7"}),
        ("at 10:30, room B12", {"10", "30", "12"}),
        ("٣٤", {"34"}),
        ("the second one of a pair", set()),
        ("no numbers", set()),
    ],
)
def test_numbers_are_returned_in_one_spelling_each(text: str, certain: set[str]) -> None:
    assert numbers_in(text).certain == certain


def test_a_run_of_digits_may_have_any_length() -> None:
    assert len(numbers_in("7" * 6000 + ".5").certain) == 1


@pytest.mark.parametrize(
    ("text", "other_text", "agree"),
    [
        ("I have 1 card", "I have one card", True),
        ("I have 1 card", "I have a card", True),
        ("the one I lost", "the card I lost", True),
        ("both cards", "2 cards", True),
        ("the 2nd card", "the second card", True),
        ("I paid 20 euros", "I paid 25 euros", False),
        ("I paid twenty euros", "I paid 20 euros", True),
        ("I paid 20 euros", "I paid", False),
        ("a dozen eggs", "12 eggs", True),
    ],
)
def test_numbers_agree_where_each_occurs_in_the_other_text(text: str, other_text: str, agree: bool) -> None:
    assert numbers_in(text).agree(numbers_in(other_text)) is agree
    assert numbers_in(other_text).agree(numbers_in(text)) is agree


@pytest.mark.parametrize("text", ["I can't pay", "I can’t pay", "i cant pay", "No card", "without a card", "it is NOT"])
def test_a_negation_word_is_detected(text: str) -> None:
    assert has_negation(text)


@pytest.mark.parametrize("text", ["I can pay", "a note on knots", "unable to pay", "nothings", "it fails"])
def test_other_words_are_not_negations(text: str) -> None:
    assert not has_negation(text)


def test_content_words_exclude_stop_words_and_numbers() -> None:
    assert content_words("Where is the new card that I ordered 3 weeks ago?") == {
        "new",
        "card",
        "ordered",
        "weeks",
        "ago",
    }
    assert content_words("我的卡") == {"我的", "的卡"}


def test_proper_names_have_a_capital_inside_a_sentence_or_a_word() -> None:
    text = "Yesterday Bob met O'Neill at the NATO summit. He likes vLLM's Qwen3-8B. I'm here. The end."
    assert proper_names(text) == {"bob", "oneill", "nato", "vllm", "qwen3", "8b"}
    assert proper_names("Where is it? It is here.") == frozenset()


@settings(deadline=None)
@given(st.text())
def test_every_function_accepts_any_text_and_is_deterministic(text: str) -> None:
    for function in (words_of, word_set, numbers_in, has_negation, content_words, proper_names):
        assert function(text) == function(text)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("I&#39;m waiting for my parcel &amp; the bill", "I'm waiting for my parcel & the bill"),
        ("I&amp;#39;m here", "I'm here"),
        ("fish &amp;amp;amp; chips", "fish & chips"),
        ("caf&eacute; &#x1F600;", "café 😀"),
        ("5 &lt; 6 &quot;so&quot;", '5 < 6 "so"'),
    ],
)
def test_html_entities_count_as_their_characters(escaped: str, text: str) -> None:
    assert normal_form(escaped) == normal_form(text) == normal_form(normal_form(escaped))
    assert word_set(escaped) == word_set(text)


def test_an_ampersand_that_begins_no_entity_stays() -> None:
    assert normal_form("R&D; and AT&T") == "r&d and at&t"


def test_long_runs_of_combining_marks_are_cut() -> None:
    assert len(normal_form("a" + "\u0315\u0300" * 50_000)) < 100
    assert normal_form("e\u0301" * 600) == "é" * 600
