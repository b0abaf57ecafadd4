"""HTTP as servers really speak it, in any pieces, and what is none."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.raw import END, Talk, raw, whole
from textsynth.http.body import LARGEST_BODY, ProtocolError
from textsynth.http.connection import Connection, Reply

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def said(talk: Talk, times: int = 1) -> list[Reply]:
    """Send `times` requests over one connection and return the replies."""

    async def go() -> list[Reply]:
        async with raw(talk) as server:
            _, one = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", server.port)
            try:
                return [await one.request(b"GET / HTTP/1.1\r\n\r\n") for _ in range(times)]
            finally:
                one.close()

    return asyncio.run(asyncio.wait_for(go(), 10))


@pytest.mark.parametrize(
    ("answer", "body", "keeps"),
    [
        ([whole(b"hello")], b"hello", True),
        ([whole(b"")], b"", True),
        ([b"HTTP/1.1 204 No\r\n\r\n"], b"", True),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", whole(b"then")], b"then", True),
        ([whole(b"bye", 200, "Connection: close")], b"bye", False),
        ([b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi"], b"hi", False),
        ([b"HTTP/1.1 200 OK\r\n\r\nto the end", END], b"to the end", False),
        ([CHUNKED + b"5\r\nhello\r\n", b"6;ext=1\r\n there\r\n0\r\n\r\n"], b"hello there", True),
        ([CHUNKED + b"2\r\nhi\r\n0\r\nX-Trailer: 1\r\n\r\n"], b"hi", True),
        ([whole(gzip.compress(b"packed"), 200, "Content-Encoding: gzip")], b"packed", True),
        ([whole(zlib.compress(b"packed"), 200, "content-encoding: deflate")], b"packed", True),
        ([whole(b"more than asked") + b"HTTP/1.1"], b"more than asked", False),
    ],
)
def test_answers_of_every_shape_are_read(answer: list[object], body: bytes, keeps: bool) -> None:
    (found,) = said(lambda _: answer)
    assert (found.body, found.keep_alive) == (body, keeps)
    assert 200 <= found.status < 300


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([END], "closed the connection before"),
        ([whole(b"hello")[:-2], END], "closed the connection before"),
        ([CHUNKED + b"5\r\nhel", END], "closed the connection before"),
        ([b"SSH-2.0-OpenSSH_9.6\r\n"], "no HTTP"),
        ([b"HTTP/1.1 twohundred\r\n\r\n"], "no HTTP"),
        ([b"HTTP/1.1 101 Switching\r\n\r\n"], "another protocol"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n"], "length is"),
        ([b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n"], "may have"),
        ([CHUNKED + b"zz\r\n"], "chunk of the answer begins"),
        ([CHUNKED + b"-5\r\nhello\r\n"], "chunk of the answer begins"),
        ([CHUNKED + b"2\r\nhello\r\n0\r\n\r\n"], "longer than it says"),
        ([CHUNKED + b"fffffffff\r\n"], "went on beyond"),
        ([CHUNKED, b"1" * 70_000], "has no end"),
        ([b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000], "head has more than"),
        ([whole(b"no gzip", 200, "Content-Encoding: gzip")], "cannot be unpacked"),
        ([whole(b"?", 200, "Content-Encoding: br")], "packed as"),
        ([whole(gzip.compress(bytes(LARGEST_BODY + 1)), 200, "Content-Encoding: gzip")], "went on beyond"),
    ],
)
def test_what_is_no_whole_answer_is_broken(answer: list[object], reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason):
        said(lambda _: answer)


def test_an_endless_stream_of_bytes_ends_at_a_size() -> None:
    endless = [b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(1 << 20)] * 40]
    with pytest.raises(ProtocolError, match=r"went on beyond 33,554,432 bytes"):
        said(lambda _: endless)


def test_a_connection_is_used_again_and_headers_are_found_in_any_case() -> None:
    first, second = said(lambda _: [whole(b"x", 429, "Retry-After: 7")], times=2)
    assert first.header("retry-after") == second.header("Retry-After") == "7"
    assert first.header("x-none") is None


def test_bytes_nobody_asked_for_end_the_connection() -> None:
    with pytest.raises(ProtocolError):
        said(lambda _: [whole(b"one"), 0.05, whole(b"two")], times=3)


class Silent(asyncio.Transport):
    """A transport that takes everything."""

    def write(self, data: bytes | bytearray | memoryview[int]) -> None:
        """Take it."""

    def abort(self) -> None:
        """End."""


@given(
    st.sampled_from([whole(b"hello there", 200, "x: y"), CHUNKED + b"5\r\nhello\r\n6\r\n there\r\n0\r\nt: 1\r\n\r\n"]),
    st.lists(st.integers(1, 90), max_size=12),
)
def test_an_answer_is_the_same_in_any_pieces(answer: bytes, cuts: list[int]) -> None:
    async def go() -> bytes:
        one = Connection()
        one.connection_made(Silent())
        waiting = asyncio.ensure_future(one.request(b""))
        await asyncio.sleep(0)
        ends = sorted({*(cut for cut in cuts if cut < len(answer)), len(answer)})
        for start, end in zip([0, *ends], ends, strict=False):
            one.data_received(answer[start:end])
        return (await waiting).body

    assert asyncio.run(go()) == b"hello there"


def test_a_cancelled_exchange_ends_the_connection() -> None:
    async def go() -> None:
        async with raw(lambda _: [30.0]) as server:
            _, one = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", server.port)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(one.request(b"GET / HTTP/1.1\r\n\r\n"), 0.05)
            assert not one.open
            with pytest.raises(ProtocolError, match="closed before the request was sent"):
                await one.request(b"GET / HTTP/1.1\r\n\r\n")

    asyncio.run(go())
