"""The answer is one of a few texts."""

from __future__ import annotations

import json

from pydantic import Field, field_validator

from textsynth.core.records import Constraint
from textsynth.parse import CUT, EMPTY, ParsedAnswer, ParseFailure, Reader, parsed_answer
from textsynth.parse.list_markers import strip_outer, strip_quotes


class Choice(Reader):
    """One of the options, in any case, perhaps in quotes or with a full stop; anything else is a fault.

    An engine that can is held to them.
    """

    options: tuple[str, ...] = Field(min_length=2, description="the texts to choose from")

    @field_validator("options")
    @classmethod
    def _are_different(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        folded = [_folded(one) for one in value]
        twice = next((one for at, one in enumerate(value) if folded[at] in folded[:at]), None)
        if twice is not None or "" in folded:
            raise ValueError(f"options must differ by more than case and be no blanks, but there is {twice or ''!r}")
        return value

    @property
    def constraint(self) -> Constraint:
        """The options."""
        return Constraint("choice", json.dumps(self.options, ensure_ascii=False))

    def read(self, answer: str, *, cut: bool = False) -> ParsedAnswer:
        """Return the option that the answer is, as it is spelled among the options."""
        said = _folded(answer)
        chosen = next((one for one in self.options if _folded(one) == said), None)
        if chosen is not None:
            return parsed_answer((chosen,))
        if cut or not said:
            return parsed_answer((), (ParseFailure(answer, CUT if cut else EMPTY),))
        return parsed_answer(
            (), (ParseFailure(answer, f"the answer is none of the options: {', '.join(self.options)}"),)
        )


def _folded(text: str) -> str:
    return strip_quotes(strip_outer(text).rstrip(".")).casefold()
