"""The server with a real client: who is let in, what every answer says, and that a decision outlives it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.export.outcomes import HOSTILE
from tests.review.runs import reviewed, served, waiting
from textsynth.core.errors import UsageError
from textsynth.review.queue import read_queue
from textsynth.review.server import serve
from textsynth.review.session import ReviewSession
from textsynth.store.decisions import FILE, Decision, add_decisions, read_decisions


class Client:
    """Speaks to the page's server as the page does."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path) as answer:
            return json.load(answer)

    def post(self, told: object, **headers: str) -> Any:
        body = json.dumps(told).encode()
        request = urllib.request.Request(
            f"{self.address}decide", body, {"Content-Type": "application/json", **headers}
        )  # fmt: skip
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return reviewed(tmp_path_factory.mktemp("served"), [waiting(0, text=HOSTILE), *map(waiting, range(1, 6))])


@pytest.fixture(scope="module")
def addresses(run: Path) -> Iterator[list[str]]:
    """Serve a run in this process, in a thread with an event loop of its own."""
    sitting = ReviewSession(run, read_queue(run), "ann")
    known, found = threading.Event(), []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def ready(*told: str) -> None:
        found.extend(told)
        known.set()

    thread = threading.Thread(
        target=loop.run_until_complete, args=(serve(sitting, port=None, ready=ready, stop=stop),)
    )  # fmt: skip
    thread.start()
    assert known.wait(20)
    yield found
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.fixture
def address(addresses: list[str]) -> str:
    """Return the address that is printed."""
    return addresses[0]


def raw(address: str, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str]:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.putrequest(method, path, skip_host=True)
    for name, value in {"Host": place.netloc, **headers}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body.encode())
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
    return answer.status, said


def test_the_address_is_on_loopback_with_a_long_token(address: str) -> None:
    place = urlsplit(address)
    assert place.hostname == "127.0.0.1"
    assert len(place.path.strip("/")) >= 30


def test_the_page_loads_only_its_own_script_and_style_under_a_strict_policy(address: str) -> None:
    async def look() -> None:
        async with aiohttp.ClientSession() as client:
            for name, kind in (("", "text/html"), ("page.js", "text/javascript"), ("page.css", "text/css")):
                async with client.get(address + name) as answer:
                    text = await answer.text()
                    assert (answer.status, answer.content_type) == (200, kind)
                    policy = dict(
                        part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
                    )
                    assert policy["default-src"] == "'none'"
                    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
                    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
                    assert answer.headers["Referrer-Policy"] == "no-referrer"
                    assert answer.headers["Cache-Control"] == "no-store"
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
                    for word in ("http://", "https://", "innerHTML", "insertAdjacent", "document.write", "eval("):
                        assert word not in text

    asyncio.run(look())


@pytest.mark.parametrize("token", ["", "wrong", "x" * 32, "%00", "é"])
@pytest.mark.parametrize("path", ["", "state", "text/0", "page.js", "decide", "../state"])
def test_nothing_is_told_or_taken_without_the_token(token: str, path: str, address: str, run: Path) -> None:
    place = f"/{token}/{path}" if token else f"/{path}"
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        body = json.dumps({"decision": "undo"})
        status, said = raw(
            address, method, place.replace("é", "%C3%A9"), {"Content-Type": "application/json"}, body
        )  # fmt: skip
        assert status == 403
        assert "lacks the token" in said
        assert "doubtful" not in said


def test_the_address_that_a_browser_is_started_with_leads_to_the_page_once(addresses: list[str]) -> None:
    address, once = addresses
    path = urlsplit(once).path
    assert path != urlsplit(address).path
    assert raw(once, "GET", path, {"Host": "evil.invalid"})[0] == 403
    for inner in ("state", "decide"):
        assert raw(once, "GET", path + inner, {})[0] == 403
    with urllib.request.urlopen(once) as answer:
        assert answer.url == address
        assert b"<title>Review" in answer.read()
    assert raw(once, "GET", path, {})[0] == 403


def test_another_name_for_this_machine_is_refused(address: str, run: Path) -> None:
    place = urlsplit(address)
    for host in ("evil.invalid", f"evil.invalid:{place.port}", "127.0.0.1", f"127.0.0.1:{place.port}.evil.invalid", ""):
        status, said = raw(address, "GET", f"{place.path}state", {"Host": host})
        assert (status, "asked for as 127.0.0.1" in said) == (403, True), host
    assert raw(address, "GET", f"{place.path}state", {"Host": f"localhost:{place.port}"})[0] == 200


