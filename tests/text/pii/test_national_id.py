from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.pii.national_id import (
    DNI_LETTERS,
    EXAMPLE_IDS,
    find,
    is_brazilian,
    is_french,
    is_german,
    is_italian,
    is_spanish,
)


def digits(size: int) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=size, max_size=size)


@given(st.integers(0, 99_999_999), st.sampled_from(("", "-", " ")))
def test_a_spanish_check_letter_must_be_correct(number: int, separator: str) -> None:
    correct = DNI_LETTERS[number % 23]
    for letter in DNI_LETTERS:
        dni = f"{number:08}{letter}"
        is_found = letter == correct and dni not in EXAMPLE_IDS
        assert list(find(f"mi DNI es {number:08}{separator}{letter}.")) == [dni] * is_found


def test_a_spanish_foreigner_number_starts_and_ends_with_a_letter() -> None:
    for first in "XYZ":
        (letter,) = [letter for letter in DNI_LETTERS if is_spanish(f"{first}7654321{letter}")]
        assert list(find(f"NIE {first}-7654321-{letter}")) == [f"{first}7654321{letter}"]


@given(st.sampled_from("12"), digits(2), st.integers(1, 12), digits(8), st.booleans())
def test_french_check_digits_must_be_correct(sex: str, year: str, month: int, serial: str, spaced: bool) -> None:
    number = f"{sex}{year}{month:02}{serial}"
    key = 97 - int(number) % 97
    for error in (0, 1, 50):
        nir = f"{number}{(key + error - 1) % 97 + 1:02}"
        assert is_french(nir) is (error == 0)
        text = " ".join((nir[0], nir[1:3], nir[3:5], nir[5:7], nir[7:10], nir[10:13], nir[13:])) if spaced else nir
        assert list(find(f"n° {text}")) == [nir] * (error == 0 and nir not in EXAMPLE_IDS)


def test_corsican_departments_are_accepted_in_a_french_number() -> None:
    (valid,) = [number for key in range(1, 98) if is_french(number := f"184042A451089{key:02}")]
    assert list(find(f"n° {valid}")) == [valid]


@given(digits(9))
def test_brazilian_check_digits_must_be_correct(number: str) -> None:
    valid = [f"{number}{check:02}" for check in range(100) if is_brazilian(f"{number}{check:02}")]
    assert len(valid) == (len(set(number)) > 1)
    for cpf in valid:
        text = f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"
        assert list(find(f"CPF {text}")) == [cpf] * (cpf not in EXAMPLE_IDS)
        invalid = text[:-1] + str((int(text[-1]) + 1) % 10)
        assert not list(find(f"CPF {invalid}"))


@given(st.randoms(use_true_random=False))
def test_a_german_number_repeats_one_digit_and_has_a_correct_check_digit(generator: random.Random) -> None:
    body_digits = generator.sample(string.digits, 9)
    body_digits.insert(generator.randint(0, 9), generator.choice(body_digits))
    body = "".join(body_digits)
    (valid,) = [body + check for check in string.digits if is_german(body + check)]
    if body[0] != "0" and valid not in EXAMPLE_IDS:
        assert valid in find(f"meine IdNr ist {body[:2]} {body[2:5]} {body[5:8]} {valid[8:]}")
    assert not any(is_german("1234567890" + check) for check in string.digits)


def test_published_examples_are_valid_and_ignored() -> None:
    examples = {
        is_italian: ["RSSMRA80A01H501U", "RSSMRA85T10A562S"],
        is_german: ["86095742719", "65929970489", "47036892816"],
        is_spanish: ["12345678Z", "X1234567L"],
        is_french: ["184127645108946"],
        is_brazilian: ["12345678909"],
    }
    for is_valid, numbers in examples.items():
        for number in numbers:
            assert is_valid(number), number
            assert number in EXAMPLE_IDS
            assert not list(find(number))


def test_an_italian_code_is_found_in_any_case_but_not_with_another_check_letter() -> None:
    body = "VRDLGI75C15F205"
    (valid,) = [body + letter for letter in string.ascii_uppercase if is_italian(body + letter)]
    assert list(find(f"codice fiscale {valid.lower()}")) == [valid]
    invalid_letter = "A" if valid[-1] != "A" else "B"
    assert not list(find(f"codice fiscale {body}{invalid_letter}"))


@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS, *NO_EMAILS, *PHONES["en"], *PHONES["de"]])
def test_other_numbers_are_ignored(text: str) -> None:
    assert not list(find(text))


@given(st.text())
def test_any_text_is_accepted(text: str) -> None:
    for number in find(text):
        assert number.isalnum()


def test_random_numbers_are_rarely_taken_for_an_id() -> None:
    generator = random.Random(1)
    sizes = (8, 9, 10, 11, 12, 13, 15)
    numbers = ["".join(generator.choices(string.digits, k=size)) for size in sizes for _ in range(2000)]
    assert sum(any(find(f"order {number}")) for number in numbers) <= len(numbers) / 1000
