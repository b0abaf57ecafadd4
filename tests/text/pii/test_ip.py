from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.text.pii.examples import IPS, NO_EMAILS, NO_IPS, NO_PHONES, NO_SSNS
from textsynth.text.pii.ip import PUBLIC_SERVERS, find


@pytest.mark.parametrize("text", IPS)
def test_a_public_address_is_found(text: str) -> None:
    (found,) = find(text)
    assert found in text


@pytest.mark.parametrize("text", [*NO_IPS, *NO_PHONES, *NO_EMAILS, *NO_SSNS, *PUBLIC_SERVERS])
def test_private_ones_versions_and_name_servers_are_passed_over(text: str) -> None:
    assert not list(find(text))


@given(st.ip_addresses(v=4))
def test_of_version_4_the_public_ones_are_found(address: ipaddress.IPv4Address) -> None:
    written = str(address)
    wanted = address.is_global and not address.is_multicast and written not in PUBLIC_SERVERS and len(written) > 7
    assert list(find(f"from {written}, twice")) == [written] * wanted


@given(st.ip_addresses(v=6, network="2a00::/12"))
def test_of_version_6_both_writings_are_found_and_told_alike(address: ipaddress.IPv6Address) -> None:
    wanted = [] if str(address).endswith("::") else [str(address)]
    assert list(find(f"from {address}, twice")) == wanted
    assert list(find(f"[{address.exploded.upper()}]")) == [str(address)]


@given(st.text(alphabet="0123456789abcdef:. "))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert all(ipaddress.ip_address(one).is_global for one in find(text))
