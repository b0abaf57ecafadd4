"""No inserted text can forge a role: special tokens of chat templates are split inside what was inserted.

A tokenizer reads `<|im_start|>` anywhere in a prompt as one control token, so a text that holds it could end its own
turn and begin another. A space after the token's first character makes it plain text. What the template's author
wrote stays; a token that is inserted in pieces, or made of template text and inserted text together, is split too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# Llama, Qwen, Phi, SmolLM, gpt-oss and most others have <|name|>; DeepSeek has fullwidth bars; Gemma has <name> and,
# later, <|name> and <name|>; Mistral and Llama 2 have brackets.
_NAMES = (
    r"s|bos|eos|pad|unk|mask|sep|cls|sop|eop|eot|eod|eom|eoh|eoa|gmask|think|thinking|reasoning|system|user|assistant"
    r"|tool_call|tool_response|tool_calls|tool_result|tools|(?:start|end)_of_\w{1,24}|(?:begin|beginning)_of_\w{1,24}"
    r"|\w{1,24}_token|unused\d{1,5}|reserved_\d{1,5}|extra_id_\d{1,5}|fim_(?:prefix|middle|suffix)"
)
_BRACKETS = (
    r"INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|CALL_ID|THINK|PREFIX|SUFFIX|MIDDLE"
    r"|IMG|IMG_BREAK|IMG_END|BOS|EOS|PAD|UNK|CLS|SEP|MASK|gMASK|control_\d{1,5}"
)
# What makes a token of the character before it.
_REST = {
    "<": re.compile(
        rf"\|[^|<>\n]{{1,64}}\|>|\|\w{{1,32}}>|\w{{1,32}}\|>|｜[^｜<>\n]{{1,64}}｜>|/?(?:{_NAMES})>|</?sys>>",
        re.IGNORECASE,
    ),
    "[": re.compile(rf"/?(?:{_BRACKETS})\]|e~\["),
    "]": re.compile(r"~!?b[\[\]]"),
}


class InsertedText(str):
    """A piece of a prompt that comes from a value, not from the template. `str()` keeps the class."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


class TurnBoundary(str):
    """A piece that begins a turn (the role is its text), or, without a role, ends one."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


def neutralize(pieces: Sequence[str]) -> str:
    """Return the pieces joined, with every special token split that is not wholly the template's own text."""
    text = "".join(pieces)
    tokens = _tokens(text)
    return _split(text, sorted(tokens), pieces) if tokens else text


def _tokens(text: str) -> list[tuple[int, int]]:
    """Return begin and end of every token; looking for single characters first is ten times as fast as one pattern."""
    tokens: list[tuple[int, int]] = []
    for first, rest in _REST.items():
        begin = text.find(first)
        while begin >= 0:
            found = rest.match(text, begin + 1)
            if found is not None:
                tokens.append((begin, found.end()))
            begin = text.find(first, begin + 1)
    return tokens


def _split(text: str, tokens: Sequence[tuple[int, int]], pieces: Sequence[str]) -> str:
    foreign = bytearray(len(text))
    at = 0
    for piece in pieces:
        if type(piece) is InsertedText:
            foreign[at : at + len(piece)] = b"\x01" * len(piece)
        at += len(piece)
    parts: list[str] = []
    at = 0
    for start, end in tokens:
        if 1 in foreign[start:end]:
            parts += (text[at : start + 1], " ")
            at = start + 1
    return "".join((*parts, text[at:]))
