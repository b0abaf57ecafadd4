"""The answer is JSON: a list of texts, or a map or list of maps that holds them under a key.

The one JSON value of the answer may stand in a code fence or between words. Anything that is not plainly what was
asked for (another shape, a number for a text, a key twice, NaN, two values) is a fault.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from pydantic import Field, model_validator

from textsynth.core.records import Constraint
from textsynth.parse import CUT, EMPTY, ParsedAnswer, ParseFailure, Reader, parsed_answer
from textsynth.parse.list_markers import strip_outer

LIST = "[]"
_FENCED = re.compile(r"```[^\n`]*\n(?P<inside>.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_BEGINS = re.compile(r"[\[{]")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)|[\[\]{},]', re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}


class Json(Reader):
    """The texts of a JSON value.

    `texts` is the path to them: keys with dots between, `[]` where a list stands. "" is a list of texts, `texts` a
    map with such a list, `items[].text` a map with a list of maps, `[].text` a list of maps.
    """

    texts: str = Field(
        default="", description="the path to the texts: texts, items[].text, [].text; left out: a list of texts"
    )
    one: bool = Field(default=False, description="one text stands at the path, not a list of them")

    @model_validator(mode="after")
    def _has_a_path(self) -> Json:
        names = [part.removesuffix(LIST) for part in self.texts.split(".")] if self.texts else []
        if any(not name for name in names[1:]) or (names and not names[0] and not self.texts.startswith(LIST)):
            raise ValueError(f"the path {self.texts!r} has an empty key; write keys with dots between: items[].text")
        if self.one and (not self.texts or LIST in self.texts):
            raise ValueError(f"with one: true the path leads to one text by keys alone, but texts is {self.texts!r}")
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

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Return the texts; of an answer that was cut off, those that are complete, and the rest as a fault."""
        if not strip_outer(answer):
            return parsed_answer((), (ParseFailure(answer, CUT if cut else EMPTY),))
        body = _body(answer)
        begin = _BEGINS.search(body)
        if begin is None:
            return parsed_answer((), (ParseFailure(answer, CUT if cut else "the answer holds no JSON list or map"),))
        body = body[begin.start() :]
        try:
            value, end = _DECODER.raw_decode(body)
        except (ValueError, RecursionError) as fault:
            return self._partly(body) if cut else parsed_answer((), (ParseFailure(answer, _told(fault)),))
        if _more(body[end:]):
            return parsed_answer((), (ParseFailure(answer, "the answer holds more than one JSON value"),))
        return self._found(value)

    @property
    def _steps(self) -> tuple[str, ...]:
        steps: list[str] = []
        for part in self.texts.split("."):
            steps += [part.removesuffix(LIST)] if part.removesuffix(LIST) else []
            steps += [LIST] if part.endswith(LIST) else []
        return tuple(steps) if LIST in steps or self.one else (*steps, LIST)

    def _found(self, value: object) -> ParsedAnswer:
        texts: list[str] = []
        faults: list[ParseFailure] = []
        _walk(value, self._steps, texts, faults)
        return parsed_answer(texts, faults)

    def _partly(self, body: str) -> ParsedAnswer:
        """Read a value that was cut off: only what is complete in the first list on the path to the texts."""
        depth = self._steps.index(LIST) + 1 if LIST in self._steps else 0
        open_: list[str] = []
        whole, end = "", 0
        for token in _TOKEN.finditer(body):
            mark = token[0]
            if mark in _CLOSING:
                open_.append(mark)
            elif mark in "]}" and open_:
                if len(open_) == depth:
                    whole, end = _closed(body[: token.start()], open_), token.end()
                open_.pop()
            elif mark == "," and len(open_) == depth:
                whole, end = _closed(body[: token.start()], open_), token.end()
        try:
            read = self._found(_DECODER.decode(whole))
        except (ValueError, RecursionError):
            return parsed_answer((), (ParseFailure(body, CUT),))
        return parsed_answer(
            read.texts, (*(read.failures if read.texts else ()), ParseFailure(body[end:] if read.texts else body, CUT))
        )


def _walk(value: object, steps: tuple[str, ...], texts: list[str], faults: list[ParseFailure]) -> None:
    if not steps:
        if isinstance(value, str):
            texts.append(strip_outer(value))
        else:
            faults.append(_unlike(value, "a text"))
    elif steps[0] == LIST:
        if not isinstance(value, list):
            faults.append(_unlike(value, "a list"))
        elif not value:
            faults.append(ParseFailure("[]", "the list of texts is empty"))
        else:
            for one in value:
                _walk(one, steps[1:], texts, faults)
    elif not isinstance(value, dict):
        faults.append(_unlike(value, f"a map with the key {steps[0]!r}"))
    elif steps[0] not in value:
        faults.append(
            ParseFailure(_raw(value), f"the key {steps[0]!r} is missing; there are: {', '.join(map(str, value))}")
        )
    else:
        _walk(value[steps[0]], steps[1:], texts, faults)


def _unlike(value: object, wanted: str) -> ParseFailure:
    kind = {dict: "a map", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return ParseFailure(_raw(value), f"{kind.get(type(value), 'a number')} where {wanted} was asked for")


def _raw(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _body(answer: str) -> str:
    """Return the inside of the first code fence that holds JSON, else the whole answer."""
    for fence in _FENCED.finditer(answer):
        if strip_outer(fence["inside"])[:1] in {"[", "{"}:
            return fence["inside"]
    return answer


def _more(rest: str) -> bool:
    begin = _BEGINS.search(rest)
    if begin is None:
        return False
    try:
        _DECODER.raw_decode(rest[begin.start() :])
    except (ValueError, RecursionError):
        return False
    return True


def _closed(body: str, open_: list[str]) -> str:
    return body + "".join(_CLOSING[mark] for mark in reversed(open_))


def _told(fault: ValueError | RecursionError) -> str:
    if isinstance(fault, RecursionError):
        return "the JSON is nested too deep"
    if isinstance(fault, json.JSONDecodeError):
        return f"the answer is no JSON: {fault.msg} at character {fault.pos}"
    return f"the answer is no JSON: {fault}"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
