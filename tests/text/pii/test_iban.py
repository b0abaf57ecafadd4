from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.pii.iban import EXAMPLE_IBANS, LENGTHS, find, has_valid_check_digits


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(LENGTHS)))
    size = LENGTHS[country] - 4
    account = draw(st.text(string.digits + string.ascii_uppercase, min_size=size, max_size=size))
    value = int("".join(str(int(char, 36)) for char in f"{account}{country}00"))
    return f"{country}{98 - value % 97:02}{account}"


@given(
    ibans().filter(lambda number: number not in EXAMPLE_IBANS),
    st.sampled_from(("", " ", "-", "\u00a0")),
    st.integers(1, 5),
)
def test_an_iban_is_found_in_any_grouping(number: str, gap: str, size: int) -> None:
    groups = [number[:4], *(number[start : start + size] for start in range(4, len(number), size))]
    for text in (gap.join(groups), gap.join(groups).lower()):
        assert list(find(f"to {text}, please")) == [number]


@given(ibans(), st.data())
def test_an_iban_with_a_changed_character_is_ignored(number: str, data: st.DataObject) -> None:
    index = data.draw(st.integers(4, len(number) - 1))
    alphabet = string.digits if number[index].isdecimal() else string.ascii_uppercase
    changed = data.draw(st.sampled_from([char for char in alphabet if char != number[index]]))
    invalid = number[:index] + changed + number[index + 1 :]
    assert not has_valid_check_digits(invalid)
    assert not list(find(f"to {invalid}, please"))


@given(ibans())
def test_a_number_that_is_too_long_too_short_or_inside_a_word_is_ignored(number: str) -> None:
    assert not list(find(f"{number}1"))
    assert not list(find(f"X{number}"))
    assert not list(find(number[:-1]))


@pytest.mark.parametrize("number", sorted(EXAMPLE_IBANS))
def test_textbook_examples_are_valid_and_ignored(number: str) -> None:
    assert len(number) == LENGTHS[number[:2]]
    assert has_valid_check_digits(number)
    assert not list(find(f"such as {number}"))


@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS, *PHONES["de"]])
def test_other_numbers_are_ignored(text: str) -> None:
    assert not list(find(text))


@given(st.text())
def test_any_text_is_accepted(text: str) -> None:
    assert all(has_valid_check_digits(number) for number in find(text))
