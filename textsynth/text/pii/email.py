"""E-mail addresses: a local part, `@`, and a domain that ends with letters.

Passed over: the domains that RFC 2606 and RFC 6761 keep for examples, and what people write with `@` for «at»
(`5@1.20`, `meet@noon`, `@name`). A sentence that goes on without a space after the domain (`a@b.org.Thanks`) does not
hide it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_LOCAL = 64
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]*[\w+-]\Z")
_DOMAIN = re.compile(
    r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+(?:xn--[a-z0-9-]{2,59}|[^\W\d_]{2,24})(?![\w@])", re.IGNORECASE
)
_NEXT_SENTENCE = re.compile(r"(?<=[a-z0-9])\.[A-Z][a-z]+\Z")
RESERVED_DOMAINS = re.compile(r"(?:^|\.)(?:example\.(?:com|org|net|edu)|example|test|invalid|localhost|local)\Z")


def find(text: str) -> Iterator[str]:
    """Yield each address in lower case, in the text's order."""
    at = text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        local = _LOCAL.search(text[max(0, at - LONGEST_LOCAL) : at]) if domain is not None else None
        if domain is not None and local is not None:
            host = _host(domain.group())
            name = local.group().lstrip(".'`*/{|=-!?").lower()
            if host and name and RESERVED_DOMAINS.search(host) is None:
                yield f"{name}@{host}"
        at = text.find("@", at + 1)


def _host(written: str) -> str:
    """Return the domain in lower case, without a next sentence's first word; "" where nothing with a dot is left."""
    host = written if written[:1].isupper() else _NEXT_SENTENCE.sub("", written)
    return host.lower() if "." in host else ""
