from __future__ import annotations

import pytest

from textsynth.text.languages import COUNTRY_LANGUAGES, LANGUAGE_NAMES, OTHER_LANGUAGES, check_language, language_name


@pytest.mark.parametrize(("code", "name"), [("en", "English"), ("de", "German"), ("tlh", "tlh"), ("pt-BR", "pt-BR")])
def test_a_language_by_its_code(code: str, name: str) -> None:
    assert language_name(code) == name


def test_codes_are_short_and_names_are_told_once() -> None:
    assert all(len(code) == 2 and code.islower() for code in LANGUAGE_NAMES)
    assert len(set(LANGUAGE_NAMES.values())) == len(LANGUAGE_NAMES)


def test_every_two_letter_code_is_in_one_list() -> None:
    assert not set(LANGUAGE_NAMES) & set(OTHER_LANGUAGES)
    assert len(LANGUAGE_NAMES | OTHER_LANGUAGES) == 184
    assert set(COUNTRY_LANGUAGES.values()) <= set(LANGUAGE_NAMES | OTHER_LANGUAGES)
    assert not set(COUNTRY_LANGUAGES) & set(LANGUAGE_NAMES | OTHER_LANGUAGES)


@pytest.mark.parametrize("code", ["en", "mi", "pt-BR", "tlh", "zh-Hant"])
def test_codes_pass_as_they_are(code: str) -> None:
    assert check_language(code) == code


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("German", "did you mean 'de'"),
        ("germann", "'de', german"),
        ("cz", "'cs'"),
        ("DE", "'de'"),
        ("qq", "or pt-BR$"),
    ],
)
def test_slips_get_the_nearest_code(code: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_language(code)