def test_a_form_or_script_of_another_site_decides_nothing(address: str, run: Path) -> None:
    place = urlsplit(address)
    body = json.dumps({"id": next(iter(read_queue(run).entries)), "decision": "drop"})
    json_kind = {"Content-Type": "application/json"}
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {},
        {**json_kind, "Origin": "http://evil.invalid"},
        {**json_kind, "Origin": "null"},
    ):
        assert raw(address, "POST", f"{place.path}decide", headers, body)[0] == 403, headers
    assert not (run / FILE).exists()
    assert raw(address, "GET", f"{place.path}decide", {})[0] == 405
    assert raw(address, "GET", f"{place.path}../../etc/passwd", {})[0] in (403, 404)


def test_a_mistake_is_a_sentence_and_writes_nothing(address: str, run: Path) -> None:
    place = urlsplit(address)
    headers = {"Content-Type": "application/json"}
    one = next(iter(read_queue(run).entries))
    for body, said in (
        ("{", "the decision is no JSON"),
        ("[]", 'a decision is {"id"'),
        ("{}", "the queue has no text"),
        (json.dumps({"id": one, "decision": ["keep"]}), "decision is ['keep']"),
        (json.dumps({"id": one, "decision": "relabel", "labels": ["nothing"]}), "there is no label 'nothing'"),
    ):
        status, answer = raw(address, "POST", f"{place.path}decide", headers, body)
        assert status == 400
        assert said in json.loads(answer)["error"]
    assert raw(address, "POST", f"{place.path}decide", headers, "x" * (1 << 17))[0] == 413
    assert not (run / FILE).exists()


def test_texts_travel_as_json_and_a_decision_is_on_disk_when_it_is_told(address: str, run: Path) -> None:
    client = Client(address)
    state = client.get("state")
    assert (state["by"], state["left"], state["many"]) == ("ann", 6, False)
    texts = {one: client.get(f"text/{one}")["text"] for one in state["order"]}
    hostile = next(one for one, text in texts.items() if text == HOSTILE)
    assert client.post({"id": hostile, "decision": "drop"})["left"] == 5
    assert read_decisions(run).lines[-1].text == HOSTILE
    assert client.post({"decision": "undo"}, Origin=address.rsplit("/", 2)[0])["id"] == hostile
    assert read_decisions(run).by_text() == {}


def test_a_hundred_decisions_outlive_the_server_and_two_servers_share_a_run(tmp_path: Path) -> None:
    run = reviewed(tmp_path, [waiting(number) for number in range(100)])
    with served(run, "--by", "ann") as (first, killed), served(run, "--by", "bob") as (second, other):
        ann, bob = Client(first), Client(second)
        order = ann.get("state")["order"]
        said = ["keep", "drop", "relabel"]

        def decide(client: Client, ids: list[str]) -> None:
            for number, one in enumerate(ids):
                client.post({"id": one, "decision": said[number % 3], "labels": ["delivery"]})

        beside = threading.Thread(target=decide, args=(bob, order[::-1]))
        beside.start()
        decide(ann, order)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        beside.join()
        with served(run, "--by", "ann") as (again, process):
            state = Client(again).get("state")
            mine = [state["status"][one]["mine"]["decision"] for one in order]
            assert mine == [said[number % 3] for number in range(100)]
            assert state["pairs"][0]["texts"] == 100
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        other.send_signal(signal.SIGTERM)
        out, _ = other.communicate(timeout=20)
        assert "bob decided on 100 per_request: 34 kept, 33 dropped, 33 relabelled" in out
    lines = (run / FILE).read_text(encoding="utf-8").splitlines()
    assert len([json.loads(line) for line in lines]) == 200


def test_what_the_disk_does_not_take_is_said_and_not_counted(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    with served(run) as (address, _):
        client = Client(address)
        one = client.get("state")["order"][0]
        (run / FILE).mkdir()
        with pytest.raises(urllib.error.HTTPError) as refused:
            client.post({"id": one, "decision": "keep"})
        assert refused.value.code in (400, 500)
        assert "review.jsonl" in json.loads(refused.value.read())["error"]
        refused.value.close()
        (run / FILE).rmdir()
        assert client.post({"id": one, "decision": "keep"})["left"] == 5


def test_a_port_that_is_taken_is_one_sentence(address: str, run: Path) -> None:
    port = urlsplit(address).port
    sitting = ReviewSession(run, read_queue(run), "bob")
    with pytest.raises(UsageError, match=f"port {port} is taken; without --port a free one is used"):
        asyncio.run(serve(sitting, port=port, ready=lambda *_: None, stop=asyncio.Event()))


def test_a_line_that_another_program_wrote_is_seen_at_once(tmp_path: Path) -> None:
    run = reviewed(tmp_path)
    with served(run, "--by", "ann") as (address, _):
        client = Client(address)
        one = client.get("state")["order"][0]
        add_decisions(run, [Decision(one, "drop", (), "bob")])
        assert client.get(f"text/{one}")["status"]["others"] == 1
