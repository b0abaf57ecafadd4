"""The body of an HTTP answer: of known length, in chunks, or to the end of the connection; packed or not. Bounded."""

from __future__ import annotations

import zlib

LARGEST_LINE = 64 * 1024
LARGEST_BODY = 32 * 1024 * 1024
"""Bytes that an answer may have, so that one that never ends fills no memory."""


class ProtocolError(Exception):
    """The exchange ended before a whole answer came, or what came is no HTTP."""


class FixedLength:
    """A body of known length."""

    def __init__(self, length: int) -> None:
        if length > LARGEST_BODY:
            raise ProtocolError(f"the answer has {length:,} bytes, and may have {LARGEST_BODY:,}")
        self.length = length

    def ended(self, came: bytearray) -> bool:
        """Whether all of it came. Raises Broken where it is too long or no body."""
        return len(came) >= self.length

    def whole(self, came: bytearray) -> bytes:
        """Take it out of what came, which keeps what follows."""
        body = bytes(came[: self.length])
        del came[: self.length]
        return body


class UntilClose(FixedLength):
    """A body that runs to the end of the connection."""

    def ended(self, came: bytearray) -> bool:
        """See `Body.ended`."""
        _bounded(len(came))
        return False

    def whole(self, came: bytearray) -> bytes:
        """See `Body.whole`."""
        body = bytes(came)
        came.clear()
        return body


class Chunked(FixedLength):
    """A body in chunks; their extensions and the trailers are read over."""

    def __init__(self) -> None:
        super().__init__(0)
        self._pieces: list[bytes] = []
        self._ending = False

    def ended(self, came: bytearray) -> bool:
        """See `Body.ended`."""
        while not self._ending:
            line = came.find(b"\r\n")
            if line < 0:
                _bounded_line(came)
                return False
            size = _hex(bytes(came[:line]))
            if size and len(came) < line + 2 + size + 2:
                _bounded(self.length + size)
                return False
            if size:
                self._pieces.append(bytes(came[line + 2 : line + 2 + size]))
                self.length += size
                _bounded(self.length)
                if came[line + 2 + size : line + 4 + size] != b"\r\n":
                    raise ProtocolError("a chunk of the answer is longer than it says")
                del came[: line + 4 + size]
            else:
                self._ending = True
                del came[: line + 2]
        while (line := came.find(b"\r\n")) > 0:
            del came[: line + 2]
        if line < 0:
            _bounded_line(came)
            return False
        del came[:2]
        return True

    def whole(self, came: bytearray) -> bytes:
        """See `Body.whole`."""
        return b"".join(self._pieces)


def body_parser(lower: bytes, status: int) -> FixedLength:
    """Return the body that a head (in lower case) announces."""
    if status in (204, 304):
        return FixedLength(0)
    coding = header(lower, b"transfer-encoding", lower)
    if coding is not None and coding.endswith(b"chunked"):
        return Chunked()
    length = header(lower, b"content-length", lower)
    if length is None:
        return UntilClose(0)
    if not length.isdigit():
        raise ProtocolError(f"the answer's length is {length[:40]!r}")
    return FixedLength(int(length))


def header(lower: bytes, name: bytes, head: bytes) -> bytes | None:
    """Return the value out of `head`, found in `lower`, the same head in lower case."""
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    start = at + len(name) + 3
    return head[start : head.find(b"\r\n", start)].strip()


def _hex(line: bytes) -> int:
    size = line.split(b";", 1)[0].strip()
    try:
        found = int(size, 16)
    except ValueError:
        found = -1
    if found < 0 or not size.isalnum():
        raise ProtocolError(f"a chunk of the answer begins with {line[:40]!r}")
    return found


def _bounded(size: int) -> None:
    if size > LARGEST_BODY:
        raise ProtocolError(f"the answer went on beyond {LARGEST_BODY:,} bytes")


def _bounded_line(came: bytearray) -> None:
    if len(came) > LARGEST_LINE:
        raise ProtocolError("a chunk of the answer has no end")


def decompress(raw: bytes, coding: bytes | None) -> bytes:
    """Undo gzip and deflate, which nobody asked for but some proxies do."""
    if coding not in (b"gzip", b"deflate", b"x-gzip"):
        raise ProtocolError(f"the answer is packed as {coding!r}")
    opened = zlib.decompressobj(47)
    try:
        body = opened.decompress(raw, LARGEST_BODY)
    except zlib.error as fault:
        raise ProtocolError(f"the answer cannot be unpacked: {fault}") from fault
    if opened.unconsumed_tail:
        raise ProtocolError(f"the answer went on beyond {LARGEST_BODY:,} bytes")
    return body
