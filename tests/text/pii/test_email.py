from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import EMAILS, NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS, PHONES
from textsynth.text.pii.email import find

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9._+-]{0,20}[a-z0-9])?", fullmatch=True)
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
TOPS = st.sampled_from(("com", "org", "de", "co.uk", "museum"))


@pytest.mark.parametrize("text", EMAILS)
def test_an_address_is_found(text: str) -> None:
    addresses = list(find(text))
    assert addresses
    assert all(address == address.lower() and address in text.lower() for address in addresses)


@pytest.mark.parametrize("text", [*NO_EMAILS, *NO_PHONES, *NO_IPS, *NO_SSNS, *PHONES["en"]])
def test_lookalikes_and_reserved_domains_are_ignored(text: str) -> None:
    assert not list(find(text))


def test_each_address_is_found_without_the_characters_around_it() -> None:
    text = "'Anna.Berg@firma-xyz.de', (b@firma-xyz.com): c@a.firma-xyz.org."
    assert list(find(text)) == ["anna.berg@firma-xyz.de", "b@firma-xyz.com", "c@a.firma-xyz.org"]


@given(
    NAMES,
    LABELS,
    TOPS,
    st.sampled_from(("", " ", "<", "mailto:", "(")),
    st.sampled_from(("", ".", " ok", ">", ", ", "?")),
)
def test_every_common_address_is_found_in_any_context(name: str, label: str, top: str, before: str, after: str) -> None:
    address = f"{name}@x{label}x.{top}"
    assert list(find(f"to {before}{address.upper()}{after}")) == [address]


@given(st.text().filter(lambda text: "@" not in text))
def test_a_text_without_an_at_sign_has_no_address(text: str) -> None:
    assert not list(find(text))


@given(st.text(alphabet=string.ascii_letters + "@. -_é", max_size=80))
def test_an_address_has_a_name_and_a_domain(text: str) -> None:
    for address in find(text):
        name, _, host = address.partition("@")
        assert name
        assert "." in host
        assert host in text.lower()
