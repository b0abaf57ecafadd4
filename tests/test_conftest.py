from __future__ import annotations

import socket

import pytest


def test_no_test_can_reach_another_host() -> None:
    with pytest.raises(RuntimeError, match=r"loopback only.*192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(RuntimeError, match=r"huggingface\.co"):
        socket.getaddrinfo("huggingface.co", 443)
    with socket.socket() as client, pytest.raises(RuntimeError, match="loopback only"):
        client.connect(("198.51.100.7", 443))


def test_loopback_works_and_a_reserved_name_is_never_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]):
        pass
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("model.invalid", 80)
