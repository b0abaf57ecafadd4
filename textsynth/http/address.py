"""A server's address: what people write as a base URL, read into what a connection needs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from textsynth.core.errors import ModelError

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """One server. `url` may hold a user and a password, `name` is for messages and holds neither."""

    url: str

    @property
    def root(self) -> str:
        """The base URL without a trailing slash; `/v1` is added to a bare host, an endpoint's name taken off."""
        url = self.url.rstrip("/").removesuffix("/completions").removesuffix("/chat").rstrip("/")
        return f"{url}/v1" if not urlsplit(url).path else url

    @property
    def name(self) -> str:
        """The root for messages: no user, no password, no query."""
        parts = urlsplit(self.root)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.root.startswith("https://")

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Host and port. Raises ModelError where the URL has none."""
        parts = urlsplit(self.root)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if not parts.hostname or port == 0 or not parts.hostname.isprintable() or " " in parts.hostname:
            raise ModelError(f"base_url {self.name!r} is no address a request can go to")
        return parts.hostname, port or PORTS[parts.scheme]

    @property
    def host(self) -> str:
        """What the header Host says."""
        netloc = urlsplit(self.root).netloc.rpartition("@")[2]
        return netloc if netloc.isascii() else netloc.encode("idna").decode("ascii")

    @property
    def basic_auth(self) -> str | None:
        """The user and password of the URL as an Authorization header has them."""
        parts = urlsplit(self.root)
        if parts.username is None:
            return None
        told = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return "Basic " + base64.b64encode(told.encode()).decode("ascii")

    def path(self, endpoint: str) -> str:
        """Return the path of an endpoint below the root, with the query of the base URL."""
        parts = urlsplit(self.root)
        query = f"?{parts.query}" if parts.query else ""
        return quote(parts.path, safe="/%:@~!$&'()*+,;=") + endpoint + quote(query, safe="?/%:@~!$&'()*+,;=")

    def sibling(self, page: str) -> str:
        """Return the path of a page beside the root, where engines keep `/metrics` and `/tokenize`."""
        parts = urlsplit(self.root)
        return quote(parts.path.removesuffix("/v1"), safe="/%") + page

    @property
    def proxy(self) -> str | None:
        """The proxy that the environment names for it; a server on this machine is never reached through one."""
        # not the password of ~/.netrc, which trust_env of HTTP libraries takes along
        from urllib.request import getproxies, proxy_bypass

        parts = urlsplit(self.root)
        host = parts.hostname or ""
        if host in LOOPBACK or host.startswith("127.") or proxy_bypass(host):
            return None
        return getproxies().get(parts.scheme)
