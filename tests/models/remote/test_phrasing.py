"""What a refusal teaches about `n`; the other parameters are in test_dialect.py, with engines that take them."""

from __future__ import annotations

import json

import pytest

from tests.models.asked import request
from textsynth.core.records import Constraint
from textsynth.models.remote.dialect import Dialect
from textsynth.models.remote.phrasing import Phrasing

WHOLE = json.dumps({"choices": [{"text": "a"}, {"text": "b"}]}).encode()
HI = request("hi", constraint=Constraint("regex", "[ab]"))


def sent(phrasing: Phrasing) -> dict[str, object]:
    return dict(json.loads(phrasing.body()))


@pytest.mark.parametrize(
    "told",
    [
        "n must be 1 when using greedy sampling, got 2.",
        "Unsupported value: 'n' does not support 2 with this model.",
        "`n` > 1 is not supported",
        "Only one completion choice is allowed",
    ],
)
def test_a_refusal_that_names_n_is_believed(told: str) -> None:
    said: list[str] = []
    dialect = Dialect("small", {}, speaks="vllm", say=said.append)
    phrasing = Phrasing(dialect, HI, draws=2)
    assert sent(phrasing)["n"] == 2
    assert phrasing.refused(400, json.dumps({"error": {"message": told}}).encode())
    assert "n" not in sent(phrasing)
    assert [one and one.text for one in phrasing.read_draws(WHOLE)] == ["a"]
    assert dialect.draws == 1
    assert not dialect.left_out
    dialect.one_a_request()
    assert said == ["the server gives one answer a request: draws of one prompt are asked for one by one"]


def test_a_refusal_that_names_nothing_blames_n_first_and_only_if_that_helped() -> None:
    helped, not_helped = (Dialect("small", {}, speaks="vllm") for _ in range(2))
    phrasing = Phrasing(helped, HI, draws=2)
    phrasing.body()
    assert phrasing.refused(400, b"Bad request\\n")
    assert {"n", "top_k"} & sent(phrasing).keys() == {"top_k"}
    phrasing.read_draws(WHOLE)
    assert (helped.draws, helped.left_out) == (1, set())

    phrasing = Phrasing(not_helped, HI, draws=2)
    for _ in range(2):
        phrasing.body()
        assert phrasing.refused(400, b"Bad request")
    assert "top_k" not in sent(phrasing)
    phrasing.read_draws(WHOLE)
    assert not_helped.draws == 16
    assert "top_k" in not_helped.left_out


def test_too_long_a_prompt_teaches_nothing() -> None:
    dialect = Dialect("small", {})
    phrasing = Phrasing(dialect, HI, draws=2)
    phrasing.body()
    assert not phrasing.refused(400, b"n is fine, but the prompt is too long")
    assert dialect.draws == 16


def test_fewer_are_asked_for_after_trouble() -> None:
    dialect = Dialect("small", {})
    dialect.fewer_draws(16)
    dialect.fewer_draws(16)
    assert dialect.draws == 8
    dialect.fewer_draws(3)
    assert dialect.draws == 1
