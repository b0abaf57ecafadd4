"""Parsing of HTTP/1.1 responses with llhttp: every size is bounded, also that of a decompressed body."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES = 64 * 1024
MAX_LINE_BYTES = 64 * 1024
"""The most bytes in a row that belong to chunk headers or trailers and not to the body."""
MAX_BODY_BYTES = 32 * 1024 * 1024
"""The largest body, before and after decompression: a response that never ends must not fill the memory."""
MAX_LENGTH_DIGITS = 18
BODILESS_METHODS = (b"HEAD", b"CONNECT")
COMPRESSIONS = (b"gzip", b"x-gzip", b"deflate")


class ProtocolError(Exception):
    """The response is incomplete, too large, or not valid HTTP/1.1."""


class InvalidResponse(ProtocolError):
    """The response is too large, or not valid HTTP/1.1: no break of the connection, but what the server sends."""


class Response(NamedTuple):
    """A complete response. `headers` has lower-case names; `keep_alive` says that the connection can be used again."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes
    keep_alive: bool = True

    def header(self, name: str) -> str | None:
        """Return the value of a header, whose name may be in any case; None where there is none."""
        value = self.headers.get(name.lower().encode("latin-1"))
        return None if value is None else value.strip().decode("latin-1")


class ResponseParser:
    """Parses the responses of one connection, one after the other: `expect` a response, then `feed` it.

    Informational responses (1xx) are skipped. `started` says whether any byte of the expected response arrived,
    `has_unrequested` whether anything but blank lines arrived behind it.
    """

    __slots__ = (
        "_body", "_body_bytes", "_bytes", "_bytes_at_progress", "_error", "_has_surplus", "_headers", "_is_complete",
        "_keep_alive", "_method", "_parser", "_status", "has_unrequested", "started",
    )  # fmt: skip

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)  # reused: a new one for each response takes longer than the parsing
        self.expect(b"GET")

    def expect(self, method: bytes) -> None:
        """Begin with the response to a request of this method: those to HEAD and CONNECT have no body."""
        self.started = self._is_complete = self._keep_alive = False
        self._has_surplus = self.has_unrequested = False
        self._method = method
        self._headers: dict[bytes, bytes] = {}
        self._status = 0  # that of the response, once its head is complete
        self._body: list[bytes] = []
        self._body_bytes = self._bytes = self._bytes_at_progress = 0
        self._error: str | None = None

    def feed(self, data: bytes) -> Response | None:
        """Parse the next bytes; return the response once it is complete. Raises ProtocolError.

        Bytes behind the end of the response make its `keep_alive` False.
        """
        if not self.started and not data.startswith(b"HTTP/"[: len(data)]):
            raise InvalidResponse(f"the response is not HTTP: it begins with {bytes(data[:40])!r}")
        self.started = True
        self._bytes += len(data)
        try:
            if data.endswith((b"\r", b"\n")) or self._method in BODILESS_METHODS:
                self._feed_last_byte_alone(data)
            else:
                self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self._is_complete and self._error is None:
                raise InvalidResponse(f"the response is not valid HTTP: {error}") from error
            self._has_surplus = self.has_unrequested = True
        if self._error is not None:
            raise InvalidResponse(self._error)
        if self._is_complete:
            return self._response(keep_alive=self._keep_alive and not self._has_surplus)
        self._check_progress()
        return None

    def feed_eof(self) -> Response:
        """Return the response whose body ends with the connection. Raises ProtocolError where it is incomplete."""
        chunked = self._headers.get(b"transfer-encoding", b"").strip().lower().endswith(b"chunked")
        if not self._status or b"content-length" in self._headers or chunked:
            raise ProtocolError("the server closed the connection before the response was complete")
        return self._response(keep_alive=False)

    def on_message_begin(self) -> None:
        """Note that bytes follow the response; blank lines do not get here."""
        if self._is_complete:
            self._has_surplus = self.has_unrequested = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those behind the body (trailers) are ignored."""
        if not self._status:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Read the status from the head, and whether a body follows."""
        if self._status:
            return
        parser = self._parser
        status = parser.get_status_code()
        if status >= 200:
            self._status = status
            self._bytes_at_progress = self._bytes
            self._check_head(parser.get_http_version())
            is_tunnel = self._method == b"CONNECT" and status < 300
            self._is_complete = is_tunnel or self._method == b"HEAD"
            self._keep_alive = is_tunnel or parser.should_keep_alive()
        elif status == 101:
            self._error = "the server switches to another protocol (HTTP 101)"
        else:
            self._headers.clear()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._is_complete:
            return
        self._bytes_at_progress = self._bytes
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > MAX_BODY_BYTES:
            self._error = f"the response body exceeds {MAX_BODY_BYTES:,} bytes"

    def on_message_complete(self) -> None:
        """Note the end of the response; an informational response is followed by another one."""
        if self._status:
            self._is_complete = True

    def _feed_last_byte_alone(self, data: bytes) -> None:
        """Parse the last byte on its own: a response that is complete without it is followed by other bytes.

        llhttp skips blank lines without a callback, so `on_message_begin` alone would miss them.
        """
        self._parser.feed_data(data[:-1])
        self._has_surplus = self._is_complete
        if not self._is_complete:
            self._parser.feed_data(data[-1:])

    def _check_head(self, version: str) -> None:
        length = self._headers.get(b"content-length", b"").strip()
        if version not in ("1.1", "1.0"):
            self._error = f"the response has HTTP version {version}; expected 1.1"
        elif self._bytes > MAX_HEAD_BYTES and sum(map(len, chain(*self._headers.items()))) > MAX_HEAD_BYTES:
            self._error = f"the response head exceeds {MAX_HEAD_BYTES:,} bytes"
        elif len(length) > MAX_LENGTH_DIGITS:
            self._error = f"the Content-Length of the response has {len(length):,} digits"
        elif length and int(length) > MAX_BODY_BYTES:
            self._error = f"the response body has {int(length):,} bytes; the limit is {MAX_BODY_BYTES:,}"

    def _check_progress(self) -> None:
        """Raise ProtocolError where a head, the line before a chunk, or the trailers do not end."""
        size = self._bytes - self._bytes_at_progress
        if not self._status and size > MAX_HEAD_BYTES:
            raise InvalidResponse(f"the response head exceeds {MAX_HEAD_BYTES:,} bytes")
        if size > MAX_LINE_BYTES:
            raise InvalidResponse(f"a chunk header or the trailers of the response exceed {MAX_LINE_BYTES:,} bytes")

    def _response(self, *, keep_alive: bool) -> Response:
        if self._method in BODILESS_METHODS:
            self._parser = HttpResponseParser(self)  # the other one still waits for the body
        body = b"".join(self._body)
        self._body.clear()
        compression = self._headers.get(b"content-encoding")
        if compression is not None:
            body = decompress(body, compression.strip().lower())
        return Response(self._status, self._headers, body, keep_alive)


def decompress(data: bytes, compression: bytes) -> bytes:
    """Return the body without its gzip or deflate compression, which some proxies add unasked. Raises ProtocolError."""
    if compression == b"identity":
        return data
    if compression not in COMPRESSIONS:
        raise InvalidResponse(f"the response body has the Content-Encoding {compression!r}; expected gzip or deflate")
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)  # the header says whether it is zlib or gzip
    try:
        body = decompressor.decompress(data, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise InvalidResponse(f"the response body cannot be decompressed: {error}") from error
    if len(body) > MAX_BODY_BYTES:
        raise InvalidResponse(f"the decompressed response body exceeds {MAX_BODY_BYTES:,} bytes")
    if not decompressor.eof:
        raise ProtocolError("the response body cannot be decompressed: it is incomplete")
    return body
