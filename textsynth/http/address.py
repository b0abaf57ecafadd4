"""A server's address: the base URL that a user writes, split into what a connection needs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from textsynth.core.errors import ModelError
from textsynth.http.proxy import Proxy, bypasses_proxy, find_proxy

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """The address of one server. `url` may hold a user and a password; `display_url` holds neither."""

    url: str

    @property
    def base_url(self) -> str:
        """The URL without a trailing slash and without an endpoint's name; a bare host gets `/v1`."""
        url = self.url.rstrip("/").removesuffix("/completions").removesuffix("/chat").rstrip("/")
        return f"{url}/v1" if not urlsplit(url).path else url

    @property
    def display_url(self) -> str:
        """The base URL for messages: without user, password and query."""
        parts = urlsplit(self.base_url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    @property
    def uses_tls(self) -> bool:
        """Whether connections to it use TLS."""
        return self.base_url.startswith("https://")

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Host and port. Raises ModelError where the URL has no valid ones."""
        parts = urlsplit(self.base_url)
        try:
            port = parts.port
        except ValueError:
            port = 0
        if not parts.hostname or port == 0 or not parts.hostname.isprintable() or " " in parts.hostname:
            raise ModelError(
                f"base_url {self.display_url!r} is not the address of a server; write one such as"
                " http://127.0.0.1:8000/v1"
            )
        return parts.hostname, port or DEFAULT_PORTS[parts.scheme]

    @property
    def host_header(self) -> str:
        """The value of the Host header."""
        netloc = urlsplit(self.base_url).netloc.rpartition("@")[2]
        return netloc if netloc.isascii() else netloc.encode("idna").decode("ascii")

    @property
    def basic_auth(self) -> str | None:
        """The value of an Authorization header with the URL's user and password; None where it has none."""
        parts = urlsplit(self.base_url)
        if parts.username is None:
            return None
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return "Basic " + base64.b64encode(credentials.encode()).decode("ascii")

    def path(self, endpoint: str) -> str:
        """Return the path of an endpoint below the base URL, with the query of the base URL."""
        parts = urlsplit(self.base_url)
        query = f"?{parts.query}" if parts.query else ""
        return quote(parts.path, safe="/%:@~!$&'()*+,;=") + endpoint + quote(query, safe="?/%:@~!$&'()*+,;=")

    def path_outside_v1(self, page: str) -> str:
        """Return the path of a page outside of `/v1`, where engines serve `/metrics` and `/tokenize`."""
        parts = urlsplit(self.base_url)
        return quote(parts.path.removesuffix("/v1"), safe="/%") + page

    @property
    def proxy(self) -> Proxy | None:
        """The proxy that the environment names for this server; None for a server on this machine.

        Raises ModelError where a variable has no address of a proxy that this client can use.
        """
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        if host in LOOPBACK or host.startswith("127."):
            return None
        port = self.host_and_port[1]
        return None if bypasses_proxy(host, port) else find_proxy(parts.scheme, host)
