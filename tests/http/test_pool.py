"""Connections that are kept, that are stale, that use a proxy or TLS, and that cannot be made."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.mock import CLOSE
from tests.models.raw_server import raw_server, response
from textsynth.core.errors import ModelError
from textsynth.http.address import Address
from textsynth.http.pool import REST_SECONDS, STALE_SECONDS, UNREQUESTED, ConnectError, ConnectionPool
from textsynth.http.response import ProtocolError


def test_a_connection_is_kept_and_requests_have_their_headers() -> None:
    async def go() -> None:
        async with raw_server(lambda _: [response(b"ok")]) as server:
            address = Address(server.url.replace("//", "//me:word@"))
            pool = ConnectionPool(address, {"Authorization": "Bearer k"})
            assert (await pool.post("/v1/completions", b'{"a":1}')).body == b"ok"
            await asyncio.sleep(REST_SECONDS)
            assert (await pool.get("/v1/models")).body == b"ok"
            pool.close()
        assert server.connections == pool.opened == 1
        assert (
            server.requests[0]
            == (
                f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept: application/json\r\n"
                "Accept-Encoding: identity\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
                'Content-Length: 7\r\n\r\n{"a":1}'
            ).encode()
        )
        assert server.requests[1].startswith(b"GET /v1/models HTTP/1.1\r\n")

    asyncio.run(go())


def test_concurrent_requests_have_a_connection_each() -> None:
    async def go() -> None:
        async with raw_server(lambda _: [0.05, response(b"ok")]) as server:
            pool = ConnectionPool(Address(server.url), {})
            for _ in range(2):
                await asyncio.gather(*(pool.post("/v1/x", b"{}") for _ in range(5)))
                await asyncio.sleep(REST_SECONDS)
            pool.close()
        assert server.connections == 5

    asyncio.run(go())


def test_a_request_on_a_stale_connection_is_sent_again_on_a_new_one() -> None:
    async def go() -> None:
        async with raw_server(lambda _: [response(b"ok")]) as server:
            pool = ConnectionPool(Address(server.url), {})
            await pool.post("/v1/x", b"{}")
            connection = pool._resting[0]
            connection.idle_since -= STALE_SECONDS + 0.1
            assert connection._transport is not None
            # as if the server were closing the connection at this moment
            connection._transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
            assert (await pool.post("/v1/x", b"{}")).body == b"ok"
            assert pool.opened == 2
            pool.close()

    asyncio.run(go())


def test_a_request_on_a_new_connection_is_sent_once_only() -> None:
    async def go() -> int:
        async with raw_server(lambda _: [CLOSE]) as server:
            with pytest.raises((ProtocolError, OSError)):
                await ConnectionPool(Address(server.url), {}).post("/v1/x", b"{}")
            return len(server.requests)

    assert asyncio.run(go()) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://nowhere.invalid/v1"])
def test_no_server_is_a_connect_error(url: str) -> None:
    with pytest.raises(ConnectError):
        asyncio.run(ConnectionPool(Address(url), {}).get("/"))


def test_a_request_through_a_proxy_names_the_whole_url(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> bytes:
        async with raw_server(lambda _: [response(b"ok")]) as server:
            monkeypatch.setenv("http_proxy", f"http://me:word@127.0.0.1:{server.port}")
            pool = ConnectionPool(Address("http://far.example/v1"), {})
            await pool.post("/v1/x", b"{}")
            pool.close()
            return server.requests[0]

    request = asyncio.run(go())
    assert request.startswith(b"POST http://far.example/v1/x HTTP/1.1\r\nHost: far.example\r\n")
    assert b"Proxy-Authorization: Basic bWU6d29yZA==\r\n" in request


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def test_tls_is_used_and_an_untrusted_certificate_is_a_model_error(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> bytes:
        async with raw_server(lambda _: [response(b"secret")], tls=server_side(certificate)) as server:
            pool = ConnectionPool(Address(f"https://127.0.0.1:{server.port}/v1"), {})
            try:
                return (await pool.get("/v1/models")).body
            finally:
                pool.close()
                await asyncio.sleep(0.01)

    with pytest.raises(ModelError, match=r"certificate of https://127.0.0.1:\d+/v1 cannot be trusted"):
        asyncio.run(go())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    assert asyncio.run(go()) == b"secret"


def test_tls_goes_through_the_tunnel_of_a_proxy(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy forwards bytes between two connections; it sees a host and a port, and no plain text."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    connect_requests: list[bytes] = []

    async def go() -> bytes:
        async with raw_server(lambda _: [response(b"secret")], tls=server_side(certificate)) as server:

            async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                connect_requests.append(await reader.readuntil(b"\r\n\r\n"))
                server_reader, server_writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"HTTP/1.0 200 Connection established\r\n\r\n")
                await asyncio.gather(pipe(reader, server_writer), pipe(server_reader, writer), return_exceptions=True)

            proxy_server = await asyncio.start_server(proxy, "127.0.0.1", 0)
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy_server.sockets[0].getsockname()[1]}")
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
            pool = ConnectionPool(Address("https://localhost.example:8443/v1"), {})
            pool._host = "localhost"  # the name that the certificate is for
            try:
                return (await pool.get("/v1/models")).body
            finally:
                pool.close()
                proxy_server.close()
                await asyncio.sleep(0.05)

    monkeypatch.setenv("no_proxy", "")
    assert asyncio.run(go()) == b"secret"
    assert connect_requests[0].startswith(b"CONNECT localhost:8443 HTTP/1.1\r\n")


def test_a_proxy_that_refuses_the_tunnel_is_a_connect_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with raw_server(lambda _: [response(b"no", 403)]) as server:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
            pool = ConnectionPool(Address("https://far.example/v1"), {})
            with pytest.raises(ConnectError, match="proxy answers HTTP 403"):
                await pool.get("/v1/models")
            await asyncio.sleep(0.01)

    asyncio.run(go())


def test_a_connection_with_an_unrequested_response_is_replaced() -> None:
    async def go() -> None:
        answers = iter([[response(b"one"), 0.05, response(b"unrequested")], [response(b"two")]])
        async with raw_server(lambda _: next(answers)) as server:
            pool = ConnectionPool(Address(server.url), {})
            assert (await pool.post("/v1/x", b"{}")).body == b"one"
            await asyncio.sleep(0.1)
            assert (await pool.post("/v1/x", b"{}")).body == b"two"
            pool.close()
        assert (pool.opened, len(server.requests)) == (2, 2)

    asyncio.run(go())


def test_an_unrequested_response_that_arrives_while_the_event_loop_is_busy_is_no_response_either() -> None:
    """The server runs in a thread of its own, so that it sends while this loop sleeps."""

    sent = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        served = 0

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            Handler.served += 1
            self.wfile.write(response(b"answer %d" % Handler.served))
            if Handler.served == 1:
                time.sleep(0.05)
                self.wfile.write(response(b"unrequested"))
                sent.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Write nothing."""

    async def go(url: str) -> None:
        pool = ConnectionPool(Address(url), {})
        assert (await pool.post("/v1/x", b"{}")).body == b"answer 1"
        assert sent.wait(60)
        time.sleep(0.05)  # for the way through the system
        assert (await pool.post("/v1/x", b"{}")).body == b"answer 2"
        assert pool.opened == 2
        pool.close()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            asyncio.run(go(f"http://127.0.0.1:{server.server_port}/v1"))
        finally:
            server.shutdown()
            thread.join()


