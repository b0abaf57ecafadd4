"""The connections to one server: opened when all are in use, kept between requests, the last used taken first.

A connection rests after each exchange before it is used again: a response that no request asked for, which usually
follows the proper one at once, arrives meanwhile and closes the connection, so that it is never taken for the response
to another request. After the first one seen, no connection of this server is used twice.

Uses TLS for `https://`, and the proxy that the environment names.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from weakref import WeakSet

from textsynth.core.errors import ModelError
from textsynth.http.address import Address
from textsynth.http.connection import Connection
from textsynth.http.response import ProtocolError, Response

CONNECT_TIMEOUT_SECONDS = 10.0
STALE_SECONDS = 1.0
"""Servers close connections that were idle for a while (uvicorn: 5 s), perhaps just when the next request is sent."""
REST_SECONDS = 0.1
"""How long a connection is watched before it is used again; at 50 exchanges a second that takes 5 connections more."""
UNCHECKED_SECONDS = 0.02
"""Where the event loop has read responses this recently, it has also read what arrived on resting connections."""
OTHER_OPEN_FILES = 512
UNREQUESTED = "the server sent a response that no request asked for"


class ConnectError(Exception):
    """No connection could be made: nothing listens, the host is unknown, or there is no route."""


class ProxyError(ConnectError):
    """No connection to a proxy could be made, or the proxy makes none to the server."""

    def __init__(self, message: str, source: str) -> None:
        super().__init__(message)
        self.cure = f"start it, correct {source}, or except the server with NO_PROXY"


class ConnectionPool:
    """Sends requests to one server. `opened` counts the connections made so far; `log` takes a line for the user."""

    def __init__(
        self, address: Address, headers: Mapping[str, str], log: Callable[[str], None] = lambda _: None
    ) -> None:
        self.opened = 0
        self._address = address
        self._log = log
        self._reuses = True
        self._resting: deque[Connection] = deque()  # in the order in which their last exchanges ended
        self._idle: list[Connection] = []
        self._connections: WeakSet[Connection] = WeakSet()
        self._last_read = 0.0
        self._host, self._port = address.host_and_port
        proxy = address.proxy
        self._proxy = None if proxy is None else Address(proxy.url)
        self._proxy_source = "" if proxy is None else proxy.variable
        all_headers = {
            "Host": address.host_header,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **headers,
        }
        forwarded = self._proxy is not None and not address.uses_tls
        if forwarded and self._proxy is not None and self._proxy.basic_auth is not None:
            all_headers["Proxy-Authorization"] = self._proxy.basic_auth
        self._url_prefix = f"http://{address.host_header}" if forwarded else ""
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        self._post_heads: dict[str, bytes] = {}
        self._ssl_context: ssl.SSLContext | None = None

    async def post(self, path: str, body: bytes) -> Response:
        """Send JSON and return the response.

        Raises ConnectError where there is no connection, ProtocolError and OSError where an exchange fails.
        """
        head = self._post_heads.get(path)
        if head is None:
            start = f"POST {self._url_prefix}{path} HTTP/1.1\r\n{self._headers}Content-Type: application/json\r\n"
            head = self._post_heads[path] = f"{start}Content-Length: ".encode("latin-1")
        return await self._send(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    async def get(self, path: str) -> Response:
        """Send a GET request and return the response; see `post`."""
        return await self._send(f"GET {self._url_prefix}{path} HTTP/1.1\r\n{self._headers}\r\n".encode("latin-1"))

    def close(self) -> None:
        """Close the idle connections."""
        for connection in (*self._idle, *self._resting):
            connection.close()
        self._idle.clear()
        self._resting.clear()

    async def _send(self, request: bytes) -> Response:
        start = asyncio.get_running_loop().time()
        connection = self._take_idle(start)
        if connection is not None:
            stale = start - connection.idle_since > STALE_SECONDS
            try:
                return self._release(connection, await connection.request(request))
            except (ProtocolError, OSError):
                if not stale or connection.response_started or not self._reuses:
                    raise
        connection = await self._connect()
        return self._release(connection, await connection.request(request))

    def _take_idle(self, now: float) -> Connection | None:
        while self._resting and now - self._resting[0].idle_since >= REST_SECONDS:
            self._idle.append(self._resting.popleft())
        while self._idle:
            connection = self._idle.pop()
            is_fresh = now - self._last_read < UNCHECKED_SECONDS
            if connection.open if is_fresh else connection.is_reusable():
                return connection
        return None

    def _release(self, connection: Connection, response: Response) -> Response:
        if not self._reuses:
            connection.close()
        elif connection.open:
            connection.idle_since = self._last_read = asyncio.get_running_loop().time()
            self._resting.append(connection)
        return response

    def _on_unrequested(self) -> None:
        """Use no connection twice from now on, and repeat what is in flight on one that was used before."""
        if not self._reuses:
            return
        self._reuses = False
        self.close()
        for connection in list(self._connections):
            if connection.exchanges > 1:
                connection.abort_exchange(UNREQUESTED)
        self._log(f"{UNREQUESTED}; it is ignored, and each request gets its own connection from now on")

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                connection = await self._open_connection()
        except TimeoutError as error:
            raise self._connect_error(f"no connection within {CONNECT_TIMEOUT_SECONDS:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise ModelError(
                f"the certificate of {self._address.display_url} cannot be trusted: {error.verify_message}"
            ) from error
        except (OSError, ProtocolError) as error:
            raise self._connect_error(error_reason(error)) from error
        self.opened += 1
        self._connections.add(connection)
        return connection

    def _connect_error(self, reason: str) -> ConnectError:
        if self._proxy is None:
            return ConnectError(reason)
        shown = "http://" + ":".join(map(str, self._proxy.host_and_port))
        return ProxyError(f"{reason} (through the proxy {shown} that {self._proxy_source} names)", self._proxy_source)

    def _new_connection(self) -> Connection:
        return Connection(self._on_unrequested)

    async def _open_connection(self) -> Connection:
        loop = asyncio.get_running_loop()
        context = self._tls_context() if self._address.uses_tls else None
        if self._proxy is None:
            name = self._host if context is not None else None
            _, connection = await loop.create_connection(
                self._new_connection, self._host, self._port, ssl=context, server_hostname=name
            )
            return connection
        _, connection = await loop.create_connection(self._new_connection, *self._proxy.host_and_port)
        if context is not None:
            await self._open_tunnel(connection, self._proxy.basic_auth)
            await connection.start_tls(context, self._host)
        return connection

    async def _open_tunnel(self, connection: Connection, proxy_auth: str | None) -> None:
        server = f"{self._host}:{self._port}"
        auth = "" if proxy_auth is None else f"Proxy-Authorization: {proxy_auth}\r\n"
        await connection.open_tunnel(f"CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n{auth}\r\n".encode("latin-1"))

    def _tls_context(self) -> ssl.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context()
        return self._ssl_context


def error_reason(error: Exception) -> str:
    """Return what went wrong with a connection, in the words of the operating system where it is an OSError."""
    reason = str(error) if isinstance(error, ProtocolError) else type(error).__name__
    if isinstance(error, OSError):
        # the number of a host name that is not found is negative, and known to getaddrinfo alone
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or reason
    return reason[:1].lower() + reason[1:]


def raise_file_limit(connections: int) -> None:
    """Raise this process's limit of open files to hold that many connections; systems often allow 1,024."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + OTHER_OPEN_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
