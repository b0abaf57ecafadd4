"""Reads an answer that must be one of a few texts."""

from __future__ import annotations

import json

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import EMPTY, TRUNCATED, ParsedAnswer, Reader, failed_answer, parsed_answer
from textsynth.parse.list_markers import strip_outer, strip_quotes


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
        normalized = _normalize(answer)
        chosen = next((option for option in self.options if _normalize(option) == normalized), None)
        if chosen is not None:
            return parsed_answer((chosen,))
        if truncated or not normalized:
            return failed_answer(answer, TRUNCATED if truncated else EMPTY)
        return failed_answer(answer, f"the answer is none of the options: {', '.join(self.options)}")


def _normalize(text: str) -> str:
    return strip_quotes(strip_outer(text).rstrip(".")).casefold()
