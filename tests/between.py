"""A server between a client and a real one: it passes all on, keeps what was said, and can leave the counts out."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.loopback import Handler, Server, at_work


class Between(Server):
    """Passes requests on to `far`, an address without a path. `said` are the POSTs: path, body, and what came back."""

    def __init__(self, far: str, *, counts: bool) -> None:
        super().__init__(_Passing)
        self.far = far
        self.counts = counts
        self.said: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.lock = threading.Lock()

    def asked(self, path: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return what was said at a path: pairs of a body and its answer, in the order of the answers."""
        return [(body, answer) for at, body, answer in self.said if at == path]


class _Passing(Handler):
    server: Between

    def do_GET(self) -> None:  # noqa: N802
        self._pass(None)

    def do_POST(self) -> None:  # noqa: N802
        self._pass(self.rfile.read(int(self.headers["content-length"])))

    def _pass(self, body: bytes | None) -> None:
        headers = {name: self.headers[name] for name in ("authorization", "content-type") if name in self.headers}
        request = urllib.request.Request(self.server.far + self.path, body, headers)
        try:
            with urllib.request.urlopen(request) as answer:
                status, said = answer.status, answer.read()
        except urllib.error.HTTPError as fault:
            status, said = fault.code, fault.read()
        if body is not None:
            told = json.loads(said)
            with self.server.lock:
                self.server.said.append((self.path, json.loads(body), told))
            if not self.server.counts:
                said = json.dumps({name: value for name, value in told.items() if name != "usage"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


@contextlib.contextmanager
def between(far: str, *, counts: bool = True) -> Iterator[Between]:
    """Stand before a server for the time of a `with` block; without `counts` its answers lose their `usage`."""
    with at_work(Between(far, counts=counts)) as server:
        yield server
