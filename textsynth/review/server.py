"""The HTTP server of the review page: on loopback only, for requests with the token that is in the page's address.

The token is the first part of the path of every request. The Host header is checked, so that a page of another site
cannot reach the server through a domain name that resolves to this machine (DNS rebinding). A request that changes
something must be JSON, which an HTML form of another site cannot send. The page may load nothing from other hosts, and
runs no script but its own.

A browser is started with a ticket instead of the token, because other users may see the command line of its process:
the ticket opens the page once.
"""

from __future__ import annotations

import errno
import hmac
import json
import os
import re
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import unquote

from textsynth.core.errors import RunError, TextSynthError, UsageError
from textsynth.review.session import ReviewSession

HOST = "127.0.0.1"
MAX_BODY_BYTES = 1 << 16
MAX_DISCARDED_BYTES = 1 << 20
SOCKET_TIMEOUT_SECONDS = 30.0
SHUTDOWN_SECONDS = 1.0
POLL_SECONDS = 0.1
PAGE_FILES = {
    "": ("page.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
    "data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
NO_TOKEN = "the token is missing from this address: open the address that `textsynth review` printed\n"
_CONTENT_LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)


def serve(
    session: ReviewSession, *, port: int | None, on_ready: Callable[[str, str], None], stop: threading.Event
) -> None:
    """Serve the page of a review session until `stop` is set, and finish the requests in progress (at most 1 s).

    `on_ready` is called with the address of the page, and with one that opens the page once. `port` None takes a free
    one. Raises UsageError if the port cannot be used.
    """
    try:
        server = ReviewServer(session, port or 0)
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {os.strerror(error.errno or 0)}"
        raise UsageError(f"port {port} {reason}; without --port a free one is used") from error
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, daemon=True)
    thread.start()
    try:
        root = f"http://{HOST}:{server.port}"
        on_ready(f"{root}/{server.token}/", f"{root}/{server.ticket}/")
        stop.wait()
    finally:
        server.shutdown()
        thread.join()
        server.wait_until_idle(SHUTDOWN_SECONDS)
        server.server_close()


