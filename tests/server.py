"""An OpenAI-compatible server for tests that speaks real HTTP and breaks on demand.

In a test: `with serving(latency=0.02, faults=[Fault("reset", every=7)]) as server: … server.url, server.stats()`.
By hand: `python tests/server.py PORT [--latency-ms 20] [--fault KIND[:every=7]]…`. GET /stats counts requests, distinct
and repeated bodies, and the most in flight; GET /reset?latency_ms=20&fault=503:every=3 clears the counts.

An answer is a function of the prompt alone (numbered lines of drawn words); with `uses` also of how many times this
same body was asked before. A bare asyncio.Protocol: it takes about 0.06 ms of CPU a request.
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

from tests.mock import BROKEN, GATED, MODEL, TEMPLATE, TOO_LONG, USAGES, WHOLE, Fault, Mock, numbered_lines

SPOILT = ("slow", "usage", "surrogate", "long", "hole", "blank", "fewer")  # answers all the same
REFUSED = {"toolong": (400, TOO_LONG), "template": (400, TEMPLATE), "gated": (403, GATED)}


class Connection(asyncio.Protocol):
    """One client's connection: reads requests, answers them in order of arrival after the latency."""

    def __init__(self, mock: Mock) -> None:
        self.mock = mock
        self.buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.mock.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.mock.open.discard(self.transport)
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            at = head.lower().find(b"content-length:")
            size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + size], self.buffer[end + 4 + size :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            if target == "/tokenize":
                self.tokenize(json.loads(body))
            elif method == "POST":
                self.completion(target, head, body)
            else:
                self.look(target)

    def look(self, target: str) -> None:
        url = urlsplit(target)
        asked = parse_qs(url.query)
        if url.path == "/stats":
            self.send(self.mock.stats())
        elif url.path == "/reset":
            latency = float(asked["latency_ms"][0]) / 1000 if "latency_ms" in asked else None
            self.mock.reset(latency, [Fault.parse(one) for one in asked.get("fault", [])])
            self.send({})
        elif url.path == "/v1/models":
            self.mock.looks += 1
            listed = [{"id": name, "object": "model", "root": self.mock.root} for name in self.mock.models]
            self.send({"object": "list", "data": listed})
        elif url.path == "/metrics" and self.mock.metrics:
            self.mock.polls += 1
            self.send_raw(self.mock.load().encode())
        else:
            self.send({"error": {"message": f"no route {url.path}"}}, 404)

    def tokenize(self, body: dict[str, Any]) -> None:
        """Count words, as vLLM counts tokens."""
        self.mock.counted.append(body)
        told = body.get("prompt", " ".join(turn["content"] for turn in body.get("messages", [])))
        self.send(*(({"count": len(told.split())}, 200) if self.mock.tokenizes else ({"detail": "Not Found"}, 404)))

    def completion(self, target: str, head: bytes, raw: bytes) -> None:
        mock = self.mock
        loop = asyncio.get_running_loop()
        mock.requests += 1
        mock.flying += 1
        mock.peak = max(mock.peak, mock.flying)
        mock.times.append(loop.time())
        digest = hashlib.md5(raw).digest()
        use = mock.seen.get(digest, 0)
        mock.seen[digest] = use + 1
        if digest in mock.answered_bodies:
            mock.answered_bodies[digest] += 1
        body = json.loads(raw)
        if len(mock.bodies) < mock.keep:
            mock.bodies.append(body)
            mock.paths.append(target)
        fault = next((one for one in mock.faults if one.hits(mock.requests, raw.decode())), None)
        if fault is None:
            fault = self.wrong(target, head, body)
        if mock.draws == "given" and (fault is None or fault.kind in SPOILT):
            bare = json.dumps({name: value for name, value in body.items() if name != "n"}).encode()
            digest = hashlib.md5(bare).digest()
            use = mock.given.get(digest, 0)
            mock.given[digest] = use + body.get("n", 1)
        latency = mock.latency + (1.0 if fault is not None and fault.kind == "slow" else 0.0)
        finish = (self.finish, target, body, digest, use if mock.uses or mock.draws == "given" else 0, fault)
        if mock.peak < mock.gate:
            mock.held.append(functools.partial(self.start, functools.partial(loop.call_later, latency, *finish)))
            return
        while mock.held:
            mock.held.pop()()
        self.start(functools.partial(loop.call_later, latency, *finish))

    def start(self, work: Callable[[], object]) -> None:
        """Begin to work on a request, or let it wait for its turn."""
        mock = self.mock
        if mock.capacity and mock.working >= mock.capacity:
            mock.queue.append(work)
            mock.longest_queue = max(mock.longest_queue, len(mock.queue))
            return
        mock.working += 1
        work()

    def wrong(self, target: str, head: bytes, body: dict[str, Any]) -> Fault | None:
        mock = self.mock
        if mock.key is not None and f"authorization: bearer {mock.key}".lower().encode() not in head.lower():
            return Fault("401", message=f"Incorrect API key provided, the key is {mock.key}")
        if target not in ("/v1/chat/completions", "/v1/completions"):
            return Fault("404", message=f"no route {target}")
        if body.get("model") not in mock.models:
            return Fault("404", message=f"The model `{body.get('model')}` does not exist.")
        if body.get("n", 1) > 1:
            greedy = "n must be 1 when using greedy sampling" if body["temperature"] == 0 else ""
            told = {"refused": "`n` must be 1", "bluntly": "Bad request."}.get(mock.draws, greedy)
            if told or mock.draws == "crash":
                return Fault("400" if told else "500", message=told)
        return None

    def finish(self, target: str, body: dict[str, Any], digest: bytes, use: int, fault: Fault | None) -> None:
        mock = self.mock
        if fault is not None and fault.kind == "hang":
            return
        mock.flying -= 1
        mock.working -= 1
        if mock.queue:
            mock.working += 1
            mock.queue.popleft()()
        if self.transport is None:
            return
        if fault is not None and fault.kind not in SPOILT:
            self.break_off(fault)
            return
        mock.answered += 1
        mock.answered_bodies.setdefault(digest, 1)
        count = body.get("n", 1) if mock.draws == "given" else 1
        chat = target.endswith("/chat/completions")
        choices = [choice_of(mock.answer(body, use + at), at, chat=chat) for at in range(count)]
        counts: object = {"prompt_tokens": 40, "completion_tokens": 20 * count, "total_tokens": 40 + 20 * count}
        if fault is not None and fault.kind == "usage":
            counts = USAGES[mock.answered % len(USAGES)]
        elif fault is not None:
            spoil(choices, fault.kind, chat=chat)
        told = {} if mock.tokenizes else {"usage": counts}
        kind = "chat.completion" if chat else "text_completion"
        self.send({"id": "mock", "object": kind, "model": body.get("model"), "choices": choices[::-1], **told})

    def break_off(self, fault: Fault) -> None:
        assert self.transport is not None
        if fault.kind == "reset":
            self.transport.abort()
        elif fault.kind == "close":
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + WHOLE)
            self.transport.close()
        elif fault.kind in ("drip", "flood"):
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
            self.go_on(fault.kind)
        elif fault.kind in BROKEN:
            self.send_raw(BROKEN[fault.kind])
        elif fault.kind == "redirect":
            self.send({}, 307, "location: http://127.0.0.1:9/v1/elsewhere\r\n")
        elif fault.kind in REFUSED:
            status, message = REFUSED[fault.kind]
            self.send({"error": {"message": message, "type": "BadRequestError", "code": status}}, status)
        else:
            self.refuse(fault)

    def go_on(self, kind: str) -> None:
        """Send on and on: a blank every 20 ms (drip), or as fast as it is taken (flood)."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.get_write_buffer_size() < 1 << 20:
            self.transport.write(b" " if kind == "drip" else b" " * (1 << 20))
        asyncio.get_running_loop().call_later(0.02 if kind == "drip" else 0.001, self.go_on, kind)

    def refuse(self, fault: Fault) -> None:
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
    """Return one choice of an answer."""
    said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    return {"index": index, "finish_reason": "stop", **said}


def spoil(choices: list[dict[str, Any]], kind: str, *, chat: bool) -> None:
    """Spoil the middle one of the choices, or leave the last half out."""
    at = len(choices) // 2
    if kind == "fewer":
        del choices[max(1, at) :]
    elif kind == "hole":
        choices[at] = {"index": at, "finish_reason": "stop"}
    elif kind == "long":
        choices[at]["finish_reason"] = "length"
    elif kind in ("blank", "surrogate"):
        choices[at] = choice_of("" if kind == "blank" else "half a pair: \ud83d", at, chat=chat)


class Running:
    """A server in a thread of its own."""

    def __init__(self, mock: Mock, port: int) -> None:
        self.mock = mock
        self.port = port
        self.url = f"http://127.0.0.1:{port}/v1"

    def stats(self) -> dict[str, Any]:
        """Return the counts so far."""
        return self.mock.stats()


async def _listen(mock: Mock, port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Connection(mock), "127.0.0.1", port, backlog=4096)


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[Running]:
    """Serve on a free port for the time of a `with` block; `settings` are Mock's fields."""
    port = settings.pop("port", 0)
    mock = Mock(**settings)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(_listen(mock, port))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield Running(mock, server.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for transport in list(mock.open):
            transport.abort()
        loop.run_until_complete(asyncio.sleep(0.001))
        loop.close()


async def _forever(mock: Mock, port: int) -> None:
    server = await _listen(mock, port)
    print("listening", server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


def main() -> None:
    """Serve until killed; prints `listening PORT`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=20.0)
    parser.add_argument("--fault", action="append", default=[], help="KIND:every=7,first=3,contains=TEXT,after=1")
    parser.add_argument("--key", help="refuse requests without this key")
    parser.add_argument("--model", action="append", help="the models served")
    parser.add_argument("--uses", action="store_true", help="answer the same body differently each time")
    parser.add_argument("--root", default="org/mock-small", help="what is served, as /v1/models tells it")
    parser.add_argument("--capacity", type=int, default=0, help="requests at work at once; the rest queue")
    parser.add_argument("--metrics", action="store_true", help="serve /metrics as vLLM does")
    parser.add_argument("--lines", type=int, default=5, help="texts an answer holds")
    given = parser.parse_args()
    mock = Mock(
        latency=given.latency_ms / 1000,
        faults=[Fault.parse(one) for one in given.fault],
        key=given.key,
        models=given.model or (MODEL,),
        uses=given.uses,
        root=given.root,
        capacity=given.capacity,
        metrics=given.metrics,
        answer=functools.partial(numbered_lines, lines=given.lines),
        keep=3,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_forever(mock, given.port))


if __name__ == "__main__":
    main()
