from __future__ import annotations

import pytest

from textsynth.text.languages import (
    COUNTRY_LANGUAGES,
    LANGUAGE_NAMES,
    OTHER_LANGUAGES,
    check_language,
    language_name,
)


@pytest.mark.parametrize(("code", "name"), [("en", "English"), ("de", "German"), ("tlh", "tlh"), ("pt-BR", "pt-BR")])
def test_a_code_has_a_language_name(code: str, name: str) -> None:
    assert language_name(code) == name


def test_language_codes_have_two_letters_and_names_are_unique() -> None:
    assert all(len(code) == 2 and code.islower() for code in LANGUAGE_NAMES)
    assert len(set(LANGUAGE_NAMES.values())) == len(LANGUAGE_NAMES)


def test_every_two_letter_code_is_in_one_table() -> None:
    all_languages = LANGUAGE_NAMES | OTHER_LANGUAGES
    assert not set(LANGUAGE_NAMES) & set(OTHER_LANGUAGES)
    assert len(all_languages) == 184
    assert set(COUNTRY_LANGUAGES.values()) <= set(all_languages)
    assert not set(COUNTRY_LANGUAGES) & set(all_languages)


@pytest.mark.parametrize("code", ["en", "mi", "pt-BR", "tlh", "zh-Hant"])
def test_valid_codes_are_returned_unchanged(code: str) -> None:
    assert check_language(code) == code


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("German", "did you mean 'de'"),
        ("germann", "'de', german"),
        ("cz", "'cs'"),
        ("DE", "'de'"),
        ("qq", "or pt-BR$"),
    ],
)
def test_the_error_for_an_invalid_code_suggests_the_nearest_one(code: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_language(code)
