"""A proxy in front of a real server that records what passes, and can remove the token counts of responses."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.loopback import Handler, Server, running


class RecordingProxy(Server):
    """Forwards requests to `target`, an address without a path. `records` are the POSTs: path, body and response."""

    def __init__(self, target: str, *, with_usage: bool) -> None:
        super().__init__(_ForwardingHandler)
        self.target = target
        self.with_usage = with_usage
        self.records: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        self.lock = threading.Lock()

    def records_of(self, path: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return the pairs of a body and its response at a path, in the order of the responses."""
        return [(body, response) for record_path, body, response in self.records if record_path == path]


class _ForwardingHandler(Handler):
    server: RecordingProxy

    def do_GET(self) -> None:  # noqa: N802
        self._forward(None)

    def do_POST(self) -> None:  # noqa: N802
        self._forward(self.rfile.read(int(self.headers["content-length"])))

    def _forward(self, body: bytes | None) -> None:
        headers = {name: self.headers[name] for name in ("authorization", "content-type") if name in self.headers}
        request = urllib.request.Request(self.server.target + self.path, body, headers)
        try:
            with urllib.request.urlopen(request) as response:
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        if body is not None:
            parsed = json.loads(content)
            with self.server.lock:
                self.server.records.append((self.path, json.loads(body), parsed))
            if not self.server.with_usage:
                content = json.dumps({name: value for name, value in parsed.items() if name != "usage"}).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def recording_proxy(target: str, *, with_usage: bool = True) -> Iterator[RecordingProxy]:
    """Serve for the time of a `with` block; without usage, responses lose their token counts."""
    with running(RecordingProxy(target, with_usage=with_usage)) as server:
        yield server
