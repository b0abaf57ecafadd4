"""The base of every item's options and every plain setting: frozen, strict, no unknown keys.

Options are validated in pydantic's strict JSON mode, which takes lists for tuples and strings for paths and still
refuses YAML's traps (`yes` for a label is a boolean there, not a string).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema


class Options(BaseModel):
    """Frozen and strict: a misspelt key or a number given as text is an error, never a guess."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True, protected_namespaces=())


@dataclass(frozen=True, slots=True)
class Ref:
    """Marks a field that names something else in the recipe: a "source", a "model" or a "prompt"."""

    to: str


_SHORT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kKM])", re.ASCII)

SourceName = Annotated[str, Ref("source")]
ModelName = Annotated[str, Ref("model")]
PromptName = Annotated[str, Ref("prompt")]


def count(value: object) -> object:
    """Read `25k` and `3M` as numbers; leave everything else for the type check."""
    found = _SHORT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    whole = Decimal(found[1]) * (1_000_000 if found[2] == "M" else 1_000)
    return int(whole) if whole == int(whole) else value


COUNT_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+[kKM]$"}]}
Count = Annotated[int, BeforeValidator(count), Field(ge=0), WithJsonSchema(COUNT_SCHEMA)]


class SamplingOptions(Options):
    """Sampling that a recipe sets for one step; what is left out comes from the prompt's front matter."""

    temperature: float | None = Field(None, ge=0, le=5, description="0 always takes the likeliest token")
    top_p: float | None = Field(None, gt=0, le=1, description="keep the likeliest tokens up to this much probability")
    top_k: int | None = Field(None, ge=0, description="keep this many likeliest tokens; 0 keeps all")
    repetition_penalty: float | None = Field(None, gt=0, description="above 1 makes used tokens less likely")
    max_tokens: int | None = Field(None, gt=0, description="new tokens an answer may have")
    stop: tuple[str, ...] | None = Field(None, description="texts at which an answer ends")
