from __future__ import annotations

import pytest

from textsynth.core.errors import ModelError
from textsynth.http.address import Address


@pytest.mark.parametrize(
    ("url", "base_url", "display_url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://a/v1/chat/completions", "https://a/v1", "https://a/v1"),
        ("https://me:secret@a/api", "https://me:secret@a/api", "https://a/api"),
        ("https://a/openai?api-version=2", "https://a/openai?api-version=2", "https://a/openai"),
    ],
)
def test_a_base_url_may_be_written_in_several_ways(url: str, base_url: str, display_url: str) -> None:
    address = Address(url)
    assert (address.base_url, address.display_url) == (base_url, display_url)


def test_host_port_and_paths() -> None:
    plain, secure = Address("http://a.example/v1"), Address("https://me:pass%40word@b:8443/x/v1?k=1")
    assert (plain.host_and_port, secure.host_and_port) == (("a.example", 80), ("b", 8443))
    assert (plain.host_header, secure.host_header) == ("a.example", "b:8443")
    assert (plain.uses_tls, secure.uses_tls) == (False, True)
    assert plain.path("/chat/completions") == "/v1/chat/completions"
    assert secure.path("/completions") == "/x/v1/completions?k=1"
    assert (plain.path_outside_v1("/metrics"), secure.path_outside_v1("/tokenize")) == ("/metrics", "/x/tokenize")
    assert (plain.basic_auth, secure.basic_auth) == (None, "Basic bWU6cGFzc0B3b3Jk")
    assert Address("http://[::1]:8000").host_and_port == ("::1", 8000)
    assert Address("http://bücher.example/v1").host_header == "xn--bcher-kva.example"


@pytest.mark.parametrize("url", ["http://", "http://a:99999/v1", "http://a:port/v1", "http://a b/v1", "http://:80"])
def test_an_invalid_address_is_an_error_of_one_sentence(url: str) -> None:
    with pytest.raises(ModelError, match="is not the address of a server"):
        _ = Address(url).host_and_port


def test_a_proxy_is_used_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    proxy = Address("http://far.example/v1").proxy
    assert proxy is not None
    assert proxy.url == "http://proxy:3128"
    assert Address("http://127.0.0.1:8000").proxy is None
    assert Address("http://localhost:8000").proxy is None
    assert Address("http://inside.example/v1").proxy is None
    assert Address("https://far.example/v1").proxy is None
