"""Probes of mock engines, and of a real vLLM: how they take constraints, and what their log-probabilities are."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.engines import engine, logits_of
from tests.models.model_calls import answers, request
from tests.models.openai.test_capabilities import model
from textsynth.core.records import Constraint, Sampling
from textsynth.models.openai.probes import PROBE_ANSWER

CHOICE = Constraint("choice", json.dumps(["card", "transfer"]))
SCHEMA = Constraint("json", json.dumps({"type": "object", "properties": {"texts": {"type": "string"}}}))
PARAMETERS = {"vllm": "structured_outputs", "old_vllm": "guided_choice", "openai": "response_format", "llama": None}


def is_probe(body: dict[str, Any]) -> bool:
    return PROBE_ANSWER in json.dumps(body)


@pytest.mark.parametrize("kind", PARAMETERS)
@pytest.mark.parametrize("chat", [True, False])
def test_each_engine_gets_constraints_in_its_own_form(kind: str, chat: bool) -> None:
    constrained = [request(f"which one, {number}?", chat=chat, constraint=CHOICE) for number in range(20)]
    with engine(kind) as server:
        completions = answers(model(server.url, concurrency=8), constrained)
        sent = [body for body in server.bodies if not is_probe(body)]
        # unknown parameters are rejected before any form is probed
        max_probes = {"vllm": 1, "old_vllm": 3, "openai": 7, "llama": 3}[kind]
        assert sum(map(is_probe, server.bodies)) <= max_probes
    assert len(sent) == 20
    parameter = PARAMETERS[kind]
    texts = {completion.text for completion in completions}
    if parameter is None:
        assert all("card" not in json.dumps(body) for body in sent)
        assert "card" not in texts
    else:
        assert all(parameter in body for body in sent)
        assert texts == {"card", "transfer"}


def test_a_schema_is_enforced() -> None:
    for kind in ("vllm", "old_vllm", "openai"):
        with engine(kind) as server:
            (completion,) = answers(model(server.url), [request("x", constraint=SCHEMA)])
        assert set(json.loads(completion.text)) == {"texts"}


def test_nothing_is_probed_without_a_constraint_or_where_the_recipe_names_the_server() -> None:
    with engine("vllm") as server:
        answers(model(server.url), [request("x")])
        answers(model(server.url, server="vllm"), [request("x", constraint=CHOICE)])
        answers(model(server.url, response_format=False), [request("x", constraint=CHOICE)])
        assert not any(map(is_probe, server.bodies))
        assert ["structured_outputs" in body for body in server.bodies] == [False, True, False]


@pytest.mark.parametrize(("mode", "exact"), [("raw", True), ("processed", False), ("logits", False)])
@pytest.mark.parametrize("chat", [True, False])
def test_log_probabilities_are_exact_only_where_the_sampling_does_not_change_them(
    mode: str, exact: bool, chat: bool
) -> None:
    prompts = [f"A. card\nB. fee\nText: my card {number}" for number in range(6)]
    scored = [
        replace(request(prompt, chat=chat, options=("A", "B")), sampling=Sampling(1.0, 1.0, max_tokens=1))
        for prompt in prompts
    ]
    with engine("vllm", logprobs=mode) as server:
        completions = answers(model(server.url), scored)
        assert len(server.bodies) == 6 + 2 + 4
    for prompt, completion in zip(prompts, completions, strict=True):
        scores, logits = completion.scores, logits_of(prompt)
        assert scores is not None
        assert (scores.exact, scores.upper_bound) == (exact, None)
        assert scores.logprobs["A"] - scores.logprobs["B"] == pytest.approx(
            logits["A"] - logits["B"] if mode != "logits" else 0.0
        )
        if mode == "raw":
            log_total = math.log(sum(map(math.exp, logits.values())))
            assert scores.logprobs["A"] == pytest.approx(logits["A"] - log_total)


@pytest.mark.parametrize("kind", ["old_vllm", "openai"])
def test_where_tokens_cannot_be_requested_by_id_the_missing_ones_are_bounded(kind: str) -> None:
    prompt = "A. card\nText: my card"
    scored = request(prompt, options=("A", "B", "Q"), temperature=1.0, top_p=1.0, max_tokens=1)
    with engine(kind, max_logprobs=5) as server:
        (completion,) = answers(model(server.url), [scored])
        assert server.bodies[-1]["top_logprobs"] == 5
        assert ("logprob_token_ids" in server.bodies[-1]) == (kind == "old_vllm")  # which ignores it
    logits = logits_of(prompt)
    fifth = sorted(logits.values())[-5] - math.log(sum(map(math.exp, logits.values())))
    assert completion.scores is not None
    assert "A" in completion.scores.logprobs
    assert completion.scores.upper_bound == pytest.approx(fifth)


def test_an_engine_without_log_probabilities_is_a_failure_that_says_so() -> None:
    with engine("llama", logprobs="none") as server:
        (completion,) = answers(model(server.url), [request("A. card", options=("A", "B"))])
    assert completion.failure == "the server gives no log-probabilities"
    assert completion.scores is None


@pytest.fixture
def vllm_url() -> str:
    """Return the address of a real vLLM that serves the embedded model without a key."""
    url = os.environ.get("TEXTSYNTH_TEST_VLLM_URL", "")
    if not url:
        pytest.skip(
            "needs a real vLLM: TEXTSYNTH_TEST_VLLM_URL is the base URL of one that serves SmolLM2-135M-Instruct"
        )
    return url


@pytest.mark.vllm
@pytest.mark.parametrize("chat", [True, False])
def test_a_real_vllm_enforces_every_kind_of_constraint(vllm_url: str, chat: bool) -> None:
    """Takes some seconds: each engine of a real server compiles each grammar."""
    two = {"type": "array", "items": {"type": "string", "maxLength": 30}, "minItems": 2, "maxItems": 2}
    schema = {"type": "object", "properties": {"texts": two}, "required": ["texts"], "additionalProperties": False}
    constraints = [CHOICE, Constraint("regex", "[A-Z]{2}-[0-9]{4}"), Constraint("json", json.dumps(schema))]
    log: list[str] = []
    served = model(vllm_url, log, model="SmolLM2-135M-Instruct", mode="chat" if chat else "completion")
    constrained = [
        replace(request("Say something.", chat=chat, constraint=constraint, max_tokens=100), key=f"{index}")
        for index, constraint in enumerate(constraints)
    ]
    choice, code, texts = answers(served, constrained)
    assert choice.text in ("card", "transfer")
    assert re.fullmatch("[A-Z]{2}-[0-9]{4}", code.text)
    assert len(json.loads(texts.text)["texts"]) == 2
    assert choice.engine.startswith("vllm-")
    assert log == []


@pytest.mark.vllm
@pytest.mark.parametrize("chat", [True, False])
def test_a_real_vllm_returns_exact_log_probabilities_of_every_letter(vllm_url: str, chat: bool) -> None:
    served = model(vllm_url, model="SmolLM2-135M-Instruct", mode="chat" if chat else "completion")
    letters = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    scored = [
        request(
            f"Question {number}. The letter is", chat=chat, options=letters, temperature=1.0, top_p=1.0, max_tokens=1
        )
        for number in range(4)
    ]
    for completion in answers(served, scored):
        scores = completion.scores
        assert scores is not None
        assert scores.exact
        assert scores.upper_bound is None
        assert set(scores.logprobs) == set(letters)
        assert sum(math.exp(value) for value in scores.logprobs.values()) < 1.0