class ReviewServer(ThreadingMixIn, TCPServer):
    """The server of one review session: one thread per connection, and one request at a time that uses the session."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, session: ReviewSession, port: int) -> None:
        super().__init__((HOST, port), ReviewHandler)
        self.port: int = self.server_address[1]
        self.token, self.ticket = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.session = session
        self.session_lock = threading.Lock()
        self._ticket_used = False
        self._ticket_lock = threading.Lock()
        self._active_requests = 0
        self._active_changed = threading.Condition()

    @property
    def hosts(self) -> set[str]:
        """The values of the Host header that belong to this server."""
        with_port = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        return with_port | ({HOST, "localhost"} if self.port == 80 else set())

    def use_ticket(self, path: str) -> bool:
        """Return whether the path is that of the ticket, and this is its first use."""
        with self._ticket_lock:
            if self._ticket_used or path != f"/{self.ticket}/":
                return False
            self._ticket_used = True
            return True

    @contextmanager
    def active_request(self) -> Iterator[None]:
        """Count a request as in progress."""
        with self._active_changed:
            self._active_requests += 1
        try:
            yield
        finally:
            with self._active_changed:
                self._active_requests -= 1
                self._active_changed.notify_all()

    def wait_until_idle(self, seconds: float) -> None:
        """Wait until no request is in progress, for a limited time."""
        with self._active_changed:
            self._active_changed.wait_for(lambda: self._active_requests == 0, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Ignore lost connections; report any other exception, which is a bug, with its traceback."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Refusal(Exception):
    """A request that gets an error response: its status and a sentence."""

    def __init__(self, status: HTTPStatus, message: str = "", **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message or f"{status.phrase}\n", headers


class ReviewHandler(BaseHTTPRequestHandler):
    """Answers one request on one connection: the page and its files, `state`, `text/ID`, and `decide`."""

    server: ReviewServer
    timeout = SOCKET_TIMEOUT_SECONDS
    # Of requests without a valid version: with the default of the base class, they would get no headers.
    default_request_version = "HTTP/1.0"

    def handle_request(self) -> None:
        """Answer a request of any method."""
        with self.server.active_request():
            body = self._read_body()
            try:
                self._check_access()
                if isinstance(body, _Refusal):
                    raise body
                self._respond(body)
            except _Refusal as refusal:
                self._send(refusal.status, refusal.message, headers=refusal.headers)
            except RunError as error:
                self._send_json({"error": str(error)}, HTTPStatus.INTERNAL_SERVER_ERROR)
            except TextSynthError as error:
                self._send_json({"error": str(error)}, HTTPStatus.BAD_REQUEST)
            except RecursionError:
                self._send_json({"error": "the request is nested too deeply"}, HTTPStatus.BAD_REQUEST)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_request  # noqa: N815

    def version_string(self) -> str:
        """Return the value of the Server header."""
        return "TextSynth"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401
        """Write no access log."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that the base class cannot parse."""
        self.close_connection = True
        self._send(HTTPStatus(code), f"{HTTPStatus(code).phrase}\n")

    def _read_body(self) -> bytes | _Refusal:
        """Return the body, or why it is refused. A body that is too large is read too, or the client gets no answer."""
        if "Transfer-Encoding" in self.headers:
            return _Refusal(HTTPStatus.LENGTH_REQUIRED)
        lengths = self.headers.get_all("Content-Length") or ["0"]
        if len(lengths) > 1 or not _CONTENT_LENGTH.fullmatch(lengths[0].strip()):
            return _Refusal(HTTPStatus.BAD_REQUEST)
        length = int(lengths[0])
        if length <= MAX_BODY_BYTES:
            return self.rfile.read(length)
        remaining = min(length, MAX_DISCARDED_BYTES)
        while remaining > 0 and (chunk := self.rfile.read(min(remaining, MAX_BODY_BYTES))):
            remaining -= len(chunk)
        return _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    def _check_access(self) -> None:
        """Raise _Refusal unless the request comes from the page itself, or uses the ticket."""
        hosts, requested = self.server.hosts, self.headers.get_all("Host") or []
        if len(requested) != 1 or requested[0].strip().lower() not in hosts:
            raise _Refusal(HTTPStatus.FORBIDDEN, f"this server answers at {HOST}:{self.server.port} only\n")
        path = self.path.partition("?")[0]
        if self.command == "GET" and self.server.use_ticket(path):
            raise _Refusal(HTTPStatus.SEE_OTHER, Location=f"/{self.server.token}/")
        token = path.split("/")[1] if path.startswith("/") else ""
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode()):
            raise _Refusal(HTTPStatus.FORBIDDEN, NO_TOKEN)
        if self.command == "POST":
            origin = self.headers.get("Origin")
            if origin is not None and origin.lower() not in {f"http://{host}" for host in hosts}:
                raise _Refusal(HTTPStatus.FORBIDDEN, "a page of another site cannot send decisions\n")
            if self.headers.get_content_type() != "application/json":
                raise _Refusal(HTTPStatus.FORBIDDEN, "a decision must be sent as JSON\n")

    def _respond(self, body: bytes) -> None:
        route = self.path.partition("?")[0].removeprefix(f"/{self.server.token}/")
        is_text = route.startswith("text/")
        if route == "decide":
            self._check_method("POST")
            self._send_json(self._decide(body))
        elif route in PAGE_FILES or route == "state" or is_text:
            self._check_method("GET", "HEAD")
            if route in PAGE_FILES:
                name, content_type = PAGE_FILES[route]
                self._send(HTTPStatus.OK, _read_page_file(name), content_type)
            else:
                with self.server.session_lock:
                    session = self.server.session
                    value = session.entry(unquote(route.removeprefix("text/"))) if is_text else session.state()
                self._send_json(value)
        else:
            raise _Refusal(HTTPStatus.NOT_FOUND)

    def _check_method(self, *allowed: str) -> None:
        if self.command not in allowed:
            raise _Refusal(HTTPStatus.METHOD_NOT_ALLOWED, Allow=", ".join(allowed))

    def _decide(self, body: bytes) -> dict[str, Any]:
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UsageError("the decision is not valid JSON") from error
        if not isinstance(request, dict):
            raise UsageError('a decision must be {"id": …, "decision": …, "labels": […]}')
        with self.server.session_lock:
            if request.get("decision") == "undo":
                return self.server.session.undo()
            return self.server.session.decide(
                str(request.get("id")), request.get("decision"), request.get("labels", ())
            )

    def _send_json(self, value: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, json.dumps(value), "application/json")

    def _send(
        self, status: HTTPStatus, text: str, content_type: str = "text/plain", headers: dict[str, str] | None = None
    ) -> None:
        content = text.encode("utf-8", "replace")
        self.send_response(status)
        for name, value in {**SECURITY_HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _read_page_file(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
