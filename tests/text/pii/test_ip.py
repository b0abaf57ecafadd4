from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import IPS, NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS
from textsynth.text.pii.ip import PUBLIC_NAME_SERVERS, find


@pytest.mark.parametrize("text", IPS)
def test_a_public_address_is_found(text: str) -> None:
    (address,) = find(text)
    assert address in text


@pytest.mark.parametrize("text", [*NO_IPS, *NO_PHONES, *NO_EMAILS, *NO_SSNS, *sorted(PUBLIC_NAME_SERVERS)])
def test_private_addresses_versions_and_name_servers_are_ignored(text: str) -> None:
    assert not list(find(text))


@given(st.ip_addresses(v=4))
def test_public_version_4_addresses_are_found(address: ipaddress.IPv4Address) -> None:
    text = str(address)
    is_public = address.is_global and not address.is_multicast and text not in PUBLIC_NAME_SERVERS
    assert list(find(f"from {text}, twice")) == [text] * (is_public and len(text) > 7)


@given(st.ip_addresses(v=6, network="2a00::/12"))
def test_both_forms_of_a_version_6_address_give_the_same_result(address: ipaddress.IPv6Address) -> None:
    expected = [] if str(address).endswith("::") else [str(address)]
    assert list(find(f"from {address}, twice")) == expected
    assert list(find(f"[{address.exploded.upper()}]")) == [str(address)]


@given(st.text(alphabet="0123456789abcdef:. "))
def test_any_text_is_accepted(text: str) -> None:
    assert all(ipaddress.ip_address(address).is_global for address in find(text))
