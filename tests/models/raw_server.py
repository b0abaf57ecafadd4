"""A server on loopback that sends exactly the bytes of a test, for tests of HTTP clients."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from tests.mock import CLOSE
from tests.server import stop_accepting

Respond = Callable[[bytes], Sequence[object]]
"""Returns what to send for a request: bytes, a number of seconds to pause, and CLOSE."""


@dataclass
class RawServer:
    """One server: the `requests` it received, and how many `connections` were made to it."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"


@contextlib.asynccontextmanager
async def raw_server(respond: Respond, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Serve for the time of an `async with` block."""
    state = RawServer()
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while True:
                request = await _read_request(reader)
                state.requests.append(request)
                if not await _send(writer, respond(request)):
                    break

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        await stop_accepting(server)
        running = [task for task in tasks if task is not None and not task.done()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0.01)


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    position = head.lower().find(b"content-length:")
    size = int(head[position + 15 :].split(b"\r\n", 1)[0]) if position >= 0 else 0
    return head + await reader.readexactly(size)


async def _send(writer: asyncio.StreamWriter, pieces: Sequence[object]) -> bool:
    for piece in pieces:
        if piece is CLOSE:
            return False
        if isinstance(piece, bytes):
            writer.write(piece)
            await writer.drain()
        elif isinstance(piece, (int, float)):
            await asyncio.sleep(piece)
    return True


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds, for a minute at most."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def response(body: bytes, status: int = 200, *headers: str) -> bytes:
    """Return a response with its Content-Length."""
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{lines}\r\n".encode() + body
