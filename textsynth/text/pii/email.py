"""E-mail addresses: a local part, `@`, and a domain that ends with letters.

Ignores the domains that RFC 2606 and RFC 6761 reserve for examples, and `@` used for "at" (`5@1.20`, `meet@noon`,
`@name`). An address is also found where the next sentence follows its domain without a space (`a@b.org.Thanks`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_LOCAL_LENGTH = 64
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]*[\w+-]\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w@])", re.IGNORECASE
)
_NEXT_SENTENCE = re.compile(r"(?<=[a-z0-9])\.[A-Z][a-z]+\Z")
RESERVED_DOMAINS = re.compile(r"(?:^|\.)(?:example\.(?:com|org|net|edu)|example|test|invalid|localhost|local)\Z")


def find(text: str) -> Iterator[str]:
    """Yield each address in lower case, in text order."""
    index = text.find("@")
    while index >= 0:
        domain = _DOMAIN.match(text, index + 1)
        local = _LOCAL.search(text[max(0, index - MAX_LOCAL_LENGTH) : index]) if domain is not None else None
        if domain is not None and local is not None:
            host = _host(domain.group())
            name = local.group().lstrip(".'`*/{|=-!?").lower()
            if host and name and RESERVED_DOMAINS.search(host) is None:
                yield f"{name}@{host}"
        index = text.find("@", index + 1)


def _host(domain: str) -> str:
    """Return the domain in lower case without the first word of a next sentence; "" where no dot remains."""
    host = domain if domain[:1].isupper() else _NEXT_SENTENCE.sub("", domain)
    return host.lower() if "." in host else ""
