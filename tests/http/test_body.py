from __future__ import annotations

import gzip

import pytest

from textsynth.http.body import LARGEST_BODY, Body, Broken, Chunks, ToTheEnd, body_of, header, unpacked

HEAD = b"http/1.1 200 ok\r\ncontent-length: 3\r\n"


def test_a_head_says_what_body_follows() -> None:
    assert type(body_of(HEAD, 200)) is Body
    assert type(body_of(b"http/1.1 200 ok\r\n", 200)) is ToTheEnd
    assert type(body_of(HEAD + b"transfer-encoding: chunked\r\n", 200)) is Chunks
    assert body_of(HEAD, 304).length == 0


def test_what_follows_a_body_stays() -> None:
    came = bytearray(b"abcHTTP")
    body = body_of(HEAD, 200)
    assert body.ended(came)
    assert body.whole(came) == b"abc"
    assert came == b"HTTP"


def test_chunks_may_come_byte_by_byte() -> None:
    body, came = Chunks(), bytearray()
    whole = b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nt: 1\r\n\r\n"
    ended = []
    for at in range(len(whole)):
        came += whole[at : at + 1]
        ended.append(body.ended(came))
    assert ended.index(True) == len(whole) - 1
    assert body.whole(came) == b"abcde"


def test_sizes_are_bounded() -> None:
    with pytest.raises(Broken, match="may have"):
        Body(LARGEST_BODY + 1)
    with pytest.raises(Broken, match="went on beyond"):
        ToTheEnd(0).ended(bytearray(LARGEST_BODY + 1))
    with pytest.raises(Broken, match="went on beyond"):
        unpacked(gzip.compress(bytes(LARGEST_BODY + 1)), b"gzip")


def test_headers_are_found_and_stripped() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-One:  Some Thing \r\n"
    assert header(head.lower(), b"x-one", head) == b"Some Thing"
    assert header(head.lower(), b"one", head) is None
