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
SEPARATORS = st.sampled_from((" ", "-", ".", "\u00a0", ""))


@pytest.mark.parametrize(("language", "text"), [(language, text) for language in PHONES for text in PHONES[language]])
def test_a_number_is_found_in_the_national_form_of_its_language(language: str, text: str) -> None:
    assert list(find(text, countries_for_language(language)))


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it"])
@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS])
def test_other_and_fictional_numbers_are_ignored(text: str, language: str) -> None:
    assert not list(find(text, countries_for_language(language)))


@pytest.mark.parametrize("text", [*NO_EMAILS, *EMAILS])
def test_email_addresses_are_ignored(text: str) -> None:
    assert not list(find(text, ENGLISH))


def test_all_spellings_of_a_number_give_the_same_result() -> None:
    spellings = ("+44 161 234 5001", "0044 161 2345001", "(0161) 234-5001", "0161 234 5001", "+44 (0)161 234 5001")
    assert {number for spelling in spellings for number in find(spelling, ENGLISH)} == {"+441612345001"}


def test_several_numbers_are_returned_in_text_order() -> None:
    assert "+447911234568" in find("info: 07911234568/07911234569", ENGLISH)
    text = "0161 234 5001 or 07911 234568, abroad +49 30 901820"
    assert list(find(text, ENGLISH)) == ["+441612345001", "+447911234568", "+4930901820"]


def test_a_national_form_counts_only_for_the_given_countries() -> None:
    assert not list(find("Mobil 0171 2345671", ("US",)))
    assert list(find("Mobil 0171 2345671", ("DE",))) == ["+491712345671"]
    assert list(find("+49 171 2345671", ())) == ["+491712345671"]
    assert not list(find("0161 234 5001", ()))


def test_the_country_of_the_language_code_comes_first() -> None:
    assert countries_for_language("pt-PT")[:2] == ("PT", "BR")
    assert countries_for_language("en-GB")[0] == "GB"
    assert countries_for_language("zh-Hant") == countries_for_language("zh")
    assert countries_for_language("la") == ()


def test_every_language_and_country_of_the_table_is_supported() -> None:
    supported = supported_countries()
    assert set(LANGUAGE_COUNTRIES) <= set(LANGUAGE_NAMES)
    assert {country for text in LANGUAGE_COUNTRIES.values() for country in text.split()} <= set(supported)
    assert supported == sorted(supported)


@given(st.integers(2_000_000, 8_999_999).map(str), SEPARATORS)
def test_a_landline_is_found_with_any_common_separator(number: str, separator: str) -> None:
    text = f"0161{separator}{number[:3]}{separator}{number[3:]}"
    in_sequence = any(run in f"161{number}"[-8:] for run in ("12345678", "23456789", "87654321"))
    if not (number.startswith("4960") or in_sequence or len(set(number)) == 1):
        assert list(find(f"ring {text}, please", ENGLISH)) == [f"+44161{number}"]


@given(st.text())
def test_any_text_is_accepted(text: str) -> None:
    for number in find(text, ENGLISH):
        assert number[0] == "+"
        assert number[1:].isdecimal()


@given(st.text().filter(lambda text: not any(char.isdecimal() for char in text)))
def test_a_text_without_digits_has_no_number(text: str) -> None:
    assert not list(find(text, ENGLISH))


def test_tables_of_figures_are_ignored() -> None:
    assert not list(find("0161 234 500 " * 1000, ENGLISH))
    assert not list(find("1 " * 5000, ENGLISH))


@pytest.mark.parametrize(
    ("before", "expected"),
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
def test_the_last_announcing_word_before_a_number_decides(before: str, expected: bool | None) -> None:
    assert announces_phone(f"{before}0161 234 5001", len(before)) is expected


def test_distant_words_are_not_searched() -> None:
    text = "call " + "x" * 10_000
    assert announces_phone(text, len(text)) is None
