"""One HTTP/1.1 connection that carries one exchange at a time and is kept between exchanges.

An exchange takes about a third of the CPU time that it takes in aiohttp, which decides how many requests a second a
run can send (figures: eval/README.md). llhttp parses the responses; see response.py for the bounds.

Does not follow redirects, keep cookies, pipeline, or support HTTP/2.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import TYPE_CHECKING

from textsynth.core.errors import ModelError
from textsynth.http.response import ProtocolError, Response, ResponseParser

if TYPE_CHECKING:
    import ssl

TIMEOUT_RESPONSES = (b"HTTP/1.1 408", b"HTTP/1.0 408")
"""What some proxies send, unasked, before they close an idle connection."""


class Connection(asyncio.Protocol):
    """A connection to a server or a proxy; an exchange that fails or is cancelled closes it.

    So does any byte that arrives outside of an exchange: it must never be taken for the response to a later request.
    `on_unrequested` is called once the server has sent bytes that belong to no request. `idle_since` is set by the
    pool; `exchanges` counts the requests sent so far.
    """

    def __init__(self, on_unrequested: Callable[[], None] = lambda: None) -> None:
        self.open = False
        self.idle_since = 0.0
        self.exchanges = 0
        self._on_unrequested = on_unrequested
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[Response] | None = None
        self._parser = ResponseParser()

    @property
    def response_started(self) -> bool:
        """Whether any byte of the response to the last request arrived."""
        return self._parser.started

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; called again when TLS has been put over it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.open = True
        socket = transport.get_extra_info("socket")
        if socket is not None:
            self._poll = select.poll()
            self._poll.register(socket.fileno(), select.POLLIN)

    def is_reusable(self) -> bool:
        """Return whether another request may be sent; closes a connection on which the server sent anything.

        That includes bytes, and the end of the connection, that have reached the socket but not yet the event loop.
        """
        if self.open and self._poll is not None and self._poll.poll(0):
            self.close()
        return self.open

    async def request(self, request: bytes) -> Response:
        """Send a request and return the response. Raises ProtocolError, and OSError where the connection fails."""
        transport = self._transport
        if transport is None or not self.open or self._waiter is not None:
            raise ProtocolError("the connection was closed before the request was sent")
        waiter: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        self.exchanges += 1
        self._parser.expect(request[: request.find(b" ")])
        is_complete = False
        try:
            transport.write(request)
            response = await waiter
            is_complete = True
        finally:
            self._waiter = None
            if not is_complete:
                self.close()
        return response

    async def open_tunnel(self, request: bytes) -> None:
        """Send a CONNECT request to a proxy. Raises ProtocolError, with the status, where it is refused."""
        response = await self.request(request)
        if response.status == 407:
            raise ModelError(
                "the proxy asks for a user and a password (HTTP 407); write them into its address, as in"
                " http://USER:PASSWORD@HOST:PORT"
            )
        if response.status != 200:
            raise ProtocolError(f"the proxy answers HTTP {response.status}")
        if not self.open:
            raise ProtocolError("the proxy sent data before the TLS handshake")

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Put TLS over the connection."""
        assert self._transport is not None
        transport = await asyncio.get_running_loop().start_tls(self._transport, self, context, server_hostname=host)
        assert transport is not None
        self.connection_made(transport)

    def abort_exchange(self, reason: str) -> None:
        """Close the connection; the exchange in progress raises ProtocolError with the reason."""
        if self._waiter is not None and not self._waiter.done():
            self._fail(ProtocolError(reason))

    def close(self) -> None:
        """Close the connection at once."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a complete response ends the exchange. Bytes outside of an exchange close the connection."""
        if self._waiter is None or self._waiter.done():
            self.close()
            if data.strip() and not data.startswith(TIMEOUT_RESPONSES):
                self._on_unrequested()
            return
        try:
            response = self._parser.feed(data)
        except ProtocolError as error:
            self._fail(error)
            return
        if response is not None:
            self._finish(response)

    def eof_received(self) -> None:
        """Let the transport close; `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange: complete where the body ends with the connection, else with an error."""
        self.open = False
        if self._waiter is None or self._waiter.done():
            return
        if exc is not None:
            self._fail(exc)
            return
        try:
            response = self._parser.feed_eof()
        except ProtocolError as error:
            self._fail(error)
        else:
            self._finish(response)

    def _finish(self, response: Response) -> None:
        assert self._waiter is not None
        self._waiter.set_result(response)
        # A server that responds before it has read the whole request may take the rest for another one.
        if not response.keep_alive or (self._transport is not None and self._transport.get_write_buffer_size()):
            self.close()
        if self._parser.has_unrequested:
            self._on_unrequested()

    def _fail(self, error: Exception) -> None:
        assert self._waiter is not None
        self._waiter.set_exception(error)
        self.close()
