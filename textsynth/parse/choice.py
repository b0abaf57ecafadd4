"""Reads an answer that must be one of a few texts."""

from __future__ import annotations

import json
import re
import unicodedata

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer
from textsynth.parse.list_markers import strip_outer, strip_quotes
from textsynth.parse.whole_text import whole_text

MAX_ANSWER = 10_000
_BOXED = re.compile(r"\$?\\boxed\{(?:\\text\{)?([^{}]{1,200})\}{1,2}\$?")
TOO_LONG = "the answer is longer than 10,000 characters, and a choice is one of a few words"
_NAME_WORDS = (
    """answer category choice class classification emotion intent label option output response result sentiment topic"""
)
_NAMES = frozenset(_NAME_WORDS.split()) | {"final answer", "correct answer"}


class ChoiceReader(Reader):
    """Reads one of the options: in any case, with or without quotes and a full stop. Anything else is a failure.

    An engine with guided decoding is held to the options.
    """

    options: tuple[str, ...] = Field(min_length=2, description="the texts to choose from, at least two")

    @field_validator("options")
    @classmethod
    def _check_distinct(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        normalized = [_normalize(option) for option in options]
        repeated = next((option for i, option in enumerate(options) if normalized[i] in normalized[:i]), None)
        if repeated is not None or "" in normalized:
            raise ValueError(
                f"options must differ in more than case and must not be blank, but there is {repeated or ''!r}"
            )
        return options

    @property
    def constraint(self) -> Constraint:
        """The options."""
        return Constraint("choice", json.dumps(self.options, ensure_ascii=False))

    def read(self, answer: str, *, truncated: bool = False) -> ParsedAnswer:
        """Return the option that the answer names, in the spelling of `options`."""
        if len(answer) > MAX_ANSWER:
            return failed_answer(answer, TOO_LONG)
        normalized = _normalize(answer)
        chosen = self._option(normalized) or self._option(_unwrapped(answer) if normalized else "")
        if chosen is not None:
            return parsed_answer((chosen,))
        if truncated or not normalized:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        return failed_answer(answer, f"the answer is none of the options: {', '.join(self.options)}")

    def _option(self, normalized: str) -> str | None:
        return next((option for option in self.options if _normalize(option) == normalized), None)


def _unwrapped(answer: str) -> str:
    """Return the normal form of an answer without a name before it (`Label: …`), tags, bold type, a fence or JSON."""
    text, reason = whole_text(answer)
    boxed = _BOXED.fullmatch(text)
    name, _, named = text.partition(":")
    if boxed is not None:
        text = boxed[1]
    elif name.strip(" *_").casefold() in _NAMES:
        text, reason = whole_text(named.strip(" *_"))
    return "" if reason is not None else _normalize(text)


def _normalize(text: str) -> str:
    return unicodedata.normalize("NFC", strip_quotes(strip_outer(text).rstrip("."))).casefold()
