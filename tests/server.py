"""A mock OpenAI-compatible server for tests, over real HTTP, that fails on demand.

In a test: `with serving(latency=0.02, faults=[Fault("reset", every=7)]) as server: … server.url, server.stats()`.
By hand: `python tests/server.py PORT [--latency-ms 20] [--fault KIND[:every=7]]…`. GET /stats counts requests, distinct
and repeated bodies, and the most in flight; GET /reset?latency_ms=20&fault=503:every=3 clears the counts.

An answer depends on the prompt alone (numbered lines of random words); with `varies` also on how often this same body
was sent before. A bare asyncio.Protocol: it takes about 0.06 ms of CPU a request.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from tests import mock as mocks
from tests.mock import (
    CLOSE,
    COMPLETE_BODY,
    INVALID_USAGES,
    MALFORMED_BODIES,
    MODEL,
    ODD_BODIES,
    RESET,
    Fault,
    Mock,
    numbered_lines,
)

ALTERED = ("slow", "usage", "surrogate", "long", "hole", "blank", "fewer")
"""Faults with which the response is complete all the same."""
ERRORS = {
    "toolong": (400, mocks.TOO_LONG),
    "template": (400, mocks.NO_CHAT_TEMPLATE),
    "gated": (403, mocks.GATED),
}
N_REJECTIONS = {"rejected": "`n` must be 1", "rejected bluntly": "Bad request."}


class Connection(asyncio.Protocol):
    """One client's connection: reads requests, and answers each after the latency."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.mock.transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.mock.transports.discard(self.transport)
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            position = head.lower().find(b"content-length:")
            size = int(head[position + 15 :].split(b"\r\n", 1)[0]) if position >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            if target == "/tokenize":
                self.on_tokenize(json.loads(body))
            elif method == "POST":
                self.on_completion(target, head, body)
            else:
                self.on_get(target)

    def on_get(self, target: str) -> None:
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path == "/stats":
            self.send(self.mock.stats())
        elif url.path == "/reset":
            latency = float(query["latency_ms"][0]) / 1000 if "latency_ms" in query else None
            self.mock.reset(latency, [Fault.parse(text) for text in query.get("fault", [])])
            self.send({})
        elif url.path == "/v1/models":
            self.mock.model_list_requests += 1
            rows = [{"id": name, "object": "model", "root": self.mock.root} for name in self.mock.models]
            self.send({"object": "list", "data": rows})
        elif url.path == "/metrics" and self.mock.metrics:
            self.mock.metrics_requests += 1
            self.send_raw(self.mock.metrics_page().encode())
        else:
            self.send({"error": {"message": f"no route {url.path}"}}, 404)

    def on_tokenize(self, body: dict[str, Any]) -> None:
        """Count words, in place of tokens."""
        self.mock.tokenize_bodies.append(body)
        text = body.get("prompt", " ".join(message["content"] for message in body.get("messages", [])))
        if self.mock.has_tokenize:
            self.send({"count": len(text.split())})
        else:
            self.send({"detail": "Not Found"}, 404)

    def on_completion(self, target: str, head: bytes, raw: bytes) -> None:
        mock = self.mock
        target = target.partition("?")[0]
        loop = asyncio.get_running_loop()
        body = json.loads(raw)
        digest = hashlib.md5(raw).digest()
        use = self.count_request(target, body, digest, loop.time())
        fault = next((fault for fault in mock.faults if fault.hits(mock.requests, raw.decode())), None)
        if fault is None:
            fault = self.client_error(target, head, body)
        if mock.n_support == "supported" and (fault is None or fault.kind in ALTERED):
            without_n = json.dumps({name: value for name, value in body.items() if name != "n"}).encode()
            digest = hashlib.md5(without_n).digest()
            use = mock.completion_counts.get(digest, 0)
            mock.completion_counts[digest] = use + body.get("n", 1)
        latency = mock.latency + (1.0 if fault is not None and fault.kind == "slow" else 0.0)
        varies = mock.varies or mock.n_support == "supported"
        finish = (self.finish, target, body, digest, use if varies else 0, fault)
        begin = functools.partial(loop.call_later, latency, *finish)
        if mock.max_in_flight < mock.min_concurrency:
            mock.held_back.append(functools.partial(self.start, begin))
            return
        while mock.held_back:
            mock.held_back.pop()()
        self.start(begin)

    def count_request(self, target: str, body: dict[str, Any], digest: bytes, now: float) -> int:
        """Count a request; return how often its body was sent before."""
        mock = self.mock
        mock.requests += 1
        mock.in_flight += 1
        mock.max_in_flight = max(mock.max_in_flight, mock.in_flight)
        mock.times.append(now)
        use = mock.request_counts.get(digest, 0)
        mock.request_counts[digest] = use + 1
        if digest in mock.answered_counts:
            mock.answered_counts[digest] += 1
        if len(mock.bodies) < mock.max_kept_bodies:
            mock.bodies.append(body)
            mock.paths.append(target)
        return use

    def start(self, work: Callable[[], object]) -> None:
        """Process a request, or put it into the queue."""
        mock = self.mock
        if mock.capacity and mock.processing >= mock.capacity:
            mock.queue.append(work)
            mock.longest_queue = max(mock.longest_queue, len(mock.queue))
            return
        mock.processing += 1
        work()

    def client_error(self, target: str, head: bytes, body: dict[str, Any]) -> Fault | None:
        """Return what is wrong with the request itself."""
        mock = self.mock
        if mock.key is not None and f"authorization: bearer {mock.key}".lower().encode() not in head.lower():
            return Fault("401", message=f"Incorrect API key provided, the key is {mock.key}")
        if target not in ("/v1/chat/completions", "/v1/completions"):
            return Fault("404", message=f"no route {target}")
        if body.get("model") not in mock.models:
            return Fault("404", message=f"The model `{body.get('model')}` does not exist.")
        if body.get("n", 1) > 1:
            greedy = "n must be 1 when using greedy sampling" if body["temperature"] == 0 else ""
            message = N_REJECTIONS.get(mock.n_support, greedy)
            if message or mock.n_support == "crash":
                return Fault("400" if message else "500", message=message)
        return None

    def finish(self, target: str, body: dict[str, Any], digest: bytes, use: int, fault: Fault | None) -> None:
        """Send the response to a request, or what its fault makes of it."""
        mock = self.mock
        if fault is not None and fault.kind == "hang":
            return
        mock.in_flight -= 1
        mock.processing -= 1
        if mock.queue:
            mock.processing += 1
            mock.queue.popleft()()
        if self.transport is None:
            return
        if fault is not None and fault.kind not in ALTERED:
            self.fail(fault)
            return
        mock.answered += 1
        mock.answered_counts.setdefault(digest, 1)
        count = body.get("n", 1) if mock.n_support == "supported" else 1
        chat = target.endswith("/chat/completions")
        choices = [choice_of(mock.answer(body, use + index), index, chat=chat) for index in range(count)]
        usage: object = {"prompt_tokens": 40, "completion_tokens": 20 * count, "total_tokens": 40 + 20 * count}
        if fault is not None and fault.kind == "usage":
            usage = INVALID_USAGES[mock.answered % len(INVALID_USAGES)]
        elif fault is not None:
            alter(choices, fault.kind, chat=chat)
        counts = {} if mock.has_tokenize else {"usage": usage}
        kind = "chat.completion" if chat else "text_completion"
        answer = {"id": "mock", "object": kind, "model": body.get("model"), "choices": choices[::-1], **counts}
        if mock.reshape is None:
            self.send(answer)
        else:
            self.send_pieces(iter(mock.reshape(body, json.dumps(answer).encode())))

    def send_pieces(self, pieces: Iterator[object]) -> None:
        """Send bytes, pause, close or reset the connection, as the pieces say."""
        for piece in pieces:
            if self.transport is None:
                return
            if isinstance(piece, bytes):
                self.transport.write(piece)
            elif piece is CLOSE:
                self.transport.close()
            elif piece is RESET:
                self.transport.abort()
            elif isinstance(piece, (int, float)):
                asyncio.get_running_loop().call_later(piece, self.send_pieces, pieces)
                return

    def fail(self, fault: Fault) -> None:
        assert self.transport is not None
        if fault.kind == "reset":
            self.transport.abort()
        elif fault.kind == "close":
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + COMPLETE_BODY)
            self.transport.close()
        elif fault.kind in ("drip", "flood"):
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            self.send_forever(fault.kind)
        elif fault.kind in MALFORMED_BODIES:
            self.send_raw(MALFORMED_BODIES[fault.kind])
        elif fault.kind in ODD_BODIES:
            self.send_raw(ODD_BODIES[fault.kind])
        elif fault.kind == "redirect":
            self.send({}, 307, "location: http://127.0.0.1:9/v1/elsewhere\r\n")
        elif fault.kind in ERRORS:
            status, message = ERRORS[fault.kind]
            self.send({"error": {"message": message, "type": "BadRequestError", "code": status}}, status)
        else:
            self.send_error(fault)

    def send_forever(self, kind: str) -> None:
        """Send without end: a blank every 20 ms (drip), or as fast as the client reads (flood)."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() < 1 << 20:
            self.transport.write(b" " if kind == "drip" else b" " * (1 << 20))
        asyncio.get_running_loop().call_later(0.02 if kind == "drip" else 0.001, self.send_forever, kind)

    def send_error(self, fault: Fault) -> None:
        after = fault.after
        if after is not None and after.startswith("date+"):
            after = format_datetime(datetime.now(UTC) + timedelta(seconds=float(after[5:])), usegmt=True)
        error = {"message": fault.message or f"status {fault.kind} on demand", "code": fault.code or None}
        self.send({"error": error}, int(fault.kind), f"retry-after: {after}\r\n" if after is not None else "")

    def send(self, body: object, status: int = 200, headers: str = "") -> None:
        self.send_raw(json.dumps(body).encode(), status, headers)

    def send_raw(self, body: bytes, status: int = 200, headers: str = "") -> None:
        if self.transport is not None:
            head = (
                f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
            )
            self.transport.write(head.encode() + body)


def choice_of(text: str, index: int, *, chat: bool) -> dict[str, Any]:
    """Return one choice of a response."""
    content: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    return {"index": index, "finish_reason": "stop", **content}


def alter(choices: list[dict[str, Any]], kind: str, *, chat: bool) -> None:
    """Spoil the middle one of the choices, or omit the last half."""
    middle = len(choices) // 2
    if kind == "fewer":
        del choices[max(1, middle) :]
    elif kind == "hole":
        choices[middle] = {"index": middle, "finish_reason": "stop"}
    elif kind == "long":
        choices[middle]["finish_reason"] = "length"
    elif kind in ("blank", "surrogate"):
        text = "" if kind == "blank" else "half a pair: \ud83d"
        choices[middle] = choice_of(text, middle, chat=chat)


class RunningServer:
    """A mock server in a thread of its own."""

    def __init__(self, mock: Mock, port: int) -> None:
        self.mock = mock
        self.port = port
        self.url = f"http://127.0.0.1:{port}/v1"

    def stats(self) -> dict[str, Any]:
        """Return the counts so far."""
        return self.mock.stats()


async def _listen(mock: Mock, port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Connection(mock), "127.0.0.1", port, backlog=4096)


async def stop_accepting(server: asyncio.Server) -> None:
    """Close the listening sockets once every accepted connection has its transport.

    asyncio builds the transport in a task of its own; where `close` comes in between, it fails and leaks the socket.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0.001)
    server.close()


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[RunningServer]:
    """Serve on a free port for the time of a `with` block; `settings` are fields of Mock, and `port`."""
    port = settings.pop("port", 0)
    mock = Mock(**settings)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(_listen(mock, port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield RunningServer(mock, server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(stop_accepting(server))
        for transport in list(mock.transports):
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()


async def _serve_forever(mock: Mock, port: int) -> None:
    server = await _listen(mock, port)
    print("listening", server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


def main() -> None:
    """Serve until killed; prints `listening PORT`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--fault", action="append", default=[], help="KIND:every=7,first=3,contains=TEXT,after=1")
    parser.add_argument("--key", help="reject requests without this key")
    parser.add_argument("--model", action="append", help="the names of the models")
    parser.add_argument("--varies", action="store_true", help="answer the same body differently each time")
    parser.add_argument("--root", default="org/mock-small", help="the model behind the names, as /v1/models lists it")
    parser.add_argument("--capacity", type=int, default=0, help="requests processed at once; the others queue")
    parser.add_argument("--metrics", action="store_true", help="serve /metrics as vLLM does")
    parser.add_argument("--lines", type=int, default=5, help="lines of an answer")
    options = parser.parse_args()
    mock = Mock(
        latency=options.latency_ms / 1000,
        faults=[Fault.parse(text) for text in options.fault],
        key=options.key,
        models=options.model or (MODEL,),
        varies=options.varies,
        root=options.root,
        capacity=options.capacity,
        metrics=options.metrics,
        answer=functools.partial(numbered_lines, lines=options.lines),
        max_kept_bodies=3,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_forever(mock, options.port))


if __name__ == "__main__":
    main()
