"""How servers are spoken to, tried on engines that take parameters as the real ones do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engines import engine
from tests.models.asked import answers, place, request, requests
from textsynth.core.errors import ModelError
from textsynth.core.records import Constraint
from textsynth.models import Model
from textsynth.models.http import Http
from textsynth.models.openai.capabilities import RequestEncoder, ServerCapabilities

NEUTRAL = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}


def model(url: str, said: list[str] | None = None, **more: object) -> Model:
    return Http.model_validate({"base_url": url, "model": "small", "concurrency": 4, **more}).open(place(said=said))


def body(dialect: ServerCapabilities, **more: Any) -> dict[str, Any]:
    return dict(json.loads(RequestEncoder(dialect, request("x", **more)).body()))


def test_every_sampling_parameter_is_sent_and_thinking_is_off() -> None:
    sent = body(ServerCapabilities("small", {}))
    assert {name: sent[name] for name in NEUTRAL} == NEUTRAL
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert "seed" not in sent
    own = body(ServerCapabilities("small", {}), top_k=5, repetition_penalty=1.1)
    assert (own["top_k"], own["repetition_penalty"]) == (5, 1.1)
    assert "chat_template_kwargs" not in body(ServerCapabilities("small", {}), chat=False)


def test_a_recipes_own_parameters_go_over_ours_and_null_leaves_one_out() -> None:
    sent = body(
        ServerCapabilities("small", {"max_tokens": None, "max_completion_tokens": 9, "temperature": 0.1, "top_k": None})
    )
    assert "max_tokens" not in sent
    assert "top_k" not in sent
    assert (sent["max_completion_tokens"], sent["temperature"]) == (9, 0.1)


def test_thinking_has_its_own_room_and_is_off_where_options_are_scored() -> None:
    dialect = ServerCapabilities("small", {}, thinking=1000)
    sent = body(dialect, max_tokens=50)
    assert (sent["max_tokens"], sent["chat_template_kwargs"]) == (1050, {"enable_thinking": True})
    scored = body(dialect, max_tokens=1, options=("A", "B"))
    assert (scored["max_tokens"], scored["chat_template_kwargs"]) == (1, {"enable_thinking": False})
    assert (scored["logprobs"], scored["top_logprobs"]) == (True, 20)


@pytest.mark.parametrize("bluntly", [False, True])
def test_a_server_that_refuses_what_it_does_not_know_is_asked_without_it_once(bluntly: bool) -> None:
    said: list[str] = []
    with engine("openai", refuse_bluntly=bluntly) as server:
        found = answers(model(server.url, said), requests(40))
        last = server.bodies[-1]
        refused = sum("min_p" in sent for sent in server.bodies)
    assert not [one.failure for one in found if one.failure]
    assert not {"top_k", "min_p", "repetition_penalty", "chat_template_kwargs"} & last.keys()
    assert refused <= 4 * (1 if bluntly else 3)
    assert any("does not take" in one and "chat_template_kwargs" in one for one in said)
    if not bluntly:
        assert (last["presence_penalty"], last["frequency_penalty"]) == (0.0, 0.0)


def test_what_the_recipe_sets_is_never_left_out() -> None:
    with engine("openai") as server:
        found = answers(model(server.url), [request("x"), request("y", top_k=5)])
    assert found[0].failure is None
    assert "top_k" in str(found[1].failure)


def test_an_older_engines_word_for_no_top_k_is_found() -> None:
    with engine("old_vllm") as server:
        found = answers(model(server.url), requests(8))
        assert server.bodies[-1]["top_k"] == -1
    assert not [one.failure for one in found if one.failure]


def test_the_newer_name_of_the_limit_is_found() -> None:
    with engine("openai", new_limit_name=True) as server:
        found = answers(model(server.url, server="openai"), requests(8))
        assert server.bodies[-1]["max_completion_tokens"] == 256
    assert not [one.failure for one in found if one.failure]


@pytest.mark.parametrize("kind", ["reasoning", "reasoning_content", "block"])
def test_thoughts_are_not_asked_for_and_never_in_the_answer(kind: str) -> None:
    with engine("vllm", thinks=kind) as server:
        (silent,) = answers(model(server.url), [request("x", max_tokens=20)])
        (thought,) = answers(model(server.url, thinking={"max_tokens": 500}), [request("x", max_tokens=20)])
    assert silent.failure is None
    assert "card" in silent.text or silent.text
    assert thought.text.removeprefix("<think>\nThe user wants a label.\n</think>\n\n") == silent.text


def test_thoughts_that_left_no_room_are_a_failure_that_says_so() -> None:
    with engine("vllm", thinks="reasoning") as server:
        own = model(server.url, extra_body={"chat_template_kwargs": {"enable_thinking": True}})
        (found,) = answers(own, [request("x", max_tokens=20)])
    assert "still thinking" in str(found.failure)
    assert "thinking.max_tokens" in str(found.failure)


def test_the_engine_behind_an_answer_is_known() -> None:
    with engine("vllm") as server:
        (found,) = answers(model(server.url), [request("x")])
    assert found.engine == "vllm-0.32.0-tp1-abc"


def test_another_engine_than_the_recipe_names_stops_the_run() -> None:
    with engine("vllm") as server:
        (found,) = answers(model(server.url, engine="vllm-0.32"), [request("x")])
        assert found.failure is None
        with pytest.raises(ModelError, match=r"come from 'vllm-0.32.0-tp1-abc', but the recipe says engine: vllm-0.33"):
            answers(model(server.url, engine="vllm-0.33"), [request("x")])
    with engine("llama") as server, pytest.raises(ModelError, match="a server that tells no engine"):
        answers(model(server.url, engine="vllm"), [request("x")])


def test_a_constraint_a_server_refuses_is_left_out_for_that_one_alone() -> None:
    ahead, plain = Constraint("regex", "(?=a)b"), Constraint("regex", "no [0-9]{3}")
    said: list[str] = []
    with engine("vllm") as server:
        found = answers(
            model(server.url, said, concurrency=1),
            [request("x", constraint=ahead), request("y", constraint=plain), request("z", constraint=ahead)],
        )
        assert sum("(?=" in json.dumps(sent) for sent in server.bodies) == 1
    assert [one.failure for one in found] == [None] * 3
    assert found[1].text == "no 777"
    assert any("refuses the constraint" in one for one in said)


WHOLE = json.dumps({"choices": [{"text": "a"}, {"text": "b"}]}).encode()
HI = request("hi", constraint=Constraint("regex", "[ab]"))


def sent(phrasing: RequestEncoder) -> dict[str, object]:
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
    dialect = ServerCapabilities("small", {}, speaks="vllm", say=said.append)
    phrasing = RequestEncoder(dialect, HI, draws=2)
    assert sent(phrasing)["n"] == 2
    assert phrasing.on_rejection(400, json.dumps({"error": {"message": told}}).encode())
    assert "n" not in sent(phrasing)
    assert [one and one.text for one in phrasing.parse_choices(WHOLE)] == ["a"]
    assert dialect.draws == 1
    assert not dialect.left_out
    dialect.disable_n()
    assert said == ["the server gives one answer a request: draws of one prompt are asked for one by one"]


def test_a_refusal_that_names_nothing_blames_n_first_and_only_if_that_helped() -> None:
    helped, not_helped = (ServerCapabilities("small", {}, speaks="vllm") for _ in range(2))
    phrasing = RequestEncoder(helped, HI, draws=2)
    phrasing.body()
    assert phrasing.on_rejection(400, b"Bad request\\n")
    assert {"n", "top_k"} & sent(phrasing).keys() == {"top_k"}
    phrasing.parse_choices(WHOLE)
    assert (helped.draws, helped.left_out) == (1, set())

    phrasing = RequestEncoder(not_helped, HI, draws=2)
    for _ in range(2):
        phrasing.body()
        assert phrasing.on_rejection(400, b"Bad request")
    assert "top_k" not in sent(phrasing)
    phrasing.parse_choices(WHOLE)
    assert not_helped.draws == 16
    assert "top_k" in not_helped.left_out


def test_too_long_a_prompt_teaches_nothing() -> None:
    dialect = ServerCapabilities("small", {})
    phrasing = RequestEncoder(dialect, HI, draws=2)
    phrasing.body()
    assert not phrasing.on_rejection(400, b"n is fine, but the prompt is too long")
    assert dialect.draws == 16


def test_fewer_are_asked_for_after_trouble() -> None:
    dialect = ServerCapabilities("small", {})
    dialect.reduce_n(16)
    dialect.reduce_n(16)
    assert dialect.draws == 8
    dialect.reduce_n(3)
    assert dialect.draws == 1
