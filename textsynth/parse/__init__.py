"""Answer readers: one file a form, named as a prompt's `answer:` names it (`list`, `{tagged: {tag: text}}`).

A reader never guesses and never raises on an answer: what it cannot read is a fault with its reason.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from json import dumps

from pydantic import ValidationError

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.options import Options
from textsynth.core.records import Constraint
from textsynth.core.registry import find_class
from textsynth.core.validation_errors import PythonValue, field_errors

# The readers `json`, `list` and `text` become attributes of this package when they are imported: no use of the
# built-in list or of the module json by these names in here.

CUT = "the answer was cut off at max_tokens"
EMPTY = "the answer is empty"
EMPTY_PIECE = "a piece of the answer is empty"
NO_TEXT = "holds characters that no text has (NUL, or half of a surrogate pair)"

_UNFIT = re.compile("[\x00\ud800-\udfff]")
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_OPENED = re.compile(r"<think(?:ing)?>")
_CLOSED = re.compile(r".*</think(?:ing)?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ParseFailure:
    """A piece of an answer that could not be read, and why."""

    raw: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """What an answer held: the texts in their order, and the faults. Both empty never happens."""

    texts: tuple[str, ...] = ()
    failures: tuple[ParseFailure, ...] = ()


class Reader(Options):
    """The base of the readers."""

    @property
    def constraint(self) -> Constraint | None:
        """What an engine may hold the answer to; None where there is nothing of the kind."""
        return None

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Read one answer; `cut` says that it ended at max_tokens, so that its last piece is incomplete."""
        raise NotImplementedError


def parsed_answer(texts: Iterable[str], faults: Iterable[ParseFailure] = ()) -> ParsedAnswer:
    """Return what a reader found, its texts stripped; empty ones and those that no file can hold become faults."""
    kept: list[str] = []
    wrong = [*faults]  # `list` is the module of that name here, once it was imported
    for text in texts:
        if not text:
            wrong.append(ParseFailure(text, EMPTY_PIECE))
        elif _UNFIT.search(text) is not None:
            wrong.append(ParseFailure(text, f"a text {NO_TEXT}"))
        else:
            kept.append(text)
    return ParsedAnswer(tuple(kept), tuple(ParseFailure(_UNFIT.sub("\ufffd", one.raw), one.reason) for one in wrong))


def without_thinking(answer: str) -> str | ParseFailure:
    """Return an answer without what the model thought aloud before it, or the fault that it never came to an end.

    Thoughts stand in `<think>…</think>`; where the engine's template has already opened them, all up to the last
    `</think>` is thought.
    """
    if "<think" not in answer and "</think" not in answer:
        return answer
    told = _THOUGHT.sub("", answer)
    told = _CLOSED.sub("", told)
    if _OPENED.search(told) is not None:
        return ParseFailure(
            answer, "the model was still thinking when the answer ended: raise max_tokens or switch thinking off"
        )
    return told.lstrip()


def make_reader(spec: object, where: str) -> Reader:
    """Return the reader that an `answer:` asks for: a name, or a map of one name to its settings.

    `where` begins every sentence (`prompts/mine.jinja:7`). Raises UsageError: no such reader, or wrong settings.
    """
    name, settings = _asked(spec, where)
    found = _class_of(name)
    if found is None:
        raise UsageError(f"{where}: there is no answer reader {name!r}{did_you_mean(name, reader_names())}")
    try:
        return found.model_validate_json(dumps({} if settings is None else settings))
    except ValidationError as error:
        errors = field_errors(error, found, PythonValue(settings), owner=f"answer.{name}")
        raise UsageError("\n".join(f"{where}: {sentence}" for _, sentence in errors)) from error


def reader_names() -> list[str]:
    """Return the names of all answer readers, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if _class_of(found.name) is not None)


def _asked(spec: object, where: str) -> tuple[str, object]:
    if isinstance(spec, str):
        return spec, None
    if isinstance(spec, Mapping) and len(spec) == 1:
        name, settings = next(iter(spec.items()))
        if isinstance(name, str):
            return name, settings
    raise UsageError(f"{where}: an answer is a reader's name or a map of one name to its settings, but is {spec!r}")


def _class_of(name: str) -> type[Reader] | None:
    found = find_class(__name__, name) if name.isidentifier() else None
    return found if isinstance(found, type) and issubclass(found, Reader) else None