def test_the_late_response_to_a_request_that_timed_out_goes_to_no_other_request() -> None:
    async def go() -> None:
        answers = iter([[0.1, response(b"late")], [0.1, response(b"two")]])
        async with raw_server(lambda _: next(answers)) as server:
            pool = ConnectionPool(Address(server.url), {})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(pool.post("/v1/x", b"{}"), 0.05)
            assert (await pool.post("/v1/x", b"{}")).body == b"two"
            pool.close()
        assert pool.opened == 2

    asyncio.run(go())


def test_a_connection_rests_before_it_is_used_again() -> None:
    async def go() -> None:
        async with raw_server(lambda _: [response(b"ok")]) as server:
            pool = ConnectionPool(Address(server.url), {})
            for _ in range(3):
                await pool.post("/v1/x", b"{}")
            assert pool.opened == 3
            await asyncio.sleep(REST_SECONDS)
            for _ in range(3):
                await pool.post("/v1/x", b"{}")
            assert pool.opened == 3
            pool.close()

    asyncio.run(go())


def echo(request: bytes) -> bytes:
    """Return a response whose body is that of the request."""
    return response(request.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("in_flight", [1, 2, 64])
@pytest.mark.parametrize("delay", [0.0, 0.005, 0.05])
@pytest.mark.parametrize("server_seconds", [0.0, 0.03])
def test_an_unrequested_response_is_never_the_response_to_another_request(
    in_flight: int, delay: float, server_seconds: float
) -> None:
    """After each response the server sends another one, at once or a little later, on the same connection."""
    log: list[str] = []

    async def go() -> None:
        def respond(request: bytes) -> list[object]:
            return [server_seconds, echo(request), delay, response(b"unrequested")]

        async with raw_server(respond) as server:
            pool = ConnectionPool(Address(server.url), {}, log.append)
            slots = asyncio.Semaphore(in_flight)

            async def exchange(number: int) -> None:
                async with slots:
                    body = b"request %d" % number
                    while True:
                        try:
                            parsed = await pool.post("/v1/x", body)
                        except (ProtocolError, OSError):
                            continue
                        break
                    assert parsed.body == body

            await asyncio.gather(*(exchange(number) for number in range(max(10, 4 * in_flight))))
            await asyncio.sleep(REST_SECONDS)
            pool.close()

    asyncio.run(asyncio.wait_for(go(), 60))
    assert log == [f"{UNREQUESTED}; it is ignored, and each request gets its own connection from now on"]


@pytest.mark.parametrize("in_flight", [1, 64])
@pytest.mark.parametrize("surplus", [b"?", b"\r\n", b" tail", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_what_is_behind_a_response_belongs_to_no_request(in_flight: int, surplus: bytes) -> None:
    async def go() -> None:
        async with raw_server(lambda request: [echo(request) + surplus]) as server:
            pool = ConnectionPool(Address(server.url), {})
            for start in range(0, 3 * in_flight, in_flight):
                bodies = [b"request %d" % number for number in range(start, start + in_flight)]
                responses = await asyncio.gather(*(pool.post("/v1/x", body) for body in bodies))
                assert [parsed.body for parsed in responses] == bodies
                await asyncio.sleep(REST_SECONDS)
            pool.close()
        assert server.connections == 3 * in_flight

    asyncio.run(go())


def test_once_a_response_was_unrequested_requests_on_used_connections_are_repeated() -> None:
    """A connection that was used before may hold one too: the response that it brings cannot be trusted."""

    async def go() -> None:
        answers = {b"first": [response(b"1")], b"second": [0.3, response(b"2")]}

        def respond(request: bytes) -> list[object]:
            body = request.partition(b"\r\n\r\n")[2]
            return answers.get(body, [response(b"3"), 0.05, response(b"unrequested")])

        async with raw_server(respond) as server:
            pool = ConnectionPool(Address(server.url), {})
            await pool.post("/v1/x", b"first")
            await asyncio.sleep(REST_SECONDS)
            second = asyncio.ensure_future(pool.post("/v1/x", b"second"))
            await asyncio.sleep(0)
            assert (await pool.post("/v1/x", b"third")).body == b"3"
            with pytest.raises(ProtocolError, match=UNREQUESTED):
                await second
            assert (await pool.post("/v1/x", b"second")).body == b"2"
            pool.close()

    asyncio.run(go())


def test_a_proxy_that_asks_for_a_password_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        async with raw_server(lambda _: [response(b"who are you?", 407)]) as server:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
            with pytest.raises(ModelError, match=r"asks for a user and a password \(HTTP 407\)"):
                await ConnectionPool(Address("https://far.example/v1"), {}).get("/v1/models")
            await asyncio.sleep(0.01)

    asyncio.run(go())
