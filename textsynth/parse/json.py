"""Reads JSON: a list of texts, or a map or list of maps with texts, and further fields of each text, under keys.

The answer must have exactly one JSON value; a code fence or words around it are ignored. Whatever does not clearly have
the requested form (another structure, a number in place of a text, a repeated key, NaN, two values) is a failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import Field, model_validator

from textsynth.core.options import Texts
from textsynth.core.records import NO_FIELDS, Constraint, JsonValue
from textsynth.parse import (
    EMPTY,
    MAX_LINES,
    TOO_LONG,
    TOO_MANY,
    TRUNCATED,
    ParsedAnswer,
    ParseFailure,
    Reader,
    failed_answer,
    parsed_answer,
    too_long,
)
from textsynth.parse.item_wrappers import mark_left, unwrap_texts
from textsynth.parse.lenient_json import lenient_decode, reject_constant, unique_keys
from textsynth.parse.list_markers import strip_outer

LIST = "[]"
_FENCE = re.compile(r"```[^\n`]*\n(?P<content>.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_OPENING_BRACKET = re.compile(r"[\[{]")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[\]{},]', re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}
_TYPE_NAMES = {dict: "a map", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


class JsonReader(Reader):
    """Reads the texts of a JSON value. An engine with guided decoding is held to the JSON schema of `texts`.

    `texts` is the path to the texts: keys separated by dots, with `[]` for each list. "" is a list of texts, `texts` a
    map with a list of texts, `items[].text` a map with a list of maps, `[].text` a list of maps.

    `fields` are values beside each text, in the same map: `{texts: "[].question", fields: {answer: reply}}` gives each
    question the field `answer`, read from the key `reply`. A field may hold any JSON value except null and an empty
    text; `[answer]` stands for `{answer: answer}`. Each text needs all of them.
    """

    texts: str = Field(
        default="",
        description="the path to the texts: texts, items[].text or [].text; default: the answer is a list of texts",
    )
    one: bool = Field(default=False, description="the path leads to one text, not to a list of texts")
    fields: dict[str, str] | Texts = Field(
        default=(), description="further fields of each text: keys of the map it is in, or a map of field: key"
    )

    @model_validator(mode="after")
    def _check_path(self) -> JsonReader:
        names = [part.removesuffix(LIST) for part in self.texts.split(".")] if self.texts else []
        if any(not name for name in names[1:]) or (names and not names[0] and not self.texts.startswith(LIST)):
            raise ValueError(f"the path {self.texts!r} has an empty key; separate keys with dots: items[].text")
        if self.one and (not self.texts or LIST in self.texts):
            raise ValueError(f"with one: true the path to the text must have keys only, but texts is {self.texts!r}")
        if self.fields and self._steps[-1] == LIST:
            raise ValueError(
                f"fields are keys of the map that a text is in, so texts must end in a key, as [].text does, but it is "
                f"{self.texts!r}"
            )
        if self._steps[-1] in self._keys.values():
            raise ValueError(f"fields has the key {self._steps[-1]!r}, which texts reads already")
        return self

    @property
    def constraint(self) -> Constraint:
        """The JSON schema of the value."""
        schema: dict[str, object] = {"type": "string"}
        field_schemas: dict[str, object] = {key: {} for key in self._keys.values()}
        for step in reversed(self._steps):
            if step == LIST:
                schema = {"type": "array", "items": schema, "minItems": 1}
            else:
                properties = {step: schema, **field_schemas}
                schema = {
                    "type": "object",
                    "properties": properties,
                    "required": [*properties],
                    "additionalProperties": False,
                }
                field_schemas = {}
        return Constraint("json", json.dumps(schema, ensure_ascii=False))

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names in `fields`."""
        return tuple(self.fields)

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the texts. Of a truncated answer, return the complete texts and the rest as a failure."""
        if not strip_outer(answer):
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        if too_long(answer):
            return failed_answer(answer, TOO_LONG)
        body = _without_fence(answer)
        start = _OPENING_BRACKET.search(body)
        if start is None:
            return failed_answer(answer, TRUNCATED if truncated else "the answer has no JSON list or map")
        body = body[start.start() :]
        try:
            value, end = lenient_decode(body)
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

    @property
    def _keys(self) -> Mapping[str, str]:
        """Field → key of the map that holds the text."""
        return self.fields if isinstance(self.fields, dict) else {name: name for name in self.fields}

    def _collect(self, value: object) -> ParsedAnswer:
        collected = _Collected(self._keys, [], [], [])
        _follow_path(value, self._steps, collected)
        if len(collected.texts) > MAX_LINES:
            return failed_answer(_as_json(value), TOO_MANY)
        texts, fields = [], []
        for text, of_text in zip(unwrap_texts(collected.texts, quotes=None), collected.fields, strict=True):
            reason = mark_left(text)
            if reason is not None:
                collected.failures.append(ParseFailure(text, reason))
            else:
                texts.append(text)
                fields.append(of_text)
        return parsed_answer(texts, collected.failures, fields if self.fields else None)

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
        failures = (*result.failures, ParseFailure(body[end:], TRUNCATED))
        return parsed_answer(result.texts, failures, result.fields if self.fields else None)


class _Collected(NamedTuple):
    """What was read so far: texts, with a map of fields each, and failures. `keys` are those of the fields."""

    keys: Mapping[str, str]
    texts: list[str]
    fields: list[Mapping[str, JsonValue]]
    failures: list[ParseFailure]


def _follow_path(
    value: object, steps: tuple[str, ...], collected: _Collected, container: Mapping[str, JsonValue] = NO_FIELDS
) -> None:
    """Collect the texts at the end of the path with their fields in `container`, and each other value as a failure."""
    if not steps:
        _collect_text(value, container, collected)
    elif steps[0] == LIST:
        if not isinstance(value, list):
            collected.failures.append(_wrong_type(value, "a list"))
        elif not value:
            collected.failures.append(ParseFailure("[]", "the list of texts is empty"))
        else:
            for item in value:
                _follow_path(item, steps[1:], collected)
    elif not isinstance(value, dict):
        collected.failures.append(_wrong_type(value, f"a map with the key {steps[0]!r}"))
    elif steps[0] not in value:
        collected.failures.append(_missing_key(steps[0], value))
    else:
        _follow_path(value[steps[0]], steps[1:], collected, value)


def _collect_text(value: object, container: Mapping[str, JsonValue], collected: _Collected) -> None:
    if not isinstance(value, str):
        collected.failures.append(_wrong_type(value, "a text"))
        return
    missing = next((key for key in collected.keys.values() if container.get(key) is None), None)
    if missing is not None:
        collected.failures.append(_missing_key(missing, container))
        return
    collected.texts.append(strip_outer(value))
    collected.fields.append({name: _stripped(container[key]) for name, key in collected.keys.items()})


def _stripped(value: JsonValue) -> JsonValue:
    return strip_outer(value) if isinstance(value, str) else value


def _missing_key(key: str, container: Mapping[str, JsonValue]) -> ParseFailure:
    if key in container:
        return ParseFailure(_as_json(container), f"the key {key!r} is null")
    return ParseFailure(_as_json(container), f"the key {key!r} is missing; there are: {', '.join(container)}")


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
        _DECODER.raw_decode(text, start.start())
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


_DECODER = json.JSONDecoder(object_pairs_hook=unique_keys, parse_constant=reject_constant)
