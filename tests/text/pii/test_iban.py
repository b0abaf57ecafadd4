from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.pii.iban import EXAMPLES, LENGTHS, find, has_valid_check_digits


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country = draw(st.sampled_from(sorted(LENGTHS)))
    size = LENGTHS[country] - 4
    account = draw(st.text(string.digits + string.ascii_uppercase, min_size=size, max_size=size))
    value = int("".join(str(int(char, 36)) for char in f"{account}{country}00"))
    return f"{country}{98 - value % 97:02}{account}"


@given(ibans().filter(lambda one: one not in EXAMPLES), st.sampled_from(("", " ", "-", "\u00a0")), st.integers(1, 5))
def test_an_iban_is_found_in_any_grouping(number: str, gap: str, size: int) -> None:
    groups = [number[:4], *(number[place : place + size] for place in range(4, len(number), size))]
    for written in (gap.join(groups), gap.join(groups).lower()):
        assert list(find(f"to {written}, please")) == [number]


@given(ibans(), st.data())
def test_one_with_a_character_changed_is_not(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(4, len(number) - 1))
    kind = string.digits if number[place].isdecimal() else string.ascii_uppercase
    other = data.draw(st.sampled_from([one for one in kind if one != number[place]]))
    wrong = number[:place] + other + number[place + 1 :]
    assert not has_valid_check_digits(wrong)
    assert not list(find(f"to {wrong}, please"))


@given(ibans())
def test_a_longer_or_shorter_one_and_a_part_of_a_word_are_not(number: str) -> None:
    assert not list(find(f"{number}1"))
    assert not list(find(f"X{number}"))
    assert not list(find(number[:-1]))


@pytest.mark.parametrize("number", sorted(EXAMPLES))
def test_textbook_examples_are_right_and_passed_over(number: str) -> None:
    assert len(number) == LENGTHS[number[:2]]
    assert has_valid_check_digits(number)
    assert not list(find(f"such as {number}"))


@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS, *PHONES["de"]])
def test_other_numbers_are_passed_over(text: str) -> None:
    assert not list(find(text))


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(has_valid_check_digits(one) for one in find(text))
