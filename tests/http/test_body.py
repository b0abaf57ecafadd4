from __future__ import annotations

import gzip

import pytest

from textsynth.http.body import (
    LARGEST_BODY,
    Chunked,
    FixedLength,
    ProtocolError,
    UntilClose,
    body_parser,
    decompress,
    header,
)

HEAD = b"http/1.1 200 ok\r\ncontent-length: 3\r\n"


def test_a_head_says_what_body_follows() -> None:
    assert type(body_parser(HEAD, 200)) is FixedLength
    assert type(body_parser(b"http/1.1 200 ok\r\n", 200)) is UntilClose
    assert type(body_parser(HEAD + b"transfer-encoding: chunked\r\n", 200)) is Chunked
    assert body_parser(HEAD, 304).length == 0


def test_what_follows_a_body_stays() -> None:
    came = bytearray(b"abcHTTP")
    body = body_parser(HEAD, 200)
    assert body.ended(came)
    assert body.whole(came) == b"abc"
    assert came == b"HTTP"


def test_chunks_may_come_byte_by_byte() -> None:
    body, came = Chunked(), bytearray()
    whole = b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nt: 1\r\n\r\n"
    ended = []
    for at in range(len(whole)):
        came += whole[at : at + 1]
        ended.append(body.ended(came))
    assert ended.index(True) == len(whole) - 1
    assert body.whole(came) == b"abcde"


def test_sizes_are_bounded() -> None:
    with pytest.raises(ProtocolError, match="may have"):
        FixedLength(LARGEST_BODY + 1)
    with pytest.raises(ProtocolError, match="went on beyond"):
        UntilClose(0).ended(bytearray(LARGEST_BODY + 1))
    with pytest.raises(ProtocolError, match="went on beyond"):
        decompress(gzip.compress(bytes(LARGEST_BODY + 1)), b"gzip")


def test_headers_are_found_and_stripped() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-One:  Some Thing \r\n"
    assert header(head.lower(), b"x-one", head) == b"Some Thing"
    assert header(head.lower(), b"one", head) is None
