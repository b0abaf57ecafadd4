from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import EMAILS, NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.languages import LANGUAGE_NAMES
from textsynth.text.pii.phone import (
    LANGUAGE_COUNTRIES,
    announces_phone,
    countries_for_language,
    find,
    supported_countries,
)

ENGLISH = countries_for_language("en")
GAPS = st.sampled_from((" ", "-", ".", "\u00a0", ""))


@pytest.mark.parametrize(("language", "text"), [(language, text) for language in PHONES for text in PHONES[language]])
def test_a_number_is_found_as_its_language_writes_it(language: str, text: str) -> None:
    assert list(find(text, countries_for_language(language)))


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it"])
@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS])
def test_other_numbers_and_invented_ones_are_passed_over(text: str, language: str) -> None:
    assert not list(find(text, countries_for_language(language)))


@pytest.mark.parametrize("text", [*NO_EMAILS, *EMAILS])
def test_addresses_are_no_numbers(text: str) -> None:
    assert not list(find(text, ENGLISH))


def test_one_number_is_told_alike_however_it_is_written() -> None:
    ways = ("+44 161 234 5001", "0044 161 2345001", "(0161) 234-5001", "0161 234 5001", "+44 (0)161 234 5001")
    assert {one for way in ways for one in find(way, ENGLISH)} == {"+441612345001"}


def test_several_numbers_of_a_text_are_told_in_order() -> None:
    assert "+447911234568" in find("info: 07911234568/07911234569", ENGLISH)
    text = "0161 234 5001 or 07911 234568, abroad +49 30 901820"
    assert list(find(text, ENGLISH)) == ["+441612345001", "+447911234568", "+4930901820"]


def test_a_country_s_own_writing_counts_only_where_it_is_asked_for() -> None:
    assert not list(find("Mobil 0171 2345671", ("US",)))
    assert list(find("Mobil 0171 2345671", ("DE",))) == ["+491712345671"]
    assert list(find("+49 171 2345671", ())) == ["+491712345671"]
    assert not list(find("0161 234 5001", ()))


def test_a_country_in_the_language_s_code_comes_first() -> None:
    assert countries_for_language("pt-PT")[:2] == ("PT", "BR")
    assert countries_for_language("en-GB")[0] == "GB"
    assert countries_for_language("zh-Hant") == countries_for_language("zh")
    assert countries_for_language("la") == ()


def test_every_language_and_country_of_the_table_is_known() -> None:
    known = supported_countries()
    assert set(LANGUAGE_COUNTRIES) <= set(LANGUAGE_NAMES)
    assert {country for text in LANGUAGE_COUNTRIES.values() for country in text.split()} <= set(known)
    assert known == sorted(known)


@given(st.integers(2_000_000, 8_999_999).map(str), GAPS)
def test_a_landline_in_any_usual_grouping_is_found(number: str, gap: str) -> None:
    written = f"0161{gap}{number[:3]}{gap}{number[3:]}"
    alike = any(run in f"161{number}"[-8:] for run in ("12345678", "23456789", "87654321"))
    if not (number.startswith("4960") or alike or len(set(number)) == 1):
        assert list(find(f"ring {written}, please", ENGLISH)) == [f"+44161{number}"]


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    for one in find(text, ENGLISH):
        assert one[0] == "+"
        assert one[1:].isdecimal()


@given(st.text().filter(lambda text: not any(char.isdecimal() for char in text)))
def test_a_text_without_digits_holds_none(text: str) -> None:
    assert not list(find(text, ENGLISH))


def test_tables_of_figures_are_no_numbers() -> None:
    assert not list(find("0161 234 500 " * 1000, ENGLISH))
    assert not list(find("1 " * 5000, ENGLISH))


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("call me on ", True),
        ("Tel.: ", True),
        ("call", True),
        ("my new number is ", True),
        ("customer services ", True),
        ("the order number is ", False),
        ("call me about my order ", False),
        ("my order is late, call ", True),
        ("invoice no. ", False),
        ("the area code of ", None),
        ("it is ", None),
        ("", None),
        ("Please call. Then wait for ", None),
        ("call me when you are at the station at ", None),
        ("sms.ac/u/anna", False),
        ("I recall ", None),
        ("Telefon: ", True),
        ("Rechnung ", False),
    ],
)
def test_the_last_word_near_a_number_says_what_it_is(before: str, told: bool | None) -> None:
    assert announces_phone(f"{before}0161 234 5001", len(before)) is told


def test_words_far_away_are_not_looked_at() -> None:
    text = "call " + "x" * 10_000
    assert announces_phone(text, len(text)) is None
