from __future__ import annotations

from textsynth.models.openai.config import EndpointConfig


def test_a_key_goes_with_every_request_and_into_no_repr() -> None:
    target = EndpointConfig(("http://a",), "m", api_key="sesame")
    assert target.headers == {"Authorization": "Bearer sesame"}
    assert "sesame" not in repr(target)
    assert EndpointConfig(("http://a",), "m").headers == {}


def test_each_server_is_spoken_to_in_a_dialect_of_its_own() -> None:
    target, told = EndpointConfig(("http://a", "http://b"), "m", server="openai", extra_body={"top_a": 1}), []
    one, other = target.capabilities(told.append), target.capabilities(told.append)
    assert one is not other
    assert one.model == "m"
    assert "top_k" in one.left_out
