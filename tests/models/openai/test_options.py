"""What `http` and `vllm` have in common: the name that requests carry, and which options are in a journal's key."""

from __future__ import annotations

import pytest

from textsynth.core.errors import RecipeError
from textsynth.models.openai.options import OpenAIOptions, Thinking


def identity(**options: object) -> str:
    """Return the identity of a model with these options."""
    return OpenAIOptions.model_validate({"model": "m", **options}).identity_with("m", {})


def test_what_changes_answers_is_in_the_identity_and_what_does_not_is_not() -> None:
    assert identity() == identity(concurrency=7, retries=1, timeout_seconds=9.0, max_downtime_seconds=2.0) == "m"
    others = [
        identity(adapter="a"),
        identity(extra_body={"min_p": 0.1}),
        identity(response_format=False),
        identity(thinking={"max_tokens": 64}),
        OpenAIOptions(model="m").identity_with("m", {"--dtype": "float32"}),
    ]
    assert len({"m", *others}) == 6
    assert others[0] == "m+adapter:a"


def test_requests_carry_the_adapters_name() -> None:
    assert OpenAIOptions(model="m").served_name == "m"
    assert OpenAIOptions(model="m", adapter="a").served_name == "a"


def test_thinking_has_a_budget() -> None:
    assert Thinking().max_tokens == 2048
    with pytest.raises(RecipeError, match="Thinking: 'max_tokens' must be greater than or equal to 1, but is 0"):
        Thinking(max_tokens=0)
