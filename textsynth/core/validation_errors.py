"""Pydantic's validation errors as sentences: what was wrong, what was found, what would be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from textsynth.core.errors import did_you_mean

SHOWN = 60
TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "tuple_type": "a list",
    "list_type": "a list",
}


class FieldError(NamedTuple):
    """One thing that options have wrong: the keys that lead to it, and a sentence without its place."""

    path: tuple[str | int, ...]
    sentence: str


def field_errors(fault: ValidationError, options: type[BaseModel]) -> list[FieldError]:
    """Return a complaint for each error, in pydantic's order; unknown keys get the nearest right name."""
    errors = fault.errors(include_url=False)
    return [FieldError(error["loc"], _sentence(error, options)) for error in errors if not _follows(error, errors)]


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Whether a list is too short only because items of it, which have errors of their own, do not count."""
    path = error["loc"]
    return error["type"] == "too_short" and any(path == other["loc"][:-1] for other in errors)


def _sentence(error: ErrorDetails, options: type[BaseModel]) -> str:
    kind, path = error["type"], error["loc"]
    told = ".".join(str(part) for part in path)
    if kind == "extra_forbidden":
        return f"there is no setting {told!r}{did_you_mean(str(path[-1]), _settings(path[:-1], options))}"
    if kind == "missing":
        return f"the setting {told!r} is missing"
    found = _shown(error["input"])
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return said if not path else f"{told!r}: {said}" if found in said else f"{told!r}: {said}, found {found}"
    if kind == "too_short":
        least = error["ctx"]["min_length"]
        return f"{told!r} must have at least {least} item{'s' * (least > 1)}, but has {len(error['input'])}"
    wanted = f"must be {TYPES[kind]}" if kind in TYPES else _lowered(error["msg"])
    return f"{told!r} {wanted}, but is {found}" if path else f"the settings {wanted}, but are {found}"


def _lowered(message: str) -> str:
    return message.replace("Input should", "must", 1).replace("String should", "must", 1)


def _shown(value: object) -> str:
    told = repr(value)
    return told if len(told) <= SHOWN else told[:SHOWN] + "…"


def _settings(path: tuple[str | int, ...], options: type[BaseModel]) -> list[str]:
    """Return the names that are right at `path`; [] where no options of ours stand there."""
    for part in path:
        field = options.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        options = inner
    return [field.alias or name for name, field in options.model_fields.items()]
