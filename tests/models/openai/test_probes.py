"""What is found out of engines by trial: how they take constraints, and what their log-probabilities are."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace

import pytest

from tests.engines import engine, logits_of
from tests.models.asked import answers, request
from tests.models.openai.test_capabilities import model
from textsynth.core.records import Constraint
from textsynth.models.openai.probes import SECRET

CHOICE = Constraint("choice", json.dumps(["card", "transfer"]))
SCHEMA = Constraint("json", json.dumps({"type": "object", "properties": {"texts": {"type": "string"}}}))
FORMS = {"vllm": "structured_outputs", "old_vllm": "guided_choice", "openai": "response_format", "llama": None}


def tried(bodies: list[dict[str, object]]) -> int:
    return sum(SECRET in json.dumps(sent) for sent in bodies)


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("chat", [True, False])
def test_each_engine_is_given_constraints_as_it_takes_them(kind: str, chat: bool) -> None:
    asked = [request(f"which one, {number}?", chat=chat, constraint=CHOICE) for number in range(20)]
    with engine(kind) as server:
        found = answers(model(server.url, concurrency=8), asked)
        sent = [one for one in server.bodies if SECRET not in json.dumps(one)]
        # a refusal of unknown parameters comes before any form is tried
        trials = {"vllm": 1, "old_vllm": 3, "openai": 7, "llama": 3}[kind]
        assert tried(server.bodies) <= trials
    assert len(sent) == 20
    form = FORMS[kind]
    assert all((form in one) if form else "card" not in json.dumps(one) for one in sent)
    said = {one.text for one in found}
    assert said == {"card", "transfer"} if form else "card" not in said


def test_a_schema_is_kept_to() -> None:
    for kind in ("vllm", "old_vllm", "openai"):
        with engine(kind) as server:
            (found,) = answers(model(server.url), [request("x", constraint=SCHEMA)])
        assert set(json.loads(found.text)) == {"texts"}


def test_nothing_is_tried_where_nothing_needs_it_or_the_recipe_says_what_the_server_speaks() -> None:
    with engine("vllm") as server:
        answers(model(server.url), [request("x")])
        answers(model(server.url, server="vllm"), [request("x", constraint=CHOICE)])
        answers(model(server.url, response_format=False), [request("x", constraint=CHOICE)])
        assert tried(server.bodies) == 0
        assert ["structured_outputs" in sent for sent in server.bodies] == [False, True, False]


@pytest.mark.parametrize(("mode", "exact"), [("raw", True), ("processed", False), ("logits", False)])
@pytest.mark.parametrize("chat", [True, False])
def test_log_probabilities_are_exact_only_where_the_sampling_does_not_change_them(
    mode: str, exact: bool, chat: bool
) -> None:
    asked = [
        request(f"A. card\nB. fee\nText: my card {n}", chat=chat, options=("A", "B"), temperature=1.0) for n in range(6)
    ]
    asked = [
        one.__class__(one.key, one.prompt, one.sampling.__class__(1.0, 1.0, max_tokens=1), None, one.options)
        for one in asked
    ]
    with engine("vllm", logprobs=mode) as server:
        found = answers(model(server.url), asked)
        assert len(server.bodies) == 6 + 2 + 4
    for one, completion in zip(asked, found, strict=True):
        scores = completion.scores
        assert scores is not None
        assert (scores.exact, scores.upper_bound) == (exact, None)
        text = one.prompt.messages[0].content if chat else one.prompt.text
        logits = logits_of(text)
        assert scores.logprobs["A"] - scores.logprobs["B"] == pytest.approx(
            logits["A"] - logits["B"] if mode != "logits" else 0.0
        )
        if mode == "raw":
            whole = math.log(sum(map(math.exp, logits.values())))
            assert scores.logprobs["A"] == pytest.approx(logits["A"] - whole)


@pytest.mark.parametrize("kind", ["old_vllm", "openai"])
def test_where_tokens_cannot_be_asked_for_by_id_the_missing_ones_are_bounded(kind: str) -> None:
    one = request("A. card\nText: my card", options=("A", "B", "Q"), temperature=1.0, top_p=1.0, max_tokens=1)
    with engine(kind, most_logprobs=5) as server:
        (found,) = answers(model(server.url), [one])
        assert server.bodies[-1]["top_logprobs"] == 5
        assert ("logprob_token_ids" in server.bodies[-1]) == (kind == "old_vllm")  # which pays no heed to it
    logits = logits_of(one.prompt.messages[0].content)
    fifth = sorted(logits.values())[-5] - math.log(sum(map(math.exp, logits.values())))
    assert found.scores is not None
    assert "A" in found.scores.logprobs
    assert found.scores.upper_bound == pytest.approx(fifth)


def test_an_engine_without_log_probabilities_is_a_failure_that_says_so() -> None:
    with engine("llama", logprobs="none") as server:
        (found,) = answers(model(server.url), [request("A. card", options=("A", "B"))])
    assert found.failure == "the server gives no log-probabilities"
    assert found.scores is None


@pytest.fixture
def real() -> str:
    """Return the address of a real vLLM that serves the embedded model without a key."""
    url = os.environ.get("TEXTSYNTH_TEST_VLLM_URL", "")
    if not url:
        pytest.skip(
            "asks a real vLLM: TEXTSYNTH_TEST_VLLM_URL is the base URL of one that serves SmolLM2-135M-Instruct"
        )
    return url


@pytest.mark.vllm
@pytest.mark.parametrize("chat", [True, False])
def test_a_real_vllm_holds_answers_to_every_kind_of_constraint(real: str, chat: bool) -> None:
    """Takes some seconds: each engine of a real server compiles each grammar."""
    two = {"type": "array", "items": {"type": "string", "maxLength": 30}, "minItems": 2, "maxItems": 2}
    schema = {"type": "object", "properties": {"texts": two}, "required": ["texts"], "additionalProperties": False}
    held = [CHOICE, Constraint("regex", "[A-Z]{2}-[0-9]{4}"), Constraint("json", json.dumps(schema))]
    said: list[str] = []
    served = model(real, said, model="SmolLM2-135M-Instruct", mode="chat" if chat else "completion")
    asked = [request("Say something.", chat=chat, constraint=one, max_tokens=100) for one in held]
    asked = [replace(one, key=f"{one.key}{place}") for place, one in enumerate(asked)]
    choice, code, texts = answers(served, asked)
    assert choice.text in ("card", "transfer")
    assert re.fullmatch("[A-Z]{2}-[0-9]{4}", code.text)
    assert len(json.loads(texts.text)["texts"]) == 2
    assert choice.engine.startswith("vllm-")
    assert said == []


@pytest.mark.vllm
@pytest.mark.parametrize("chat", [True, False])
def test_a_real_vllm_tells_exact_log_probabilities_of_every_letter(real: str, chat: bool) -> None:
    served = model(real, model="SmolLM2-135M-Instruct", mode="chat" if chat else "completion")
    letters = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    asked = [
        request(f"Question {n}. The letter is", chat=chat, options=letters, temperature=1.0, top_p=1.0, max_tokens=1)
        for n in range(4)
    ]
    for found in answers(served, asked):
        assert found.scores is not None
        assert found.scores.exact
        assert found.scores.upper_bound is None
        assert set(found.scores.logprobs) == set(letters)
        assert sum(math.exp(value) for value in found.scores.logprobs.values()) < 1.0
