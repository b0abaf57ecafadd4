"""The parser of responses: bounds, framing, and what follows the end of a response."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.raw_server import response
from textsynth.http.response import MAX_BODY_BYTES, MAX_HEAD_BYTES, ProtocolError, Response, ResponseParser, decompress

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def feed_in_pieces(parser: ResponseParser, data: bytes, size: int = 1000) -> None:
    for start in range(0, len(data), size):
        parser.feed(data[start : start + size])


def parse(data: bytes, method: bytes = b"GET") -> Response | None:
    parser = ResponseParser()
    parser.expect(method)
    return parser.feed(data)


def test_a_response_that_arrives_byte_by_byte_is_complete_with_its_last_byte() -> None:
    parser = ResponseParser()
    data = CHUNKED + b"3;x=1\r\nabc\r\n2\r\nde\r\n0\r\nt: 1\r\n\r\n"
    results = [parser.feed(data[position : position + 1]) for position in range(len(data))]
    assert results[:-1] == [None] * (len(data) - 1)
    assert results[-1] is not None
    assert results[-1].body == b"abcde"
    assert results[-1].keep_alive
    assert results[-1].header("t") is None, "a trailer is not a header"


def test_one_parser_reads_the_responses_of_a_connection_one_after_the_other() -> None:
    parser = ResponseParser()
    for method, data, body in [
        (b"GET", response(b"one"), b"one"),
        (b"POST", CHUNKED + b"3\r\ntwo\r\n0\r\n\r\n", b"two"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
        (b"POST", b"HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", b""),
        (b"GET", response(b"four"), b"four"),
    ]:
        parser.expect(method)
        parsed = parser.feed(data)
        assert parsed is not None
        assert (parsed.body, parsed.keep_alive) == (body, True)


@pytest.mark.parametrize("surplus", [b"x", b"\n", b"\r\n", b"HTTP/1.1 200 OK\r\n", response(b"two"), b"\x00", b"\r\nx"])
@pytest.mark.parametrize(
    ("method", "data"),
    [
        (b"GET", response(b"abc")),
        (b"GET", response(b"ab\n")),
        (b"GET", response(b"")),
        (b"GET", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        (b"HEAD", CHUNKED),
        (b"CONNECT", b"HTTP/1.1 200 Connection established\r\n\r\n"),
    ],
)
def test_bytes_behind_the_end_of_a_response_forbid_another_request(surplus: bytes, method: bytes, data: bytes) -> None:
    plain, followed = parse(data, method), parse(data + surplus, method)
    assert plain is not None
    assert followed is not None
    assert plain.keep_alive
    assert not followed.keep_alive
    assert followed[:3] == plain[:3]


def test_a_response_to_connect_has_no_body_only_where_it_is_successful() -> None:
    opened = parse(b"HTTP/1.0 200 Connection established\r\n\r\n", b"CONNECT")
    refused = parse(response(b"no", 403), b"CONNECT")
    assert opened is not None
    assert refused is not None
    assert (opened.body, opened.keep_alive) == (b"", True)
    assert (refused.status, refused.body) == (403, b"no")


@pytest.mark.parametrize("digits", [19, 5000])
@pytest.mark.parametrize("digit", [b"9", b"0"])
def test_a_length_of_many_digits_is_a_protocol_error(digits: int, digit: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"Content-Length overflow|has [\d,]+ digits|; the limit is"):
        parse(b"HTTP/1.1 200 OK\r\nContent-Length: " + digit * digits + b"\r\n\r\n")


def test_lengths_are_bounded() -> None:
    with pytest.raises(ProtocolError, match="has 33,554,433 bytes; the limit is 33,554,432"):
        parse(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
    with pytest.raises(ProtocolError, match="body exceeds 33,554,432 bytes"):
        parse(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(MAX_BODY_BYTES + 1))
    with pytest.raises(ProtocolError, match="body exceeds 33,554,432 bytes"):
        parse(CHUNKED + b"fffffffff\r\n" + bytes(MAX_BODY_BYTES + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD_BYTES,
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD_BYTES + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * MAX_HEAD_BYTES,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    ],
)
def test_a_head_is_bounded_whole_or_in_pieces(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="head exceeds 65,536 bytes"):
        parse(data)
    with pytest.raises(ProtocolError, match="head exceeds 65,536 bytes"):
        feed_in_pieces(ResponseParser(), data)


@pytest.mark.parametrize("line", [b"5;x=" + b"1" * 70_000, b"0\r\n" + b"t: 1\r\n" * 12_000])
def test_the_line_of_a_chunk_and_the_trailers_are_bounded(line: bytes) -> None:
    parser = ResponseParser()
    parser.feed(CHUNKED)
    with pytest.raises(ProtocolError, match="chunk header or the trailers of the response exceed 65,536 bytes"):
        feed_in_pieces(parser, line)


def test_many_small_chunks_are_within_the_bounds() -> None:
    parser = ResponseParser()
    parser.feed(CHUNKED)
    for _ in range(30_000):
        assert parser.feed(b"1;x=y\r\na\r\n") is None
    parsed = parser.feed(b"0\r\n\r\n")
    assert parsed is not None
    assert parsed.body == b"a" * 30_000


def test_decompression_is_bounded_and_knows_an_incomplete_body() -> None:
    assert decompress(b"as it is", b"identity") == b"as it is"
    assert decompress(zlib.compress(b"text"), b"deflate") == decompress(gzip.compress(b"text"), b"x-gzip") == b"text"
    assert len(decompress(gzip.compress(bytes(MAX_BODY_BYTES)), b"gzip")) == MAX_BODY_BYTES
    with pytest.raises(ProtocolError, match="decompressed response body exceeds 33,554,432 bytes"):
        decompress(gzip.compress(bytes(MAX_BODY_BYTES + 1)), b"gzip")
    with pytest.raises(ProtocolError, match="it is incomplete"):
        decompress(gzip.compress(b"some text")[:-9], b"gzip")


def test_headers_are_found_in_any_case_and_stripped() -> None:
    parsed = parse(response(b"", 200, "X-One:  Some Thing "))
    assert parsed is not None
    assert parsed.header("x-one") == parsed.header("X-ONE") == "Some Thing"
    assert parsed.header("one") is None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_response_or_a_protocol_error(data: bytes) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", CHUNKED):
        parser = ResponseParser()
        try:
            if parser.feed(start + data) is None and parser.started:
                parser.feed_eof()
        except ProtocolError:
            pass
