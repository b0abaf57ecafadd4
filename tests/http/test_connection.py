"""HTTP/1.1 as servers speak it, in any pieces; responses that are not HTTP; and bytes outside of an exchange."""

from __future__ import annotations

import asyncio
import functools
import gzip
import zlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.mock import CLOSE
from tests.models.raw_server import RawServer, Respond, raw_server, response, wait_until
from textsynth.http.connection import Connection
from textsynth.http.response import MAX_BODY_BYTES, ProtocolError, Response

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\n\r\n"


def with_connection(respond: Respond, work: Callable[[Connection, RawServer], Awaitable[object]]) -> None:
    """Run `work` with a connection to a server that responds as `respond` says."""

    async def go() -> None:
        async with raw_server(respond) as server:
            _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", server.port)
            try:
                await work(connection, server)
            finally:
                connection.close()

    asyncio.run(asyncio.wait_for(go(), 60))


def responses_to(respond: Respond, times: int = 1, request: bytes = GET) -> list[Response]:
    """Send the request `times` times over one connection, and return the responses."""
    responses: list[Response] = []

    async def work(connection: Connection, _: RawServer) -> None:
        responses.extend([await connection.request(request) for _ in range(times)])

    with_connection(respond, work)
    return responses


@pytest.mark.parametrize(
    ("pieces", "body", "keep_alive"),
    [
        ([response(b"hello")], b"hello", True),
        ([response(b"")], b"", True),
        ([b"HTTP/1.1 204 No\r\n\r\n"], b"", True),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", response(b"then")], b"then", True),
        ([b"HTTP/1.1 103 Early\r\nLink: a\r\n\r\n" + response(b"then")], b"then", True),
        ([response(b"bye", 200, "Connection: close")], b"bye", False),
        ([b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi"], b"hi", False),
        ([b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi"], b"hi", True),
        ([b"HTTP/1.1 200 OK\r\n\r\nto the end", CLOSE], b"to the end", False),
        ([CHUNKED + b"5\r\nhello\r\n", b"6;ext=1\r\n there\r\n0\r\n\r\n"], b"hello there", True),
        ([CHUNKED + b"2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n"], b"hi", True),
        ([response(gzip.compress(b"text"), 200, "Content-Encoding: gzip")], b"text", True),
        ([response(zlib.compress(b"text"), 200, "content-encoding: deflate")], b"text", True),
        ([response(b"text", 200, "content-encoding: identity")], b"text", True),
        ([response(b"longer than its length") + b"HTTP/1.1"], b"longer than its length", False),
    ],
)
def test_responses_of_every_shape_are_read(pieces: list[object], body: bytes, keep_alive: bool) -> None:
    (parsed,) = responses_to(lambda _: pieces)
    assert (parsed.body, parsed.keep_alive) == (body, keep_alive)
    assert 200 <= parsed.status < 300


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([CLOSE], "closed the connection before"),
        ([response(b"hello")[:-2], CLOSE], "closed the connection before"),
        ([CHUNKED + b"5\r\nhel", CLOSE], "closed the connection before"),
        ([b"HTTP/1.1 200 OK\r\nx: y\r\n", CLOSE], "closed the connection before"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", CLOSE], "closed the connection before"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "is not HTTP: it begins with b'SSH-2.0"),
        ([b"HTTP/1.1 twohundred\r\n\r\n"], "is not valid HTTP: Invalid status code"),
        ([b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n"], r"has HTTP version 2\.0; expected 1\.1"),
        ([b"HTTP/1.1 101 Switching\r\n\r\n"], "another protocol"),
        ([b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"], "another protocol"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"], "Invalid character in Content-Length"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"], "99,999,999,999 bytes; the limit is"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n"], "Content-Length overflow"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: " + b"0" * 5000 + b"\r\n\r\n"], "has 5,000 digits"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"], "is not valid HTTP"),
        ([CHUNKED + b"zz\r\n"], "Invalid character in chunk size"),
        ([CHUNKED + b"-5\r\nhello\r\n"], "Invalid character in chunk size"),
        ([CHUNKED + b"2\r\nhello\r\n0\r\n\r\n"], "is not valid HTTP: Expected LF after chunk data"),
        ([CHUNKED + b"fffffffff\r\n", *[bytes(1 << 20)] * 40], "body exceeds 33,554,432 bytes"),
        ([CHUNKED, b"1" * 70_000], "Chunk size overflow"),
        ([CHUNKED, b"5;", *[b"x" * 20_000] * 40], "a chunk header or the trailers of the response exceed"),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000], "head exceeds 65,536 bytes"),
        ([response(b"no gzip", 200, "Content-Encoding: gzip")], "cannot be decompressed"),
        ([response(b"?", 200, "Content-Encoding: br")], "has the Content-Encoding b'br'"),
        ([response(gzip.compress(bytes(MAX_BODY_BYTES + 1)), 200, "Content-Encoding: gzip")], "body exceeds"),
    ],
)
def test_an_incomplete_or_invalid_response_is_a_protocol_error(pieces: list[object], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        responses_to(lambda _: pieces)


def test_an_endless_body_ends_at_the_size_limit() -> None:
    endless = [b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(1 << 20)] * 40]
    with pytest.raises(ProtocolError, match=r"body exceeds 33,554,432 bytes"):
        responses_to(lambda _: endless)


def test_a_connection_is_used_again_and_headers_are_found_in_any_case() -> None:
    first, second = responses_to(lambda _: [response(b"x", 429, "Retry-After: 7")], times=2)
    assert first.header("retry-after") == second.header("Retry-After") == "7"
    assert first.header("x-none") is None


def test_the_response_to_head_has_no_body_and_the_next_one_is_read_from_its_start() -> None:
    head = b"HEAD / HTTP/1.1\r\n\r\n"

    async def work(connection: Connection, _: RawServer) -> None:
        assert (await connection.request(head)).body == b""
        assert (await connection.request(GET)).body == b"hello"

    with_connection(lambda request: [response(b"hello")[: -5 if request == head else None]], work)


def test_a_second_response_50_ms_after_the_first_closes_the_connection() -> None:
    async def work(connection: Connection, server: RawServer) -> None:
        assert (await connection.request(GET)).body == b"one"
        assert connection.is_reusable()
        await wait_until(lambda: not connection.open)
        with pytest.raises(ProtocolError, match="closed before the request was sent"):
            await connection.request(GET)
        assert len(server.requests) == 1

    with_connection(lambda _: [response(b"one"), 0.05, response(b"two")], work)


def test_bytes_that_the_event_loop_has_not_seen_yet_make_a_connection_unusable() -> None:
    """The transport does not read while the second response arrives, as if the loop were busy with other work."""

    async def work(connection: Connection, _: RawServer) -> None:
        assert (await connection.request(GET)).body == b"one"
        assert connection._transport is not None
        connection._transport.pause_reading()
        assert connection.open
        await wait_until(lambda: not connection.is_reusable())
        assert not connection.open

    with_connection(lambda _: [response(b"one"), 0.05, response(b"two")], work)


@pytest.mark.parametrize("surplus", [b"?", b"\r\n", response(b"two")])
def test_a_body_longer_than_its_content_length_closes_the_connection(surplus: bytes) -> None:
    async def work(connection: Connection, _: RawServer) -> None:
        parsed = await connection.request(GET)
        assert (parsed.body, parsed.keep_alive) == (b"one", False)
        assert not connection.open

    with_connection(lambda _: [response(b"one") + surplus], work)


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([response(b"one"), 0.02, response(b"two")], 1),
        ([response(b"one") + response(b"two")], 1),
        ([response(b"one") + b"garbage"], 1),
        ([response(b"one") + b"\r\n"], 0),
        ([response(b"one"), 0.02, b"\r\n"], 0),
        ([response(b"one"), 0.02, response(b"", 408), CLOSE], 0),
        ([response(b"one"), 0.02, CLOSE], 0),
        ([b"HTTP/1.1 103 Early\r\n\r\n" + response(b"one")], 0),
        ([response(b"one"), 0.02, b"HTTP/1.1 103 Early\r\n\r\n"], 1),
    ],
)
def test_a_response_that_no_request_asked_for_is_reported(pieces: list[object], calls: int) -> None:
    reports: list[None] = []

    async def go() -> None:
        async with raw_server(lambda _: pieces) as server:
            loop = asyncio.get_running_loop()
            make = functools.partial(Connection, lambda: reports.append(None))
            _, connection = await loop.create_connection(make, "127.0.0.1", server.port)
            assert (await connection.request(GET)).body == b"one"
            await asyncio.sleep(0.1)
            await wait_until(lambda: len(reports) >= calls)
            connection.close()

    asyncio.run(go())
    assert len(reports) == calls


