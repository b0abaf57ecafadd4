"""The server of the review page with a real client: access, responses to unusual requests, and saved decisions."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.export.outcomes import HOSTILE
from tests.review.runs import pending_text, review_process, run_with_pending
from textsynth.core.errors import UsageError
from textsynth.review.queue import read_queue
from textsynth.review.server import SOCKET_TIMEOUT_SECONDS, serve
from textsynth.review.session import ReviewSession
from textsynth.store.decisions import FILE, Decision, add_decisions, read_decisions

JSON = {"Content-Type": "application/json"}


class Client:
    """Sends the requests of the page."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path) as response:
            return json.load(response)

    def post(self, decision: object, **headers: str) -> Any:
        body = json.dumps(decision).encode()
        request = urllib.request.Request(f"{self.address}decide", body, {**JSON, **headers})
        with urllib.request.urlopen(request) as response:
            return json.load(response)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drops = [pending_text(0, text=HOSTILE), *map(pending_text, range(1, 6))]
    return run_with_pending(tmp_path_factory.mktemp("served"), drops)


@pytest.fixture(scope="module")
def addresses(run: Path) -> Iterator[list[str]]:
    """Serve a run in a thread of this process; yield the address of the page and the one-time address."""
    session = ReviewSession(run, read_queue(run), "ann")
    ready, stop, addresses = threading.Event(), threading.Event(), []

    def on_ready(*new_addresses: str) -> None:
        addresses.extend(new_addresses)
        ready.set()

    thread = threading.Thread(target=lambda: serve(session, port=None, on_ready=on_ready, stop=stop))
    thread.start()
    assert ready.wait(20)
    yield addresses
    stop.set()
    thread.join()


@pytest.fixture
def address(addresses: list[str]) -> str:
    """The address that is printed."""
    return addresses[0]


def send(address: str, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str]:
    """Send a request; return the status and the text of the response, after checking its security headers."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": parts.netloc, "Content-Length": str(len(body)), **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body.encode())
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert "default-src 'none'" in (response.getheader("Content-Security-Policy") or "")
    return response.status, text


def send_bytes(address: str, data: bytes) -> bytes:
    """Send bytes that may not be HTTP, and return everything that comes back."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
        return received


def test_the_address_is_on_loopback_with_a_long_token(address: str) -> None:
    parts = urlsplit(address)
    assert parts.hostname == "127.0.0.1"
    assert len(parts.path.strip("/")) >= 30


@pytest.mark.parametrize(
    ("name", "content_type"), [("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")]
)
def test_the_page_loads_only_its_own_script_and_style_under_a_strict_policy(
    name: str, content_type: str, address: str
) -> None:
    with urllib.request.urlopen(address + name) as response:
        text = response.read().decode()
        assert (response.status, response.headers.get_content_type()) == (200, content_type)
        assert response.headers.get_content_charset() == "utf-8"
        parts = response.headers["Content-Security-Policy"].split(";")
        policy = dict(part.strip().split(" ", 1) for part in parts)
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    for word in ("http://", "https://", "innerHTML", "insertAdjacent", "document.write", "eval("):
        assert word not in text


@pytest.mark.parametrize("token", ["", "wrong", "x" * 32, "%00", "é"])
@pytest.mark.parametrize("path", ["", "state", "text/0", "page.js", "decide", "../state"])
def test_nothing_is_sent_or_saved_without_the_token(token: str, path: str, address: str) -> None:
    full_path = f"/{token}/{path}" if token else f"/{path}"
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        body = json.dumps({"decision": "undo"})
        status, text = send(address, method, full_path.replace("é", "%C3%A9"), JSON, body)
        assert status == 403
        assert "the token is missing" in text
        assert "doubtful" not in text


def test_the_address_given_to_a_browser_opens_the_page_once(addresses: list[str]) -> None:
    address, one_time_address = addresses
    path = urlsplit(one_time_address).path
    assert path != urlsplit(address).path
    assert send(one_time_address, "GET", path, {"Host": "evil.invalid"})[0] == 403
    for name in ("state", "decide"):
        assert send(one_time_address, "GET", path + name, {})[0] == 403
    with urllib.request.urlopen(one_time_address) as response:
        assert response.url == address
        assert b"<title>Review" in response.read()
    assert send(one_time_address, "GET", path, {})[0] == 403


def test_another_host_name_is_refused(address: str) -> None:
    parts = urlsplit(address)
    for host in ("evil.invalid", f"evil.invalid:{parts.port}", "127.0.0.1", f"127.0.0.1:{parts.port}.evil.invalid", ""):
        status, text = send(address, "GET", f"{parts.path}state", {"Host": host})
        assert (status, "this server answers at 127.0.0.1" in text) == (403, True), host
    assert send(address, "GET", f"{parts.path}state", {"Host": f"localhost:{parts.port}"})[0] == 200
    two_hosts = f"GET {parts.path}state HTTP/1.1\r\nHost: {parts.netloc}\r\nHost: evil.invalid\r\n\r\n"
    assert send_bytes(address, two_hosts.encode()).startswith(b"HTTP/1.0 403 ")


