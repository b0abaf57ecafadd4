"""The connections to one server: opened when there are too few, kept between requests, used by the last one first.

Speaks TLS for `https://`, and goes through the proxy that the environment names.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping

from textsynth.core.errors import ModelError
from textsynth.http.address import Address
from textsynth.http.body import ProtocolError
from textsynth.http.connection import Connection, Reply

CONNECT_SECONDS = 10.0
# Engines close a connection that was idle for a while (uvicorn: 5 s); just then a request may be under way to it.
STALE_SECONDS = 1.0


class ConnectError(Exception):
    """No connection: nobody listens, no such host, no way there."""


class ConnectionPool:
    """Sends requests to one server. `opened` counts the connections made so far."""

    def __init__(self, address: Address, headers: Mapping[str, str]) -> None:
        self.opened = 0
        self._address = address
        self._idle: list[Connection] = []
        self._host, self._port = address.host_and_port
        self._proxy = Address(address.proxy) if address.proxy else None
        given = {"Host": address.host, "Accept": "application/json", "Accept-Encoding": "identity", **headers}
        if self._proxy is not None and not address.secure and self._proxy.basic_auth is not None:
            given["Proxy-Authorization"] = self._proxy.basic_auth
        self._before = f"http://{address.host}" if self._proxy is not None and not address.secure else ""
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._heads: dict[str, bytes] = {}
        self._context: ssl.SSLContext | None = None

    async def post(self, path: str, body: bytes) -> Reply:
        """Send JSON. Raises Away where there is no connection, Broken and OSError where one breaks off."""
        head = self._heads.get(path)
        if head is None:
            start = f"POST {self._before}{path} HTTP/1.1\r\n{self._headers}Content-Type: application/json\r\n"
            head = self._heads[path] = f"{start}Content-Length: ".encode("latin-1")
        return await self._send(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    async def get(self, path: str) -> Reply:
        """Fetch a page; see `post`."""
        return await self._send(f"GET {self._before}{path} HTTP/1.1\r\n{self._headers}\r\n".encode("latin-1"))

    def close(self) -> None:
        """Close the connections that carry nothing."""
        while self._idle:
            self._idle.pop().close()

    async def _send(self, request: bytes) -> Reply:
        now = asyncio.get_running_loop().time
        connection = self._kept()
        if connection is not None:
            stale = now() - connection.idle_since > STALE_SECONDS
            try:
                return self._back(connection, await connection.request(request), now())
            except (ProtocolError, OSError):
                if not stale or connection.began:
                    raise
        connection = await self._connect()
        return self._back(connection, await connection.request(request), now())

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        return None

    def _back(self, connection: Connection, reply: Reply, now: float) -> Reply:
        if reply.keep_alive and connection.open:
            connection.idle_since = now
            self._idle.append(connection)
        return reply

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await self._dial()
        except TimeoutError as fault:
            raise ConnectError(f"no connection within {CONNECT_SECONDS:g} s") from fault
        except ssl.SSLCertVerificationError as fault:
            raise ModelError(
                f"the certificate of {self._address.name} cannot be trusted: {fault.verify_message}"
            ) from fault
        except (OSError, ProtocolError) as fault:
            raise ConnectError(connect_error_reason(fault)) from fault
        self.opened += 1
        return connection

    async def _dial(self) -> Connection:
        loop = asyncio.get_running_loop()
        secure = self._tls() if self._address.secure else None
        if self._proxy is None:
            name = self._host if secure is not None else None
            _, made = await loop.create_connection(Connection, self._host, self._port, ssl=secure, server_hostname=name)
            return made
        _, connection = await loop.create_connection(Connection, *self._proxy.host_and_port)
        if secure is not None:
            await self._tunnel(connection, secure)
        return connection

    async def _tunnel(self, connection: Connection, secure: ssl.SSLContext) -> None:
        assert self._proxy is not None
        place = f"{self._host}:{self._port}"
        allowed = f"Proxy-Authorization: {self._proxy.basic_auth}\r\n" if self._proxy.basic_auth is not None else ""
        await connection.tunnel(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{allowed}\r\n".encode("latin-1"))
        await connection.start_tls(secure, self._host)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        return self._context


def connect_error_reason(fault: Exception) -> str:
    """Return what an operating system's error says, in its own words."""
    words = str(fault) if isinstance(fault, ProtocolError) else type(fault).__name__
    if isinstance(fault, OSError):
        # a name that is not found has a negative number of its own
        words = os.strerror(fault.errno) if fault.errno and fault.errno > 0 else fault.strerror or words
    return words[:1].lower() + words[1:]


def raise_file_limit(connections: int) -> None:
    """Raise this process's limit of open files so that so many connections fit; systems often allow 1,024."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 512
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
