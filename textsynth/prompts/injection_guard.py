"""Splits the special tokens of chat templates inside inserted texts, so that no inserted text can forge a role.

A tokenizer reads `<|im_start|>` anywhere in a prompt as one control token, so a text that contains it could end its own
turn and begin another. A space after the token's first character makes it plain text. Tokens that the template's author
wrote are kept. Tokens inserted in several parts, or made of template text and inserted text together, are split too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Llama, Qwen, Phi, SmolLM, gpt-oss and most others use <|name|>; DeepSeek uses fullwidth bars; Gemma uses <name> and,
# later, <|name> and <name|>; Mistral and Llama 2 use square brackets.
_NAMES = (
    r"s|bos|eos|pad|unk|mask|sep|cls|sop|eop|eot|eod|eom|eoh|eoa|gmask|think|thinking|reasoning|system|user|assistant"
    r"|tool_call|tool_response|tool_calls|tool_result|tools|(?:start|end)_of_\w{1,24}|(?:begin|beginning)_of_\w{1,24}"
    r"|\w{1,24}_token|unused\d{1,5}|reserved_\d{1,5}|extra_id_\d{1,5}|fim_(?:prefix|middle|suffix)"
)
_BRACKET_NAMES = (
    r"INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|PREFIX|SUFFIX|MIDDLE"
    r"|IMG|IMG_BREAK|IMG_END|BOS|EOS|PAD|UNK|CLS|SEP|MASK|gMASK|control_\d{1,5}"
)
# By the first character of a token: the pattern of the remaining characters.
_TOKEN_REMAINDER = {
    "<": re.compile(
        rf"\|[^|<>\n]{{1,64}}\|>|\|\w{{1,32}}>|\w{{1,32}}\|>|｜[^｜<>\n]{{1,64}}｜>|/?(?:{_NAMES})>|</?sys>>",
        re.IGNORECASE,
    ),
    "[": re.compile(rf"/?(?:{_BRACKET_NAMES})\]|e~\["),
    "]": re.compile(r"~!?b[\[\]]"),
}


class InsertedText(str):
    """A part of a rendered prompt that comes from a value, not from the template. `str()` returns it unchanged."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


class TurnBoundary(str):
    """The begin of a chat turn (then the text is the role) or its end (then the text is empty).

    `str()` returns it unchanged.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return self


def neutralize(pieces: Sequence[str]) -> str:
    """Return the joined pieces. Every special token with at least one inserted character is split."""
    text = "".join(pieces)
    spans = _token_spans(text)
    return _split_inserted(text, sorted(spans), pieces) if spans else text


def _token_spans(text: str) -> list[tuple[int, int]]:
    """Return start and end of every special token.

    A search for the first characters alone is ten times as fast as one regular expression for whole tokens.
    """
    spans: list[tuple[int, int]] = []
    for first, remainder in _TOKEN_REMAINDER.items():
        start = text.find(first)
        while start >= 0:
            match = remainder.match(text, start + 1)
            if match is not None:
                spans.append((start, match.end()))
            start = text.find(first, start + 1)
    return spans


def _split_inserted(text: str, spans: Sequence[tuple[int, int]], pieces: Sequence[str]) -> str:
    inserted = bytearray(len(text))
    position = 0
    for piece in pieces:
        if type(piece) is InsertedText:
            inserted[position : position + len(piece)] = b"\x01" * len(piece)
        position += len(piece)
    parts: list[str] = []
    position = 0
    for start, end in spans:
        if 1 in inserted[start:end]:
            parts += (text[position : start + 1], " ")
            position = start + 1
    return "".join((*parts, text[position:]))