def test_a_form_or_script_of_another_site_cannot_decide(address: str, run: Path) -> None:
    parts = urlsplit(address)
    body = json.dumps({"id": next(iter(read_queue(run).entries)), "decision": "drop"})
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
        {**JSON, "Origin": "http://evil.invalid"},
        {**JSON, "Origin": "null"},
    ):
        assert send(address, "POST", f"{parts.path}decide", headers, body)[0] == 403, headers
    assert not (run / FILE).exists()
    assert send(address, "GET", f"{parts.path}decide", {})[0] == 405
    assert send(address, "POST", f"{parts.path}state", JSON, body)[0] == 405
    assert send(address, "GET", f"{parts.path}../../etc/passwd", {})[0] == 404
    assert send(address, "GET", f"{parts.path}server.py", {})[0] == 404


def test_an_invalid_decision_is_one_sentence_and_writes_nothing(address: str, run: Path) -> None:
    path = f"{urlsplit(address).path}decide"
    id_ = next(iter(read_queue(run).entries))
    for body, message in (
        ("{", "the decision is not valid JSON"),
        ("[]", 'a decision must be {"id"'),
        ("{}", "the queue has no text"),
        (json.dumps({"id": id_, "decision": ["keep"]}), "decision is ['keep']"),
        (json.dumps({"id": id_, "decision": "relabel", "labels": ["nothing"]}), "there is no label 'nothing'"),
        ("[" * 60_000, "the decision is not valid JSON"),
        (f'{{"id": {"1" * 5_000}}}', "the decision is not valid JSON"),
    ):
        status, text = send(address, "POST", path, JSON, body)
        assert status == 400
        assert message in json.loads(text)["error"]
    for size in (1 << 17, 1 << 20):
        assert send(address, "POST", path, JSON, "x" * size)[0] == 413
    assert not (run / FILE).exists()


