from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS, PHONES, SSNS
from textsynth.text.pii.ssn import PLACEHOLDER_NUMBERS, find


@pytest.mark.parametrize("text", SSNS)
def test_a_number_is_found_without_its_separators(text: str) -> None:
    assert list(find(text)) == ["536228145"]


@pytest.mark.parametrize("text", [*NO_SSNS, *NO_PHONES, *NO_IPS, *NO_EMAILS, *PHONES["en"]])
def test_impossible_placeholder_and_other_numbers_are_ignored(text: str) -> None:
    assert not list(find(text))


@given(st.integers(0, 999), st.integers(0, 99), st.integers(0, 9999))
def test_only_numbers_that_may_have_been_issued_are_found(area: int, group: int, serial: int) -> None:
    text = f"{area:03}-{group:02}-{serial:04}"
    digits = text.replace("-", "")
    issuable = area not in {0, 666} and area < 900 and group > 0 and serial > 0
    assert list(find(f"it is {text}.")) == [digits] * (issuable and digits not in PLACEHOLDER_NUMBERS)
