"""What servers say about the context length: that a prompt is too long, or how many tokens a completion may have.

Covers the sentences of OpenAI, Azure, vLLM, SGLang, TGI, llama.cpp, Ollama, LM Studio, TensorRT-LLM, Anthropic, Gemini,
Mistral, DeepSeek, Qwen and OpenRouter. Numbers may have separators (8,192) and any number of digits.
"""

from __future__ import annotations

import re

_PROMPT_TOO_LONG = re.compile(
    r"context.?(length|size|window|limit)|max_model_len|maximum (?:model|prompt|input) length|max_seq_len"
    r"|(prompt|input|message)\w* (is|are) too (long|large)|too many (input |prompt )?tokens|reduce the length"
    r"|exceed\w* (?:the |your |model )*(?:max(?:imum)?(?: context| number of tokens)|token limit)"
    r"|must have less than \d+ tokens|range of input length",
    re.IGNORECASE,
)
MIN_COMPLETION_TOKENS = 16
"""A prompt that leaves less than this of the context for the completion counts as too long."""
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_CONTEXT = re.compile(
    r"context length (?:is|of) (?:only )?(\d+)|must be <= (\d+)|context size \((\d+)|max_seq_len \((\d+)", re.IGNORECASE
)
_PROMPT_SIZE = re.compile(
    r"(\d+) in (?:the|your) (?:messages|prompt|input)|(\d+) of (?:text|the) input"
    r"|(\d+) (?:tokens (?:from|in|of) the input|(?:input|prompt) tokens|`inputs`)"
    r"|messages resulted in (\d+)|prompt length \((\d+)|prompt contains (\d+)|(?:request|input) \((\d+) tokens\)",
    re.IGNORECASE,
)
_SUM = re.compile(r"context limit: (\d+) \+ \d+ > (\d+)", re.IGNORECASE)
_COMPLETION_SIZE = re.compile(
    r"(?:at most|maximum of|up to) (\d+) (?:completion|output) tokens"
    r"|max_tokens: \d+ > (\d+)|max_tokens\W{0,3} must be (?:less than or equal to|<=) \W?(\d+)"
    r"|range of max_tokens (?:is|should be) \[\d+, ?(\d+)\]",
    re.IGNORECASE,
)
_COMPLETION_BOUND = re.compile(r"supported range is from \d+ \(inclusive\) to (\d+) \(exclusive\)", re.IGNORECASE)


def is_prompt_too_long(text: str) -> bool:
    """Return whether a server rejects a request because of its context length, and not for max_tokens alone."""
    return _PROMPT_TOO_LONG.search(text) is not None and max_completion_tokens(text) is None


def max_completion_tokens(text: str) -> int | None:
    """Return how many tokens a server allows in any completion; None where its rejection does not say so."""
    text = _THOUSANDS.sub("", text)
    if (match := _COMPLETION_SIZE.search(text)) is not None:
        return _numbers(match)[0]
    match = _COMPLETION_BOUND.search(text)
    return None if match is None else _numbers(match)[0] - 1


def free_context_tokens(text: str) -> int | None:
    """Return how many tokens a server leaves for the completion of a prompt; None where it does not say so.

    It is 0 or less where the prompt alone fills the context.
    """
    text = _THOUSANDS.sub("", text)
    if (match := _SUM.search(text)) is not None:
        prompt, context = _numbers(match)
        return context - prompt
    first, second = _CONTEXT.search(text), _PROMPT_SIZE.search(text)
    return None if first is None or second is None else _numbers(first)[0] - _numbers(second)[0]


def _numbers(match: re.Match[str]) -> list[int]:
    return [int(group[:12]) for group in match.groups() if group is not None]
