from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.pii.card import ISSUERS, TEST_CARDS, find, is_card, luhn


def with_check(digits: str) -> str:
    """Return the digits with the check digit that makes Luhn's sum right, worked out by trying."""
    return next(digits + last for last in "0123456789" if luhn(digits + last))


@st.composite
def cards(draw: st.DrawFn) -> str:
    low, high, lengths = draw(st.sampled_from(ISSUERS))
    prefix = str(draw(st.integers(int(low), int(high))))
    length = draw(st.sampled_from(lengths))
    rest = draw(st.text("0123456789", min_size=length - len(prefix) - 1, max_size=length - len(prefix) - 1))
    return with_check(prefix + rest)


@st.composite
def grouped(draw: st.DrawFn, digits: str) -> str:
    """Return the digits in groups of two or more, one kind of gap between them."""
    gap = draw(st.sampled_from((" ", "-", "\u00a0", "\u2011")))
    groups = []
    while digits:
        size = draw(st.integers(2, max(2, len(digits))))
        size = len(digits) if len(digits) - size < 2 else size
        groups.append(digits[:size])
        digits = digits[size:]
    return gap.join(groups)


@given(st.data())
def test_a_card_is_found_in_any_grouping_and_not_with_a_digit_changed(data: st.DataObject) -> None:
    card = data.draw(cards().filter(lambda one: one not in TEST_CARDS))
    assert is_card(card)
    assert card in list(find(f"my card {data.draw(grouped(card))} is gone"))
    assert list(find("it is " + " ".join(card))) == [card]
    place = data.draw(st.integers(0, len(card) - 1))
    digit = data.draw(st.sampled_from([one for one in "0123456789" if one != card[place]]))
    wrong = card[:place] + digit + card[place + 1 :]
    assert not luhn(wrong)
    assert not list(find(f"my card {wrong} is gone"))


def test_what_stands_behind_a_card_does_not_hide_it() -> None:
    for text in ("4929 1234 5678 9012 12/27", "4929123456789012, 123", "(4929-1234-5678-9012)", "4929123456789012."):
        digits = with_check("492912345678901")
        assert list(find(text.replace("4929123456789012", digits).replace("9012", digits[-4:]))) == [digits]


@pytest.mark.parametrize("card", sorted(TEST_CARDS))
def test_test_cards_are_passed_over(card: str) -> None:
    assert card.isdecimal()
    assert not list(find(f"pay with {card}"))


def test_most_test_cards_are_cards() -> None:
    assert sum(map(is_card, TEST_CARDS)) > 0.9 * len(TEST_CARDS)


def test_numbers_of_no_issuer_in_urls_and_in_accounts_are_passed_over() -> None:
    good = with_check("492912345678901")
    for text in (
        with_check("992912345678901"),
        f"https://example.org/{good}",
        f"id={good}",
        f"#{good}",
        f"0.{good}",
        f"x{good}",
        f"{good}x",
        f"QA60 {good[:4]} {good[4:8]} {good[8:12]} {good[12:]} 5",
        good[:-1],
        good + "00000",
    ):
        assert not list(find(text)), text


@pytest.mark.parametrize("text", [*NO_PHONES, *NO_IPS, *NO_SSNS, *PHONES["en"]])
def test_other_numbers_are_passed_over(text: str) -> None:
    assert not list(find(text))


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(is_card(one) for one in find(text))
