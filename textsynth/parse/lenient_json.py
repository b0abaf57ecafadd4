"""Reads JSON with the deviations that models make where their meaning is certain.

Accepted are comments, a comma before a closing bracket, strings in single or typographic quotes, keys without quotes,
Python's True, False, None and tuples, and line breaks in strings. Everything else that is not JSON is an error: a quote
inside of a string that is not escaped may end the string anywhere, so it is never repaired.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

LOOKS_LIKE_JSON = re.compile(
    r"""[\[(]\s{0,50}(?:["'“„‘`\[{(]|\]\s*\Z|\Z)|\{\s{0,50}(?:["'“{\[]|\w{1,40}\s{0,5}:\s{0,5}["'“\[{])"""
)
"""Matches the start of a list, tuple or map with texts in it."""

_TOKEN = re.compile(
    r"""(?P<space>\s++)|(?P<double>"[^"\\]*+(?:\\.[^"\\]*+)*+")|(?P<single>'[^'\\]*+(?:\\.[^'\\]*+)*+')|(?P<curly>“[^“”]*+”|‘[^‘’]*+’)|(?P<tick>`[^`\\$]*+`)"""
    r"""|(?P<comment>//[^\n]*+|\#[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*+\*/)|(?P<mark>[\[\](){}:,])"""
    r"""|(?P<number>-?\d{1,100}(?:\.\d{1,100})?(?:[eE][+-]?\d{1,3})?(?![\w.]))"""
    r"""|(?P<key>[A-Za-z_$][\w$-]{0,60}+(?=\s{0,5}:))|(?P<word>[A-Za-z]{1,9}(?!\w))""",
    re.DOTALL,
)
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}
MAX_DEPTH = 100
_OPENING, _CLOSING = {"[": "[", "(": "[", "{": "{"}, {"]": "]", ")": "]", "}": "}"}
_ESCAPE = re.compile(r"\\(.)|\"", re.DOTALL)


class LenientJsonError(ValueError):
    """The text is not JSON, nor a deviation from it whose meaning is certain."""


def decode_string(text: str) -> str:
    """Return the content of a text that is a JSON string as a whole and has escapes in it; else the text itself."""
    if text[:1] == text[-1:] == '"' and "\\" in text:
        try:
            value = json.loads(text)
        except ValueError:
            return text
        return value if isinstance(value, str) else text
    return text


def lenient_decode(text: str, start: int = 0) -> tuple[object, int]:
    """Return the value that starts with a bracket at position `start` of a text, and the position behind it.

    Raises ValueError (or RecursionError, where it is nested too deeply) for anything whose meaning is not certain.
    """
    try:
        return _STRICT.raw_decode(text, start)
    except ValueError as error:
        strict_error = error
    parts, end = _strict_tokens(text, start)
    if parts is None:
        raise strict_error
    try:
        return _DECODER.decode("".join(parts)), end
    except ValueError:
        raise strict_error from None


def _strict_tokens(text: str, position: int) -> tuple[list[str] | None, int]:
    """Return the tokens of the first value as strict JSON, and the position behind it; None if a token is not known."""
    parts: list[str] = []
    depth = 0
    while (match := _TOKEN.match(text, position)) is not None:
        position = match.end()
        kind, token = match.lastgroup or "", match[0]
        if kind == "mark":
            depth += (token in _OPENING) - (token in _CLOSING)
            if token in _CLOSING and parts[-1:] == [","]:
                parts.pop()
            parts.append(_OPENING.get(token) or _CLOSING.get(token, token))
            if depth <= 0:
                return parts, position
            if depth > MAX_DEPTH:
                break
        elif kind not in {"space", "comment"}:
            strict = _strict_token(token, kind)
            if strict is None:
                break
            parts.append(strict)
    return None, position


def _strict_token(token: str, kind: str) -> str | None:
    """Return a word, number, string or key as strict JSON; None if it is not known."""
    if kind == "word":
        return _WORDS.get(token)
    return token if kind == "number" else _strict_string(token, kind)


def _strict_string(token: str, kind: str) -> str:
    """Return a string or key in double quotes. An escape that JSON does not have stays, so that decoding it fails."""
    if kind == "double":
        return token
    content = token if kind == "key" else token[1:-1]
    if kind in {"key", "curly", "tick"}:
        return json.dumps(content, ensure_ascii=False)
    content = _ESCAPE.sub(lambda match: "'" if match[1] == "'" else '\\"' if match[0] == '"' else match[0], content)
    return f'"{content}"'


def unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a map from its pairs. Raises LenientJsonError for a key that occurs twice."""
    value: dict[str, object] = {}
    for key, item in pairs:
        if key in value:
            raise LenientJsonError(f"the key {key!r} is repeated")
        value[key] = item
    return value


def reject_constant(name: str) -> NoReturn:
    """Raise LenientJsonError: NaN and infinities are not JSON."""
    raise LenientJsonError(f"{name} is not a JSON number")


_STRICT = json.JSONDecoder(object_pairs_hook=unique_keys, parse_constant=reject_constant)
_DECODER = json.JSONDecoder(object_pairs_hook=unique_keys, parse_constant=reject_constant, strict=False)
