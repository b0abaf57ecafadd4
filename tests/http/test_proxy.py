"""Variables of the environment that name a proxy, as other clients read them."""

from __future__ import annotations

import pytest

from textsynth.core.errors import ModelError
from textsynth.http.proxy import bypasses_proxy, find_proxy

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("variables", "scheme", "url", "variable"),
    [
        ({"HTTP_PROXY": "127.0.0.1:3128"}, "http", "http://127.0.0.1:3128", "HTTP_PROXY"),
        ({"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:2"}, "http", "http://p:1", "http_proxy"),
        ({"HTTPS_PROXY": "me:word@p"}, "https", "http://me:word@p", "HTTPS_PROXY"),
        ({"ALL_PROXY": "HTTP://p:1"}, "https", "HTTP://p:1", "ALL_PROXY"),
        ({"HTTP_PROXY": "[::1]:3128"}, "http", "http://[::1]:3128", "HTTP_PROXY"),
    ],
)
def test_a_proxy_is_read_with_or_without_its_scheme(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], scheme: str, url: str, variable: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxy = find_proxy(scheme, "far.example")
    assert proxy is not None
    assert (proxy.url, proxy.variable) == (url, f"the environment variable {variable}")


@pytest.mark.parametrize(
    "variables",
    [{}, {"HTTP_PROXY": ""}, {"HTTPS_PROXY": "p:1"}, {"HTTP_PROXY": "p:1", "REQUEST_METHOD": "GET"}],
)
def test_without_a_variable_for_the_scheme_there_is_no_proxy(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find_proxy("http", "far.example") is None


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "socks5h://me:WORD@127.0.0.1:1080",
            "names the proxy 'socks5h://127.0.0.1:1080', but only proxies with http://",
        ),
        ("socks5://p", "but only proxies with http://"),
        ("https://p:3128", "but only proxies with http://"),
        ("http://", "which is no address"),
        ("http://p:99999", "holds no address of a proxy"),
        ("http://me:WORD@p:port", "holds no address of a proxy"),
        ("http://[::1", "holds no address of a proxy"),
        ("http://a b", "which is no address"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, value: str, sentence: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(ModelError) as error:
        find_proxy("http", "far.example")
    assert str(error.value).startswith("the environment variable ALL_PROXY ")
    assert sentence in str(error.value)
    assert "WORD" not in str(error.value)


@pytest.mark.parametrize(
    ("exceptions", "host", "is_excepted"),
    [
        ("*", "far.example", True),
        ("far.example", "far.example", True),
        ("FAR.example", "far.EXAMPLE.", True),
        ("far.example", "nofar.example", False),
        ("corp", "gpu.corp", True),
        (".corp", "gpu.corp", True),
        ("*.corp", "gpu.corp", True),
        ("*.corp", "gpucorp", False),
        ("a, *.corp,b", "x.gpu.corp", True),
        ("a *.corp", "gpu.corp", True),
        ("10.0.0.0/8", "10.20.30.40", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "gpu.corp", False),
        ("192.168.1.5/24", "192.168.1.77", True),
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.5", "192.168.1.55", False),
        ("fd00::/8", "fd00::1", True),
        ("fd00::1", "fd00:0::1", True),
        ("[fd00::1]:8000", "fd00::1", True),
        ("far.example:8000", "far.example", True),
        ("far.example:9000", "far.example", False),
        ("192.168.1.5:8000", "192.168.1.5", True),
        ("", "far.example", False),
        (",,", "far.example", False),
        (".", "far.example", False),
        ("10.0.0.0/99", "10.0.0.1", False),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_hosts_domains_addresses_and_networks_are_excepted(
    monkeypatch: pytest.MonkeyPatch, name: str, exceptions: str, host: str, is_excepted: bool
) -> None:
    monkeypatch.setenv(name, exceptions)
    assert bypasses_proxy(host, 8000) == is_excepted
