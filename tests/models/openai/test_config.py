from __future__ import annotations

from textsynth.models.openai.config import Target


def test_a_key_goes_with_every_request_and_into_no_repr() -> None:
    target = Target(("http://a",), "m", key="sesame")
    assert target.headers == {"Authorization": "Bearer sesame"}
    assert "sesame" not in repr(target)
    assert Target(("http://a",), "m").headers == {}


def test_each_server_is_spoken_to_in_a_dialect_of_its_own() -> None:
    target, told = Target(("http://a", "http://b"), "m", speaks="openai", body={"top_a": 1}), []
    one, other = target.dialect(told.append), target.dialect(told.append)
    assert one is not other
    assert one.model == "m"
    assert "top_k" in one.left_out
