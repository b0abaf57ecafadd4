"""The base of every component's options and of every plain setting: frozen, strict, no unknown keys.

Options are validated in pydantic's strict JSON mode, which takes lists for tuples and strings for paths, and still
refuses YAML's ambiguous values (`yes` for a label is a boolean there, not a string). Options made in Python are
validated in the same mode, so that `NearDuplicate(similarity=0.6)` takes what a recipe takes and nothing else. A field
whose name is a Python keyword ends with `_` in Python: `from_` there is `from` in a recipe.
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
from textsynth.core.field_types import DescribedType
from textsynth.core.validation_errors import PythonValue, field_errors

if TYPE_CHECKING:
    # Python code may give any sequence; the value is a tuple.
    Texts = Sequence[str]
    TextLists = Sequence[Sequence[str]]
    Numbers = Sequence[int]
else:
    Texts = tuple[str, ...]
    TextLists = tuple[tuple[str, ...], ...]
    Numbers = tuple[int, ...]

MAX_QUOTED_LENGTH = 60


class Options(BaseModel):
    """Frozen and strict: a misspelt key, or a number given as text, is an error and never coerced."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        populate_by_name=True,
        protected_namespaces=(),
        alias_generator=lambda name: name.removesuffix("_"),
    )

    if not TYPE_CHECKING:

        def __init__(self, **values: object) -> None:
            """Validate the values as those of a recipe are validated. Raises RecipeError with every issue."""
            text = _to_json(type(self), values)
            try:
                self.__pydantic_validator__.validate_json(text, self_instance=self)
            except ValidationError as error:
                errors = field_errors(error, type(self), PythonValue(json.loads(text)), owner=type(self).__name__)
                raise RecipeError(RecipeIssue("", sentence) for _, sentence in errors) from None

        # Pydantic must not call this for the maps of a recipe: their errors need pydantic's locations.
        __init__.__pydantic_base_init__ = True

    def as_recipe(self) -> dict[str, object]:
        """Return the fields that were set, as a recipe writes them."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _to_json(cls: type[Options], values: dict[str, object]) -> str:
    try:
        text = json.dumps(values, default=_as_json_value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:
        sentence = f"{cls.__name__}: a text contains half of a character (a lone surrogate, \\ud800 to \\udfff)"
        raise RecipeError([RecipeIssue("", sentence)]) from None
    except (TypeError, ValueError) as error:
        raise RecipeError([RecipeIssue("", f"{cls.__name__}: {error}")]) from None
    return text


class Step(Options):
    """The base of every component. The module's docstring ends with what the component does *not* cover."""

    def check_dependencies(self) -> None:
        """Raise MissingExtra where a package that the step will load is not installed; loads nothing."""


def _as_json_value(value: object) -> object:
    if isinstance(value, Options):
        return value.as_recipe()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"an option is text, a number, true, false, a list or a map, found {value!r:.{MAX_QUOTED_LENGTH}}")


@dataclass(frozen=True, slots=True)
class Ref(DescribedType):
    """Marks a field that holds a name from elsewhere in the recipe.

    `kind` is "source", "model", "prompt", "gold": a source whose rows only calibrate, or "unlabelled": a source whose
    labels are not looked at.
    """

    kind: str

    @property
    def words(self) -> str:
        """What the field takes."""
        return f"the name of a {self.kind}"


class ShortCount(DescribedType):
    """Marks a count that may be written short (25k)."""

    @property
    def words(self) -> str:
        """What the field takes."""
        return "a whole number such as 300, 25k or 3M"


_SHORT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kKM])", re.ASCII)

SourceName = Annotated[str, Ref("source")]
GoldName = Annotated[str, Ref("source"), Ref("gold")]
UnlabelledName = Annotated[str, Ref("source"), Ref("unlabelled")]
ModelName = Annotated[str, Ref("model")]
PromptName = Annotated[str, Ref("prompt")]


def parse_count(value: object) -> object:
    """Return `25k` and `3M` as numbers; return anything else as it is, for the validation of its type."""
    match = _SHORT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    number = Decimal(match[1]) * (1_000_000 if match[2] == "M" else 1_000)
    return int(number) if number == int(number) else value


COUNT_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9.]+[kKM]$"}]}
Count = Annotated[int, BeforeValidator(parse_count), Field(ge=0), WithJsonSchema(COUNT_SCHEMA), ShortCount()]


class SamplingOptions(Options):
    """Sampling that a recipe sets for one step; what it does not set comes from the prompt's front matter."""

    temperature: float | None = Field(default=None, ge=0, le=5, description="0 always takes the likeliest token")
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="keep the likeliest tokens up to this much probability"
    )
    top_k: int | None = Field(default=None, ge=0, description="keep this many likeliest tokens; 0 keeps all")
    repetition_penalty: float | None = Field(default=None, gt=0, description="above 1 makes used tokens less likely")
    max_tokens: int | None = Field(default=None, gt=0, description="the most new tokens of an answer")
    stop: Texts | None = Field(default=None, description="texts at which an answer ends")
