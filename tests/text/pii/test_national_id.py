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


def of(size: int) -> st.SearchStrategy[str]:
    return st.text(string.digits, min_size=size, max_size=size)


@given(st.integers(0, 99_999_999), st.sampled_from(("", "-", " ")))
def test_a_spanish_letter_must_be_the_right_one(number: int, gap: str) -> None:
    right = DNI_LETTERS[number % 23]
    for letter in DNI_LETTERS:
        plain = f"{number:08}{letter}"
        wanted = letter == right and plain not in EXAMPLE_IDS
        assert list(find(f"mi DNI es {number:08}{gap}{letter}.")) == [plain] * wanted


def test_a_spanish_foreigner_s_number_begins_with_a_letter_and_ends_with_one_of_23() -> None:
    for first in "XYZ":
        (right,) = [letter for letter in DNI_LETTERS if is_spanish(f"{first}7654321{letter}")]
        assert list(find(f"NIE {first}-7654321-{right}")) == [f"{first}7654321{right}"]


@given(st.sampled_from("12"), of(2), st.integers(1, 12), of(8), st.booleans())
def test_a_french_key_must_be_the_right_one(sex: str, year: str, month: int, rest: str, spaced: bool) -> None:
    number = f"{sex}{year}{month:02}{rest}"
    key = 97 - int(number) % 97
    for wrong in (0, 1, 50):
        plain = f"{number}{(key + wrong - 1) % 97 + 1:02}"
        assert is_french(plain) is (wrong == 0)
        written = " ".join((plain[0], plain[1:3], plain[3:5], plain[5:7], plain[7:10], plain[10:13], plain[13:]))
        found = list(find(f"n° {written if spaced else plain}"))
        assert found == [plain] * (wrong == 0 and plain not in EXAMPLE_IDS)


def test_corsican_places_count_in_a_french_number() -> None:
    (right,) = [number for key in range(1, 98) if is_french(number := f"184042A451089{key:02}")]
    assert list(find(f"n° {right}")) == [right]


@given(of(9))
def test_brazilian_check_digits_must_be_the_right_ones(number: str) -> None:
    right = [f"{number}{check:02}" for check in range(100) if is_brazilian(f"{number}{check:02}")]
    assert len(right) == (len(set(number)) > 1)
    for plain in right:
        written = f"{plain[:3]}.{plain[3:6]}.{plain[6:9]}-{plain[9:]}"
        assert list(find(f"CPF {written}")) == [plain] * (plain not in EXAMPLE_IDS)
        wrong = written[:-1] + str((int(written[-1]) + 1) % 10)
        assert not list(find(f"CPF {wrong}"))


@given(st.randoms(use_true_random=False))
def test_german_numbers_repeat_one_digit_and_end_with_the_right_one(draw: random.Random) -> None:
    places = draw.sample(string.digits, 9)
    places.insert(draw.randint(0, 9), draw.choice(places))
    body = "".join(places)
    right = [body + check for check in string.digits if is_german(body + check)]
    assert len(right) == 1
    if body[0] != "0" and right[0] not in EXAMPLE_IDS:
        assert right[0] in find(f"meine IdNr ist {body[:2]} {body[2:5]} {body[5:8]} {right[0][8:]}")
    assert not any(is_german("1234567890" + check) for check in string.digits)


def test_known_examples_are_right_and_passed_over() -> None:
    told = {
        is_italian: ["RSSMRA80A01H501U", "RSSMRA85T10A562S"],
        is_german: ["86095742719", "65929970489", "47036892816"],
        is_spanish: ["12345678Z", "X1234567L"],
        is_french: ["184127645108946"],
        is_brazilian: ["12345678909"],
    }
    for checks, numbers in told.items():
        for number in numbers:
            assert checks(number), number
            assert number in EXAMPLE_IDS
            assert not list(find(number))


def test_an_italian_code_is_found_in_any_case_and_not_with_another_letter() -> None:
    body = "VRDLGI75C15F205"
    right = [body + letter for letter in string.ascii_uppercase if is_italian(body + letter)]
    assert len(right) == 1
    assert list(find(f"codice fiscale {right[0].lower()}")) == right
    other = "A" if right[0][-1] != "A" else "B"
    assert not list(find(f"codice fiscale {body}{other}"))


@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS, *NO_EMAILS, *PHONES["en"], *PHONES["de"]])
def test_other_numbers_are_passed_over(text: str) -> None:
    assert not list(find(text))


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    for one in find(text):
        assert one.isalnum()


def test_of_numbers_drawn_at_random_hardly_any_is_taken_for_an_id() -> None:
    draw = random.Random(1)
    numbers = ["".join(draw.choices(string.digits, k=size)) for size in (8, 9, 10, 11, 12, 13, 15) for _ in range(2000)]
    assert sum(any(find(f"order {number}")) for number in numbers) <= len(numbers) / 1000
