"""The proxy of an address, as the environment names it: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

Variables are read as curl and Go read them: in lower case first, an address with or without `http://`, and exceptions
as hosts, domains, addresses or networks. Reads no password from ~/.netrc.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from textsynth.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class Proxy:
    """The URL of a proxy, which begins with `http://`, and the variable that names it."""

    url: str
    variable: str


def find_proxy(scheme: str, host: str) -> Proxy | None:
    """Return the proxy to a host by `http` or `https`; None where there is none.

    Raises ModelError for a proxy of another kind.
    """
    variable = next((name for name in _variables(scheme) if os.environ.get(name, "").strip()), "")
    value = os.environ.get(variable, "").strip() if variable else _system_proxy(scheme, host)
    if not value:
        return None
    source = f"the environment variable {variable}" if variable else "the proxy settings of this system"
    url = value if "://" in value else f"http://{value}"
    return Proxy(_checked(url, source), source)


def bypasses_proxy(host: str, port: int) -> bool:
    """Return whether NO_PROXY excepts the host: by `*`, its name, a domain, its address or a network, with any port."""
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    return any(_excepts(entry, host.lower().rstrip("."), port) for entry in exceptions.replace(",", " ").split())


def _variables(scheme: str) -> list[str]:
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if "REQUEST_METHOD" in os.environ:  # a CGI script, where a client sets HTTP_PROXY with a header Proxy
        names = [name for name in names if name != "HTTP_PROXY"]
    return names


def _system_proxy(scheme: str, host: str) -> str:
    """Return the proxy in the settings of macOS or Windows; "" elsewhere."""
    is_set = any(name.lower() == f"{scheme}_proxy" for name in os.environ)
    return "" if is_set or proxy_bypass(host) else getproxies().get(scheme, "")


def _checked(url: str, source: str) -> str:
    """Return the URL of a proxy. Raises ModelError, without what may be a password, where it is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ModelError(f"{source} holds no address of a proxy; write one such as http://127.0.0.1:3128") from None
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme.lower() != "http":
        raise ModelError(
            f"{source} names the proxy {shown!r}, but only proxies with http:// can be used; write the address of one,"
            " or except the server with NO_PROXY"
        )
    if not host or port == 0 or not host.isprintable() or " " in host:
        raise ModelError(
            f"{source} names the proxy {shown!r}, which is no address; write one such as http://127.0.0.1:3128"
        )
    return url


def _excepts(entry: str, host: str, port: int) -> bool:
    entry = entry.strip().lower()
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        address = _address(host)
        return address is not None and address.version == network.version and address in network
    name, _, entry_port = entry.partition(":")
    if entry.startswith("["):
        name, _, entry_port = entry[1:].partition("]:")
        name = name.rstrip("]")
    if entry_port.isdigit() and int(entry_port[:6]) != port:
        return False
    if (address := _address(name)) is not None:
        return address == _address(host)
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(entry, strict=False) if "/" in entry or entry.count(":") > 1 else None
    except ValueError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
