from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.pii.card import ISSUERS, TEST_CARDS, find, is_card, passes_luhn


def with_check_digit(digits: str) -> str:
    """Return the digits with the check digit that passes the Luhn test, found by trying all ten."""
    return next(digits + last for last in "0123456789" if passes_luhn(digits + last))


@st.composite
def cards(draw: st.DrawFn) -> str:
    low, high, lengths = draw(st.sampled_from(ISSUERS))
    prefix = str(draw(st.integers(int(low), int(high))))
    length = draw(st.sampled_from(lengths))
    size = length - len(prefix) - 1
    return with_check_digit(prefix + draw(st.text("0123456789", min_size=size, max_size=size)))


@st.composite
def grouped(draw: st.DrawFn, digits: str) -> str:
    """Return the digits in groups of two or more, separated by the same character."""
    separator = draw(st.sampled_from((" ", "-", "\u00a0", "\u2011")))
    groups = []
    while digits:
        size = draw(st.integers(2, max(2, len(digits))))
        size = len(digits) if len(digits) - size < 2 else size
        groups.append(digits[:size])
        digits = digits[size:]
    return separator.join(groups)


@given(st.data())
def test_a_card_is_found_in_any_grouping_but_not_with_a_changed_digit(data: st.DataObject) -> None:
    card = data.draw(cards().filter(lambda number: number not in TEST_CARDS))
    assert is_card(card)
    assert card in list(find(f"my card {data.draw(grouped(card))} is gone"))
    assert list(find("it is " + " ".join(card))) == [card]
    index = data.draw(st.integers(0, len(card) - 1))
    digit = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != card[index]]))
    invalid = card[:index] + digit + card[index + 1 :]
    assert not passes_luhn(invalid)
    assert not list(find(f"my card {invalid} is gone"))


def test_a_card_is_found_with_other_characters_after_it() -> None:
    for text in ("4929 1234 5678 9012 12/27", "4929123456789012, 123", "(4929-1234-5678-9012)", "4929123456789012."):
        digits = with_check_digit("492912345678901")
        assert list(find(text.replace("4929123456789012", digits).replace("9012", digits[-4:]))) == [digits]


@pytest.mark.parametrize("card", sorted(TEST_CARDS))
def test_test_cards_are_ignored(card: str) -> None:
    assert card.isdecimal()
    assert not list(find(f"pay with {card}"))


def test_most_test_cards_are_valid() -> None:
    assert sum(map(is_card, TEST_CARDS)) > 0.9 * len(TEST_CARDS)


def test_numbers_without_an_issuer_and_in_urls_or_accounts_are_ignored() -> None:
    valid = with_check_digit("492912345678901")
    for text in (
        with_check_digit("992912345678901"),
        f"https://example.org/{valid}",
        f"id={valid}",
        f"#{valid}",
        f"0.{valid}",
        f"x{valid}",
        f"{valid}x",
        f"QA60 {valid[:4]} {valid[4:8]} {valid[8:12]} {valid[12:]} 5",
        valid[:-1],
        valid + "00000",
    ):
        assert not list(find(text)), text


@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS, *PHONES["en"]])
def test_other_numbers_are_ignored(text: str) -> None:
    assert not list(find(text))


@given(st.text())
def test_any_text_is_accepted(text: str) -> None:
    assert all(is_card(number) for number in find(text))
