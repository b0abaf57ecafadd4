"""A server on loopback that says exactly the bytes it is told to, for tests of what speaks HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

END = object()
"""In a list of answers: close the connection."""


@dataclass
class Raw:
    """One server: `said` are the requests it heard, `connections` how often it was called."""

    port: int = 0
    said: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/v1"


Talk = Callable[[bytes], Sequence[object]]


@contextlib.asynccontextmanager
async def raw(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """Serve: `talk(request)` returns the pieces to send, END among them to close the connection, a number to pause."""
    state = Raw()

    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                at = head.lower().find(b"content-length:")
                size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
                request = head + await reader.readexactly(size)
                state.said.append(request)
                if not await _say(writer, talk(request)):
                    break

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        under_way = [task for task in tasks if task is not None and not task.done()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.sleep(0.01)


async def _say(writer: asyncio.StreamWriter, pieces: Sequence[object]) -> bool:
    for piece in pieces:
        if piece is END:
            return False
        if isinstance(piece, bytes):
            writer.write(piece)
            await writer.drain()
        elif isinstance(piece, (int, float)):
            await asyncio.sleep(piece)
    return True


def whole(body: bytes, status: int = 200, *headers: str) -> bytes:
    """Return an answer with its length."""
    more = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{more}\r\n".encode() + body
