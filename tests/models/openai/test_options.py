"""The options that `http` and `vllm` share: identities, the name in requests, headers, and when `n` may be used."""

from __future__ import annotations

import pytest

from tests.models.model_calls import request
from textsynth.core.errors import RecipeError
from textsynth.models.openai.config import EndpointConfig
from textsynth.models.openai.options import OpenAIOptions, Thinking


def identity(**options: object) -> str:
    """Return the identity of a model with these options."""
    return OpenAIOptions.model_validate({"model": "m", **options}).identity_with("m", {})


def test_only_options_that_change_answers_are_in_the_identity() -> None:
    assert identity() == identity(concurrency=7, retries=1, timeout_seconds=9.0, max_downtime_seconds=2.0) == "m"
    changed = [
        identity(adapter="a"),
        identity(extra_body={"min_p": 0.1}),
        identity(response_format=False),
        identity(thinking={"max_tokens": 64}),
        OpenAIOptions(model="m").identity_with("m", {"--dtype": "float32"}),
    ]
    assert len({"m", *changed}) == 6
    assert changed[0] == "m+adapter:a"


def test_requests_have_the_name_of_the_adapter() -> None:
    assert OpenAIOptions(model="m").served_name == "m"
    assert OpenAIOptions(model="m", adapter="a").served_name == "a"


def test_thinking_has_a_token_budget() -> None:
    assert Thinking().max_tokens == 2048
    with pytest.raises(RecipeError, match=r"Thinking\.max_tokens takes a whole number \(at least 1\), found 0"):
        Thinking(max_tokens=0)


def test_the_key_is_in_the_headers_and_not_in_the_repr() -> None:
    config = EndpointConfig(("http://a",), "m", api_key="sesame")
    assert config.headers("http://a") == {"Authorization": "Bearer sesame"}
    assert "sesame" not in repr(config)
    assert EndpointConfig(("http://a",), "m").headers("http://a") == {}


def test_a_server_may_have_a_key_of_its_own() -> None:
    config = EndpointConfig(("http://a", "http://b"), "m", api_key="sesame", server_keys={"http://b": "poppy"})
    assert [config.headers(url)["Authorization"] for url in config.base_urls] == ["Bearer sesame", "Bearer poppy"]
    assert config.api_keys == ("sesame", "poppy")
    assert "poppy" not in repr(config)


def test_each_server_has_capabilities_of_its_own() -> None:
    config = EndpointConfig(("http://a", "http://b"), "m", server="openai", extra_body={"top_a": 1})
    first, second = config.new_capabilities(print), config.new_capabilities(print)
    assert first is not second
    assert first.model == "m"
    assert "top_k" in first.unsupported


def test_several_completions_are_asked_for_only_where_they_are_sampled_and_not_scored() -> None:
    assert EndpointConfig((), "m").allows_n(request("x"))
    assert not EndpointConfig((), "m").allows_n(request("x", temperature=0.0))
    assert not EndpointConfig((), "m").allows_n(request("x", options=("A", "B")))
    assert not EndpointConfig((), "m", extra_body={"temperature": 0}).allows_n(request("x"))
    assert not EndpointConfig((), "m", extra_body={"stream": True}).allows_n(request("x"))
    assert not EndpointConfig((), "m", batch_n=False).allows_n(request("x"))
