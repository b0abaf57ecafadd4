"""Reads JSON: a list of texts, or a map or list of maps with texts under a key.

The answer must have exactly one JSON value; a code fence or words around it are ignored. Whatever does not clearly have
the requested form (another structure, a number in place of a text, a repeated key, NaN, two values) is a failure.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from pydantic import Field, model_validator

from textsynth.core.records import Constraint
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer, ParseFailure, Reader, failed_answer, parsed_answer
from textsynth.parse.list_markers import strip_outer

LIST = "[]"
_FENCE = re.compile(r"```[^\n`]*\n(?P<content>.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_OPENING_BRACKET = re.compile(r"[\[{]")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[\]{},]', re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}
_TYPE_NAMES = {dict: "a map", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


class Json(Reader):
    """Reads the texts of a JSON value. An engine with guided decoding is held to the JSON schema of `texts`.

    `texts` is the path to the texts: keys separated by dots, with `[]` for each list. "" is a list of texts, `texts` a
    map with a list of texts, `items[].text` a map with a list of maps, `[].text` a list of maps.
    """

    texts: str = Field(
        default="",
        description="the path to the texts: texts, items[].text or [].text; default: the answer is a list of texts",
    )
    one: bool = Field(default=False, description="the path leads to one text, not to a list of texts")

    @model_validator(mode="after")
    def _check_path(self) -> Json:
        names = [part.removesuffix(LIST) for part in self.texts.split(".")] if self.texts else []
        if any(not name for name in names[1:]) or (names and not names[0] and not self.texts.startswith(LIST)):
            raise ValueError(f"the path {self.texts!r} has an empty key; separate keys with dots: items[].text")
        if self.one and (not self.texts or LIST in self.texts):
            raise ValueError(f"with one: true the path to the text must have keys only, but texts is {self.texts!r}")
        return self

    @property
    def constraint(self) -> Constraint:
        """The JSON schema of the value."""
        schema: dict[str, object] = {"type": "string"}
        for step in reversed(self._steps):
            if step == LIST:
                schema = {"type": "array", "items": schema, "minItems": 1}
            else:
                schema = {
                    "type": "object",
                    "properties": {step: schema},
                    "required": [step],
                    "additionalProperties": False,
                }
        return Constraint("json", json.dumps(schema, ensure_ascii=False))

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the texts. Of a truncated answer, return the complete texts and the rest as a failure."""
        if not strip_outer(answer):
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        body = _without_fence(answer)
        start = _OPENING_BRACKET.search(body)
        if start is None:
            return failed_answer(answer, TRUNCATED if truncated else "the answer has no JSON list or map")
        body = body[start.start() :]
        try:
            value, end = _DECODER.raw_decode(body)
        except (ValueError, RecursionError) as error:
            return self._read_truncated(body) if truncated else failed_answer(answer, _reason(error))
        if _has_json(body[end:]):
            return failed_answer(answer, "the answer has more than one JSON value")
        return self._collect(value)

    @property
    def _steps(self) -> tuple[str, ...]:
        """The path as single steps: keys, and LIST for each list."""
        steps: list[str] = []
        for part in self.texts.split("."):
            steps += [part.removesuffix(LIST)] if part.removesuffix(LIST) else []
            steps += [LIST] if part.endswith(LIST) else []
        return tuple(steps) if LIST in steps or self.one else (*steps, LIST)

    def _collect(self, value: object) -> ParsedAnswer:
        texts: list[str] = []
        failures: list[ParseFailure] = []
        _follow_path(value, self._steps, texts, failures)
        return parsed_answer(texts, failures)

    def _read_truncated(self, body: str) -> ParsedAnswer:
        """Read the complete items of the first list on the path."""
        depth = self._steps.index(LIST) + 1 if LIST in self._steps else 0
        open_brackets: list[str] = []
        complete, end = "", 0
        for token in _TOKEN.finditer(body):
            mark = token[0]
            if mark in _CLOSING:
                open_brackets.append(mark)
            elif mark in "]}" and open_brackets:
                if len(open_brackets) == depth:
                    complete, end = _close_brackets(body[: token.start()], open_brackets), token.end()
                open_brackets.pop()
            elif mark == "," and len(open_brackets) == depth:
                complete, end = _close_brackets(body[: token.start()], open_brackets), token.end()
        try:
            result = self._collect(_DECODER.decode(complete))
        except (ValueError, RecursionError):
            return failed_answer(body, TRUNCATED)
        if not result.texts:
            return failed_answer(body, TRUNCATED)
        return parsed_answer(result.texts, (*result.failures, ParseFailure(body[end:], TRUNCATED)))


def _follow_path(value: object, steps: tuple[str, ...], texts: list[str], failures: list[ParseFailure]) -> None:
    """Append the texts at the end of the path to `texts`, and each value of another form to `failures`."""
    if not steps:
        if isinstance(value, str):
            texts.append(strip_outer(value))
        else:
            failures.append(_wrong_type(value, "a text"))
    elif steps[0] == LIST:
        if not isinstance(value, list):
            failures.append(_wrong_type(value, "a list"))
        elif not value:
            failures.append(ParseFailure("[]", "the list of texts is empty"))
        else:
            for item in value:
                _follow_path(item, steps[1:], texts, failures)
    elif not isinstance(value, dict):
        failures.append(_wrong_type(value, f"a map with the key {steps[0]!r}"))
    elif steps[0] not in value:
        keys = ", ".join(map(str, value))
        failures.append(ParseFailure(_as_json(value), f"the key {steps[0]!r} is missing; there are: {keys}"))
    else:
        _follow_path(value[steps[0]], steps[1:], texts, failures)


def _wrong_type(value: object, expected: str) -> ParseFailure:
    type_name = _TYPE_NAMES.get(type(value), "a number")
    return ParseFailure(_as_json(value), f"{type_name} in place of {expected}")


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _without_fence(answer: str) -> str:
    """Return the content of the first code fence that begins like a JSON list or map, otherwise the whole answer."""
    for fence in _FENCE.finditer(answer):
        if strip_outer(fence["content"])[:1] in {"[", "{"}:
            return fence["content"]
    return answer


def _has_json(text: str) -> bool:
    start = _OPENING_BRACKET.search(text)
    if start is None:
        return False
    try:
        _DECODER.raw_decode(text[start.start() :])
    except (ValueError, RecursionError):
        return False
    return True


def _close_brackets(body: str, open_brackets: list[str]) -> str:
    return body + "".join(_CLOSING[bracket] for bracket in reversed(open_brackets))


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"the answer is not valid JSON: {error.msg} at character {error.pos}"
    return f"the answer is not valid JSON: {error}"


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value: dict[str, object] = {}
    for key, item in pairs:
        if key in value:
            raise ValueError(f"the key {key!r} is repeated")
        value[key] = item
    return value


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
