"""Public IP addresses, version 4 and 6, as parsed by the standard library's `ipaddress`.

Ignores private, loopback, link-local, documentation and reserved ranges, public name servers, and version or section
numbers that look like an address (`1.2.3.4`, `version 10.4.1.22`, `§ 12.3.1.14`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_V4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)", re.ASCII)
_V6 = re.compile(r"(?<![\w:.])[23][0-9a-f]{3}:[0-9a-f:]{2,34}(?![\w:])", re.IGNORECASE | re.ASCII)
_VERSION = re.compile(
    r"(?:\b(?:v|ver|version|release|build|firmware|driver|section|sec|chapter|clause|article|rule|table|figure"
    r"|chrome|firefox|edge|android|ios|windows|update)\b|§)[ .:/]*\Z",
    re.IGNORECASE,
)
_NAME_SERVERS = """
8.8.4.4 1.0.0.1 208.67.222.222 208.67.220.220 149.112.112.112 94.140.14.14 94.140.15.15 2001:4860:4860::8888
2001:4860:4860::8844 2606:4700:4700::1111 2606:4700:4700::1001 2620:fe::fe 2620:fe::9
"""
PUBLIC_NAME_SERVERS = frozenset(_NAME_SERVERS.split())


def find(text: str) -> Iterator[str]:
    """Yield each address in its canonical short form, version 4 first."""
    if text.count(".") >= 3:
        for match in _V4.finditer(text):
            single_digits = len(match.group()) == len("1.2.3.4")
            if not single_digits and _VERSION.search(text[max(0, match.start() - 12) : match.start()]) is None:
                yield from _public(match.group())
    if text.count(":") >= 2:
        for match in _V6.finditer(text):
            yield from _public(match.group().rstrip(":"))


def _public(text: str) -> Iterator[str]:
    import ipaddress

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return
    if address.is_global and not address.is_multicast and str(address) not in PUBLIC_NAME_SERVERS:
        yield str(address)
