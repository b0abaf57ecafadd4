"""The base of every item's options and every plain setting: frozen, strict, no unknown keys.

Options are validated in pydantic's strict JSON mode, which takes lists for tuples and strings for paths and still
refuses YAML's traps (`yes` for a label is a boolean there, not a string). A class called in Python is checked in the
same mode, so that `NearDuplicate(similarity=0.6)` takes what a recipe takes and nothing else. A name that Python
keeps for itself ends with `_` there: `from_` in Python is `from` in a recipe.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from textsynth.core.errors import RecipeError, RecipeIssue
from textsynth.core.validation_errors import field_errors

if TYPE_CHECKING:
    # In Python a list is as good; what is kept is a tuple.
    Texts = Sequence[str]
    Numbers = Sequence[int]
else:
    Texts = tuple[str, ...]
    Numbers = tuple[int, ...]

QUOTED_LENGTH = 60


class Options(BaseModel):
    """Frozen and strict: a misspelt key or a number given as text is an error, never a guess."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        populate_by_name=True,
        protected_namespaces=(),
        alias_generator=lambda name: name.removesuffix("_"),
    )

    if not TYPE_CHECKING:

        def __init__(self, **given: object) -> None:
            """Check what is given as a recipe is checked. Raises RecipeError with every mistake."""
            try:
                self.__pydantic_validator__.validate_json(_written(type(self), given), self_instance=self)
            except ValidationError as fault:
                name = type(self).__name__
                told = field_errors(fault, type(self))
                raise RecipeError(RecipeIssue(name, sentence) for _, sentence in told) from None

        # pydantic would call this for every map in a recipe too, and there the marks of its own errors are needed
        __init__.__pydantic_base_init__ = True

    def as_recipe(self) -> dict[str, object]:
        """Return the fields that were given, as a recipe writes them."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _written(cls: type[Options], given: dict[str, object]) -> str:
    try:
        return json.dumps(given, default=_as_json, allow_nan=False)
    except (TypeError, ValueError) as fault:
        raise RecipeError([RecipeIssue(cls.__name__, str(fault))]) from None


def _as_json(value: object) -> object:
    if isinstance(value, Options):
        return value.as_recipe()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"an option is text, a number, true, false, a list or a map, found {value!r:.{QUOTED_LENGTH}}")


@dataclass(frozen=True, slots=True)
class Ref:
    """Marks a field that names something else in the recipe: a "source", a "model", a "prompt", or "gold": a source that only calibrates."""

    kind: str


_SHORT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kKM])", re.ASCII)

SourceName = Annotated[str, Ref("source")]
GoldName = Annotated[str, Ref("source"), Ref("gold")]
ModelName = Annotated[str, Ref("model")]
PromptName = Annotated[str, Ref("prompt")]


def parse_count(value: object) -> object:
    """Read `25k` and `3M` as numbers; leave everything else for the type check."""
    found = _SHORT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    whole = Decimal(found[1]) * (1_000_000 if found[2] == "M" else 1_000)
    return int(whole) if whole == int(whole) else value


COUNT_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+[kKM]$"}]}
Count = Annotated[int, BeforeValidator(parse_count), Field(ge=0), WithJsonSchema(COUNT_SCHEMA)]


class SamplingOptions(Options):
    """Sampling that a recipe sets for one step; what is left out comes from the prompt's front matter."""

    temperature: float | None = Field(default=None, ge=0, le=5, description="0 always takes the likeliest token")
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="keep the likeliest tokens up to this much probability"
    )
    top_k: int | None = Field(default=None, ge=0, description="keep this many likeliest tokens; 0 keeps all")
    repetition_penalty: float | None = Field(default=None, gt=0, description="above 1 makes used tokens less likely")
    max_tokens: int | None = Field(default=None, gt=0, description="new tokens an answer may have")
    stop: Texts | None = Field(default=None, description="texts at which an answer ends")