def test_unusual_requests_get_a_response_without_a_traceback(run: Path) -> None:
    with review_process(run, "--by", "ann") as (address, process):
        parts = urlsplit(address)
        path, host = parts.path, f"Host: {parts.netloc}\r\n"
        post = f"POST {path}decide HTTP/1.1\r\n{host}Content-Type: application/json"
        undo = '{"decision": "undo"}'
        for request, status in (
            (f"{post}; charset=nope\r\nContent-Length: {len(undo)}\r\n\r\n{undo}", 400),
            (f"{post}\r\nContent-Length: -1\r\n\r\n{undo}", 400),
            (f"{post}\r\nContent-Length: abc\r\n\r\n{undo}", 400),
            (f"{post}\r\nContent-Length: ²\r\n\r\n{undo}", 400),
            (f"{post}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{undo}", 400),
            (f"{post}\r\nContent-Length: 1000\r\n\r\n{undo[:5]}", 400),
            (f"{post}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
            (f"{post}\r\nContent-Length: 2\r\n\r\n\xff\xff", 400),
            (f"GET http://[ HTTP/1.1\r\n{host}\r\n", 403),
            (f"GET http://{parts.netloc}{path}state HTTP/1.1\r\n{host}\r\n", 403),
            (f"GET //{path[1:]}state HTTP/1.1\r\n{host}\r\n", 200),
            (f"GET {path}state?x=1 HTTP/1.1\r\n{host}\r\n", 200),
            (f"GET {path}text/%ff%00%2f..%2f HTTP/1.1\r\n{host}\r\n", 400),
            (f"GET {path[:-1]} HTTP/1.1\r\n{host}\r\n", 404),
            (f"HEAD {path} HTTP/1.1\r\n{host}\r\n", 200),
            (f"BREW {path} HTTP/1.1\r\n{host}\r\n", 501),
            (f"GET {path} HTTP/9.9\r\n{host}\r\n", 505),
            (f"GET {path} HTTP/1.1\r\n{host}X: {'x' * 70_000}\r\n\r\n", 431),
            (f"GET /{'x' * 70_000} HTTP/1.1\r\n{host}\r\n", 414),
            (f"GET {path} HTTP/1.1\r\n{host}" + "X: y\r\n" * 200 + "\r\n", 431),
            (f"GET {path} HTTP/1.1\r\n{host}X: \xff\r\n\r\n", 200),
            (f"GET {path} HTTP/1.1\r\n\xe9: \xff\r\n{host}\r\n", 403),
        ):
            response = send_bytes(address, request.encode("latin-1"))
            assert response.startswith(f"HTTP/1.0 {status} ".encode()), (request[:200], response[:200])
            assert b"Content-Security-Policy: default-src 'none'" in response
        for request in ("garbage\r\n\r\n", "\x00\x01\x02\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/abc\r\n\r\n", ""):
            assert b"doubtful" not in send_bytes(address, request.encode("latin-1"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert (out, err) == ("ann decided on 0 texts; 6 texts wait for a decision\n", "")


def test_texts_are_sent_as_json_and_a_decision_is_on_disk_before_the_response(address: str, run: Path) -> None:
    client = Client(address)
    state = client.get("state")
    assert (state["reviewer"], state["remaining"]["pending"], state["multi_label"]) == ("ann", 6, False)
    texts = {id_: client.get(f"text/{id_}")["text"] for id_ in state["order"]}
    hostile = next(id_ for id_, text in texts.items() if text == HOSTILE)
    assert client.post({"id": hostile, "decision": "drop"})["remaining"]["pending"] == 5
    assert read_decisions(run).lines[-1].text == HOSTILE
    assert client.post({"decision": "undo"}, Origin=address.rsplit("/", 2)[0])["id"] == hostile
    assert read_decisions(run).by_text() == {}


def test_decisions_survive_a_killed_server_and_two_servers_share_a_run(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path, [pending_text(number) for number in range(100)])
    kinds = ["keep", "drop", "relabel"]

    def decide(client: Client, ids: list[str]) -> None:
        for number, id_ in enumerate(ids):
            client.post({"id": id_, "decision": kinds[number % 3], "labels": ["delivery"]})

    with review_process(run, "--by", "ann") as (first, killed), review_process(run, "--by", "bob") as (second, other):
        ann, bob = Client(first), Client(second)
        order = ann.get("state")["order"]
        thread = threading.Thread(target=decide, args=(bob, order[::-1]))
        thread.start()
        decide(ann, order)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        thread.join()
        with review_process(run, "--by", "ann") as (address, process):
            state = Client(address).get("state")
            own = [state["status"][id_]["own_decision"]["decision"] for id_ in order]
            assert own == [kinds[number % 3] for number in range(100)]
            assert state["agreement"][0]["texts"] == 100
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        other.send_signal(signal.SIGTERM)
        out, _ = other.communicate(timeout=60)
        assert "bob decided on 100 texts: 34 kept, 33 dropped, 33 relabelled" in out
    lines = (run / FILE).read_text(encoding="utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == 200


def test_a_decision_that_cannot_be_written_is_reported_and_not_counted(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    with review_process(run) as (address, _):
        client = Client(address)
        id_ = client.get("state")["order"][0]
        (run / FILE).mkdir()
        with pytest.raises(urllib.error.HTTPError) as refused:
            client.post({"id": id_, "decision": "keep"})
        assert refused.value.code in (400, 500)
        assert "review.jsonl" in json.loads(refused.value.read())["error"]
        refused.value.close()
        (run / FILE).rmdir()
        assert client.post({"id": id_, "decision": "keep"})["remaining"]["pending"] == 5


def test_a_port_in_use_is_one_sentence(address: str, run: Path) -> None:
    port = urlsplit(address).port
    session = ReviewSession(run, read_queue(run), "bob")
    with pytest.raises(UsageError, match=f"port {port} is in use; without --port a free one is used"):
        serve(session, port=port, on_ready=lambda *_: None, stop=threading.Event())


def test_a_line_of_another_program_is_seen_at_once(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    with review_process(run, "--by", "ann") as (address, _):
        client = Client(address)
        id_ = client.get("state")["order"][0]
        add_decisions(run, [Decision(id_, "drop", (), "bob")])
        assert client.get(f"text/{id_}")["status"]["other_reviewers"] == 1


def test_open_connections_do_not_delay_the_end(tmp_path: Path) -> None:
    run = run_with_pending(tmp_path)
    with review_process(run, "--by", "ann") as (address, process):
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 0
        with socket.create_connection((host, port)), socket.create_connection((host, port)) as unfinished:
            unfinished.sendall(f"POST {parts.path}decide HTTP/1.1\r\nContent-Length: 100\r\n\r\n{{".encode())
            assert Client(address).get("state")["reviewer"] == "ann"
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=120)
            assert time.monotonic() - start < SOCKET_TIMEOUT_SECONDS, "the end waited for a connection"
    assert (process.returncode, err) == (0, "")
    assert out.startswith("ann decided on 0 texts")


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=nope", "application/json; charset=\xff", "application/json; charset*=nope'en'%FF"],
)
def test_a_decision_in_an_unknown_encoding_is_answered_in_one_sentence(
    content_type: str, addresses: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    url = urlsplit(addresses[0])
    connection = http.client.HTTPConnection(str(url.hostname), url.port)
    connection.request("POST", f"{url.path}decide", b"\xff\xfe{", {"Content-Type": content_type})
    response = connection.getresponse()
    assert response.status == 400
    assert json.load(response) == {"error": "the decision is not valid JSON"}
    assert "Traceback" not in capfd.readouterr().err
