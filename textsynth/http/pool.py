"""The connections to one server: opened when all are in use, kept between requests, the last used taken first.

Uses TLS for `https://`, and the proxy that the environment names.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping

from textsynth.core.errors import ModelError
from textsynth.http.address import Address
from textsynth.http.connection import Connection
from textsynth.http.response import ProtocolError, Response

CONNECT_TIMEOUT_SECONDS = 10.0
STALE_SECONDS = 1.0
"""Servers close connections that were idle for a while (uvicorn: 5 s), perhaps just when the next request is sent."""
OTHER_OPEN_FILES = 512


class ConnectError(Exception):
    """No connection could be made: nothing listens, the host is unknown, or there is no route."""


class ConnectionPool:
    """Sends requests to one server. `opened` counts the connections made so far."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self.opened = 0
        self._address = address
        self._idle: list[Connection] = []
        self._host, self._port = address.host_and_port
        self._proxy = Address(address.proxy_url) if address.proxy_url else None
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
        while self._idle:
            self._idle.pop().close()

    async def _send(self, request: bytes) -> Response:
        now = asyncio.get_running_loop().time
        start = now()
        connection = self._take_idle(start)
        if connection is not None:
            stale = start - connection.idle_since > STALE_SECONDS
            try:
                return self._release(connection, await connection.request(request), now())
            except (ProtocolError, OSError):
                if not stale or connection.response_started:
                    raise
        connection = await self._connect()
        return self._release(connection, await connection.request(request), now())

    def _take_idle(self, now: float) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable(now):
                return connection
        return None

    def _release(self, connection: Connection, response: Response, now: float) -> Response:
        if connection.open:
            connection.idle_since = now
            self._idle.append(connection)
        return response

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                connection = await self._open_connection()
        except TimeoutError as error:
            raise ConnectError(f"no connection within {CONNECT_TIMEOUT_SECONDS:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise ModelError(
                f"the certificate of {self._address.display_url} cannot be trusted: {error.verify_message}"
            ) from error
        except (OSError, ProtocolError) as error:
            raise ConnectError(error_reason(error)) from error
        self.opened += 1
        return connection

    async def _open_connection(self) -> Connection:
        loop = asyncio.get_running_loop()
        context = self._tls_context() if self._address.uses_tls else None
        if self._proxy is None:
            name = self._host if context is not None else None
            _, connection = await loop.create_connection(
                Connection, self._host, self._port, ssl=context, server_hostname=name
            )
            return connection
        _, connection = await loop.create_connection(Connection, *self._proxy.host_and_port)
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
