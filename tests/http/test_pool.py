"""Connections that are kept, that went stale, that go through a proxy or over TLS, and that cannot be made."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.models.raw import END, raw, whole
from textsynth.core.errors import ModelError
from textsynth.http.address import Address
from textsynth.http.body import ProtocolError
from textsynth.http.pool import STALE_SECONDS, ConnectError, ConnectionPool


def test_a_connection_is_kept_and_requests_carry_what_they_should() -> None:
    async def go() -> None:
        async with raw(lambda _: [whole(b"ok")]) as server:
            address = Address(server.url.replace("//", "//me:word@"))
            mine = ConnectionPool(address, {"Authorization": "Bearer k"})
            assert (await mine.post("/v1/completions", b'{"a":1}')).body == b"ok"
            assert (await mine.get("/v1/models")).body == b"ok"
            mine.close()
        assert server.connections == mine.opened == 1
        assert (
            server.said[0]
            == (
                f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept: application/json\r\n"
                "Accept-Encoding: identity\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
                'Content-Length: 7\r\n\r\n{"a":1}'
            ).encode()
        )
        assert server.said[1].startswith(b"GET /v1/models HTTP/1.1\r\n")

    asyncio.run(go())


def test_requests_at_once_have_connections_of_their_own() -> None:
    async def go() -> None:
        async with raw(lambda _: [0.05, whole(b"ok")]) as server:
            mine = ConnectionPool(Address(server.url), {})
            for _ in range(2):
                await asyncio.gather(*(mine.post("/v1/x", b"{}") for _ in range(5)))
            mine.close()
        assert server.connections == 5

    asyncio.run(go())


def test_a_kept_connection_that_the_server_closed_meanwhile_costs_no_try() -> None:
    async def go() -> None:
        async with raw(lambda _: [whole(b"ok")]) as server:
            mine = ConnectionPool(Address(server.url), {})
            await mine.post("/v1/x", b"{}")
            kept = mine._idle[0]
            kept.idle_since -= STALE_SECONDS + 0.1
            assert kept._transport is not None
            kept._transport.get_extra_info("socket").shutdown(socket.SHUT_WR)  # as if the server had hung up just now
            assert (await mine.post("/v1/x", b"{}")).body == b"ok"
            mine.close()

    asyncio.run(go())


def test_an_answer_that_breaks_off_is_not_sent_again_behind_ones_back() -> None:
    async def go() -> int:
        async with raw(lambda _: [END]) as server:
            with pytest.raises((ProtocolError, OSError)):
                await ConnectionPool(Address(server.url), {}).post("/v1/x", b"{}")
            return len(server.said)

    assert asyncio.run(go()) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://nowhere.invalid/v1"])
def test_nobody_there_is_away(url: str) -> None:
    with pytest.raises(ConnectError):
        asyncio.run(ConnectionPool(Address(url), {}).get("/"))


def test_a_proxy_is_asked_for_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> bytes:
        async with raw(lambda _: [whole(b"ok")]) as server:
            monkeypatch.setenv("http_proxy", f"http://me:word@127.0.0.1:{server.port}")
            mine = ConnectionPool(Address("http://far.example/v1"), {})
            await mine.post("/v1/x", b"{}")
            mine.close()
            return server.said[0]

    said = asyncio.run(go())
    assert said.startswith(b"POST http://far.example/v1/x HTTP/1.1\r\nHost: far.example\r\n")
    assert b"Proxy-Authorization: Basic bWU6d29yZA==\r\n" in said


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of its own for localhost, with its key."""
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


def test_tls_is_spoken_and_a_certificate_that_cannot_be_trusted_stops(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> bytes:
        async with raw(lambda _: [whole(b"secret")], tls=server_side(certificate)) as server:
            mine = ConnectionPool(Address(f"https://127.0.0.1:{server.port}/v1"), {})
            try:
                return (await mine.get("/v1/models")).body
            finally:
                mine.close()
                await asyncio.sleep(0.01)

    with pytest.raises(ModelError, match=r"certificate of https://127.0.0.1:\d+/v1 cannot be trusted"):
        asyncio.run(go())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    assert asyncio.run(go()) == b"secret"


def test_tls_goes_through_the_tunnel_of_a_proxy(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy joins the two connections; it sees a name and a port, and no word of what is said."""

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    seen: list[bytes] = []

    async def go() -> bytes:
        async with raw(lambda _: [whole(b"secret")], tls=server_side(certificate)) as server:

            async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                seen.append(await reader.readuntil(b"\r\n\r\n"))
                there, back = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"HTTP/1.0 200 Connection established\r\n\r\n")
                await asyncio.gather(pipe(reader, back), pipe(there, writer), return_exceptions=True)

            listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}")
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
            mine = ConnectionPool(Address("https://localhost.example:8443/v1"), {})
            mine._host = "localhost"  # the name that the certificate is for
            try:
                return (await mine.get("/v1/models")).body
            finally:
                mine.close()
                listening.close()
                await asyncio.sleep(0.05)

    monkeypatch.setenv("no_proxy", "")
    assert asyncio.run(go()) == b"secret"
    assert seen[0].startswith(b"CONNECT localhost:8443 HTTP/1.1\r\n")


def test_a_proxy_that_gives_no_tunnel_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def talk(_: bytes) -> Sequence[object]:
        return [whole(b"no", 403)]

    async def go() -> None:
        async with raw(talk) as server:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
            mine = ConnectionPool(Address("https://far.example/v1"), {})
            with pytest.raises(ConnectError, match="proxy answers HTTP 403"):
                await mine.get("/v1/models")
            await asyncio.sleep(0.01)

    asyncio.run(go())
