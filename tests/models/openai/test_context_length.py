"""What servers of all kinds say about the context length."""

from __future__ import annotations

import pytest

from tests.mock import TOO_LONG
from textsynth.models.openai.context_length import free_context_tokens, is_prompt_too_long, max_completion_tokens


@pytest.mark.parametrize(
    "message",
    [
        TOO_LONG,
        "The decoder prompt (length 9000) is longer than the maximum model length of 2048.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "Requested tokens (600) exceed context window of 512",
        "the request exceeds the available context size",
        "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
        "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576).",
        "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
        "Your request exceeded model token limit: 8192 (requested: 9000)",
        "Prompt exceeds max context: 5000 > 4096",
        "Range of input length should be [1, 30720]",
        "default_max_tokens (-10) = max_seq_len (2048) - len(splited_prompt_len) (2058)",
        "input length exceeds maximum context length",
        "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context"
        " length of only 4096 tokens, which is not enough.",
    ],
)
def test_a_prompt_that_is_too_long_is_recognized_by_the_message_of_the_server(message: str) -> None:
    assert is_prompt_too_long(message)


@pytest.mark.parametrize(
    ("message", "most"),
    [
        ("max_tokens is too large: 50000. This model supports at most 16384 completion tokens", 16384),
        ("max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for this model", 64000),
        ("`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the"
         " `context_window` for this model", 8192),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8192),
        ("Range of max_tokens should be [1, 8,192]", 8192),
        ("it has a maxOutputTokens value of 9000 but the supported range is from 1 (inclusive) to 8193 (exclusive).",
         8192),
        (TOO_LONG, None),
    ],
)  # fmt: skip
def test_a_limit_of_completions_is_read_and_is_no_prompt_that_is_too_long(message: str, most: int | None) -> None:
    assert max_completion_tokens(message) == most
    assert is_prompt_too_long(message) is (most is None)


@pytest.mark.parametrize(
    ("message", "free_tokens"),
    [
        ("maximum context length is 8,192 tokens. However, you requested 9,192 tokens (8,092 in the messages, 1,100 in"
         " the completion).", 100),
        ("maximum context length is 4097 tokens, however you requested 5000 tokens (900 in your prompt; 4100 for the"
         " completion).", 3197),
        ("maximum context length is 16385 tokens. However, your messages resulted in 20000 tokens.", -3615),
        ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length", 10000),
        ("The sum of prompt length (1500.0), max_tokens (1024) should not exceed max_seq_len (2048)", 548),
        ("request (9001 tokens) exceeds the available context size (4096 tokens), try increasing it", -4905),
        ("maximum context length is 32768 tokens. However, you requested about 40000 tokens (30000 of text input, 10000"
         " in the output).", 2768),
        ("the request exceeds the available context size", None),
    ],
)  # fmt: skip
def test_what_a_prompt_leaves_of_the_context_is_read(message: str, free_tokens: int | None) -> None:
    assert free_context_tokens(message) == free_tokens


def test_other_rejections_are_not_taken_for_a_prompt_that_is_too_long() -> None:
    assert not is_prompt_too_long("temperature must be at most 2; unknown parameter top_k")


@pytest.mark.parametrize("digits", ["9" * 5000, "0" * 5000])
def test_a_context_of_any_number_of_digits_is_read(digits: str) -> None:
    assert free_context_tokens(f"maximum context length is {digits} tokens, {digits} in the messages") == 0