def test_a_response_before_the_whole_request_was_sent_closes_the_connection() -> None:
    """The server reads the head and 64 KB at most; the rest could be taken for another request."""

    async def go() -> None:
        ended, closed = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response(b"too large", 413))
            await ended.wait()
            writer.transport.abort()
            closed.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 16)
        port = server.sockets[0].getsockname()[1]
        _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
        body = bytes(32 << 20)
        parsed = await connection.request(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert parsed.status == 413
        assert not connection.open
        ended.set()
        await closed.wait()
        server.close()
        await asyncio.sleep(0.01)

    asyncio.run(go())


def test_the_late_response_to_a_cancelled_request_goes_to_no_other_request() -> None:
    async def work(connection: Connection, server: RawServer) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.request(GET), 0.05)
        assert not connection.open
        with pytest.raises(ProtocolError, match="closed before the request was sent"):
            await connection.request(GET)
        await asyncio.sleep(0.1)
        assert len(server.requests) == 1

    with_connection(lambda _: [0.1, response(b"late")], work)


def test_a_request_that_is_cancelled_when_its_response_is_complete_closes_the_connection_too() -> None:
    async def work(connection: Connection, _: RawServer) -> None:
        exchange = asyncio.ensure_future(connection.request(GET))
        await asyncio.sleep(0)
        connection.data_received(response(b"one"))
        exchange.cancel()
        with pytest.raises(asyncio.CancelledError):
            await exchange
        assert not connection.open

    with_connection(lambda _: [30.0], work)


class NullTransport(asyncio.Transport):
    """A transport that discards everything."""

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        """Discard."""

    def abort(self) -> None:
        """Do nothing."""

    def get_write_buffer_size(self) -> int:
        """Return 0: everything is sent."""
        return 0


@given(
    st.sampled_from(
        [
            response(b"hello there", 200, "x: y"),
            CHUNKED + b"5\r\nhello\r\n6\r\n there\r\n0\r\nt: 1\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"hello there"),
        ]
    ),
    st.lists(st.integers(1, 90), max_size=12),
)
def test_a_response_is_the_same_in_any_pieces(data: bytes, cuts: list[int]) -> None:
    async def go() -> Response:
        connection = Connection()
        connection.connection_made(NullTransport())
        exchange = asyncio.ensure_future(connection.request(b""))
        await asyncio.sleep(0)
        ends = sorted({*(cut for cut in cuts if cut < len(data)), len(data)})
        for start, end in zip([0, *ends], ends, strict=False):
            connection.data_received(data[start:end])
        return await exchange

    parsed = asyncio.run(go())
    assert (parsed.body, parsed.keep_alive) == (b"hello there", True)
