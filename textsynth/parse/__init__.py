"""Answer readers: each module defines one way to get texts out of a model's answer.

A prompt selects a reader with the key `answer` of its front matter: a name (`list`), or a map of one name to its
settings (`{tagged: {tag: text}}`). The reader `list` is the class `ListReader` in `list.py`: the name, then `Reader`. A
reader never guesses and never raises on an answer: a part that it cannot read becomes a ParseFailure with a reason.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from json import dumps

from pydantic import ValidationError

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.options import Options
from textsynth.core.records import NO_FIELDS, Constraint, JsonValue
from textsynth.core.registry import find_class
from textsynth.core.validation_errors import PythonValue, field_errors
from textsynth.parse.thinking import strip_thinking, without_turn_tokens
from textsynth.text.encoding import CONTROL

# The modules `json`, `list` and `text` become attributes of this package once they are imported: this module must use
# neither the built-in `list` nor the standard module `json` by these names.

TRUNCATED = "the answer was cut off at max_tokens"
EMPTY = "the answer is empty"
EMPTY_ITEM = "an item of the answer is empty"
TOO_LONG = "the answer is longer than 1,000,000 characters or 10,000 lines"
TOO_MANY = "the answer has more than 10,000 texts"
MAX_CHARACTERS, MAX_LINES = 1_000_000, 10_000
UNSTORABLE = "a text contains characters that no file can hold (NUL or an unpaired surrogate)"
CONTROL_CHARACTER = "a text contains control characters"
MISREAD = "a text contains U+FFFD, the sign of a character that could not be decoded"

TOOL_CALL = "the answer is a tool call, not a text: switch tools off in the server or the prompt"
_TOOL_CALL = re.compile(
    r"\s*+(?:<\|?(?:tool_calls?|function_calls?|python_tag)(?:_begin|_section_begin)?\|?>|<function=|\[TOOL_CALLS\]"
    r"|<[|｜]tool▁calls▁begin[|｜]>)",
    re.IGNORECASE,
)
_UNSTORABLE_CHARACTER = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A part of an answer that could not be read, and the reason."""

    raw: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """The texts of an answer in their order, and the parts that could not be read. At least one of both is there.

    `fields` are the further fields of each text, in the order of the texts; () where the reader gives none.
    """

    texts: tuple[str, ...] = ()
    failures: tuple[ParseFailure, ...] = ()
    fields: tuple[Mapping[str, JsonValue], ...] = ()


class Reader(Options):
    """Base class of the answer readers."""

    @property
    def constraint(self) -> Constraint | None:
        """The constraint that an engine with guided decoding can enforce; None for a form that has none."""
        return None

    @property
    def field_names(self) -> tuple[str, ...]:
        """The names of the fields that the texts of an answer have."""
        return ()

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Read one answer. `truncated`: the answer ended at max_tokens, so its last part is incomplete."""
        raise NotImplementedError


def parsed_answer(
    texts: Iterable[str],
    failures: Iterable[ParseFailure] = (),
    fields: Sequence[Mapping[str, JsonValue]] | None = None,
) -> ParsedAnswer:
    """Return the result of a reader. `texts` are stripped already; `fields` has an entry for each text, or is None.

    A text is moved to the failures where it or one of its text fields is empty, or has characters that no file can
    hold. In the raw part of a failure, such characters are replaced by U+FFFD.
    """
    valid: list[str] = []
    valid_fields: list[Mapping[str, JsonValue]] = []
    invalid = [*failures]  # not list(failures): `list` is a module here once it was imported
    for text, of_text in zip(texts, repeat(NO_FIELDS) if fields is None else fields, strict=False):
        if reason := _invalid_reason(text, of_text):
            raw = dumps({"text": text, **of_text}, ensure_ascii=False) if of_text else text
            invalid.append(ParseFailure(raw, reason))
        else:
            valid.append(text)
            valid_fields.append(of_text)
    storable = [ParseFailure(_UNSTORABLE_CHARACTER.sub("\ufffd", item.raw), item.reason) for item in invalid]
    return ParsedAnswer(tuple(valid), tuple(storable), () if fields is None else tuple(valid_fields))


def too_long(answer: str) -> bool:
    """Return whether an answer is too long to be read in a bounded time; no prompt asks for such an answer."""
    return len(answer) > MAX_LINES and (len(answer) > MAX_CHARACTERS or answer.count("\n") > MAX_LINES)


def failed_answer(answer: str, reason: str) -> ParsedAnswer:
    """Return the result for an answer in which nothing could be read."""
    return parsed_answer((), (ParseFailure(answer, reason),))


def _invalid_reason(text: str, fields: Mapping[str, JsonValue]) -> str:
    """Return why a text with its fields cannot be a record, "" where it can."""
    if not text:
        return EMPTY_ITEM
    if not fields and text.isprintable():
        return MISREAD if "\ufffd" in text else ""
    empty = next((name for name, value in fields.items() if value == ""), None)
    if empty is not None:
        return f"the field {empty!r} of an item of the answer is empty"
    for string in (text, *_strings(fields)):
        if string.isprintable():
            continue
        if _UNSTORABLE_CHARACTER.search(string) is not None:
            return UNSTORABLE
        if CONTROL.search(string) is not None:
            return CONTROL_CHARACTER
    return MISREAD if "\ufffd" in text else ""


def _strings(value: JsonValue) -> Iterator[str]:
    """Yield every text in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from _strings(item)


def without_thinking(answer: str) -> str | ParseFailure:
    """Return the answer without the model's reasoning and without tokens of a chat template around it.

    Returns a failure where the answer is reasoning without an end. See `textsynth.parse.thinking` for the formats.
    """
    remaining = strip_thinking(answer)
    if remaining is None:
        return ParseFailure(
            answer, "the model was still thinking when the answer ended: raise max_tokens or switch thinking off"
        )
    if _TOOL_CALL.match(remaining) is not None:
        return ParseFailure(answer, TOOL_CALL)
    return without_turn_tokens(remaining)


def make_reader(spec: object, where: str) -> Reader:
    """Return the reader for the value of `answer`: a name, or a map of one name to its settings.

    `where` (`prompts/mine.jinja:7`) begins every message. Raises UsageError for an unknown reader or wrong settings.
    """
    name, settings = _name_and_settings(spec, where)
    reader_class = _reader_class(name)
    if reader_class is None:
        raise UsageError(f"{where}: there is no answer reader {name!r}{did_you_mean(name, reader_names())}")
    try:
        return reader_class.model_validate_json(dumps({} if settings is None else settings))
    except ValidationError as error:
        errors = field_errors(error, reader_class, PythonValue(settings), owner=f"answer.{name}")
        raise UsageError("\n".join(f"{where}: {sentence}" for _, sentence in errors)) from error


def reader_names() -> list[str]:
    """Return the names of all answer readers, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if _reader_class(module.name) is not None)


def _name_and_settings(spec: object, where: str) -> tuple[str, object]:
    if isinstance(spec, str):
        return spec, None
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, settings = next(iter(spec.items()))
        if isinstance(name, str):
            return name, settings
    raise UsageError(f"{where}: 'answer' must be a reader's name or a map of one name to its settings, but is {spec!r}")


def _reader_class(name: str) -> type[Reader] | None:
    candidate = find_class(__name__, name, "Reader") if name.isidentifier() else None
    return candidate if isinstance(candidate, type) and issubclass(candidate, Reader) else None
