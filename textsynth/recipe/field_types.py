"""What a field takes, in words: from a type and its limits to "a whole number of at least 1"."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from textsynth.core.options import Options, Ref, parse_count

SINGLE = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
PLURAL = {
    "text": "texts",
    "a whole number": "whole numbers",
    "a number": "numbers",
    "a path": "paths",
    "a list": "lists",
}
LISTS = (list, tuple, set, frozenset)
MAX_CHOICES = 4


class FieldType(NamedTuple):
    """A type as annotated, and what stands beside it: limits, validators, references."""

    annotation: object
    metadata: tuple[object, ...] = ()


def field_name(name: str, field: FieldInfo) -> str:
    """Return the name that a recipe uses for a field."""
    return field.alias or name


def fields_of(cls: type[Options]) -> dict[str, FieldInfo]:
    """Return the fields of an item by the names that a recipe uses."""
    return {field_name(name, field): field for name, field in cls.model_fields.items()}


def field_type(field: FieldInfo) -> FieldType:
    """Return the kind of a field."""
    return opened(FieldType(field.annotation, tuple(field.metadata)))


def opened(kind: FieldType) -> FieldType:
    """Return the kind with Annotated taken apart."""
    while get_origin(kind.annotation) is Annotated:
        inner, *beside = get_args(kind.annotation)
        more = [limit for one in beside for limit in (one.metadata if isinstance(one, FieldInfo) else (one,))]
        kind = FieldType(inner, (*kind.metadata, *more))
    return kind


def options_in(kind: FieldType) -> type[Options] | None:
    """Return the Options class that a kind is or may be, else None."""
    for one in choices(kind):
        if isinstance(one.annotation, type) and issubclass(one.annotation, Options):
            return one.annotation
    return None


def choices(kind: FieldType) -> list[FieldType]:
    """Return the members of a union but None; of anything else the kind itself."""
    kind = opened(kind)
    if get_origin(kind.annotation) not in (Union, types.UnionType):
        return [kind]
    members = [opened(FieldType(one)) for one in get_args(kind.annotation) if one is not types.NoneType]
    # `float | None = Field(ge=0)` keeps its limits outside of the union
    return [FieldType(one.annotation, (*kind.metadata, *one.metadata)) for one in members]


def element_type(kind: FieldType, part: str | int) -> FieldType | None:
    """Return the kind of one entry: a field of an item, an element of a list, a value of a map."""
    for one in choices(kind):
        origin, arguments = get_origin(one.annotation), get_args(one.annotation)
        options = options_in(one)
        if options is not None and part in fields_of(options):
            return field_type(fields_of(options)[str(part)])
        if origin in LISTS and arguments and isinstance(part, int):
            return opened(FieldType(arguments[0]))
        if origin in (dict, Mapping) and arguments:
            return opened(FieldType(arguments[1]))
    return None


def describe_type(kind: FieldType) -> str:
    """Return what a kind takes: `text`, `a list of texts`, `'a' or 'b'`, `a number above 0 and at most 1`."""
    told = list(dict.fromkeys(_words(one) for one in choices(kind)))
    return " or ".join(told) if len(told) <= MAX_CHOICES else "any value"


def _words(kind: FieldType) -> str:
    origin, arguments = get_origin(kind.annotation), get_args(kind.annotation)
    ref = next((one for one in kind.metadata if isinstance(one, Ref)), None)
    if ref is not None:
        return f"the name of a {ref.kind}"
    if origin is Literal:
        return list_in_words([repr(one) if isinstance(one, str) else str(one).lower() for one in arguments])
    if origin in LISTS and arguments:
        return _list_words(describe_type(FieldType(arguments[0]))) + _limits(kind, " items")
    if origin in (dict, Mapping) and arguments:
        return f"a map of names to {_many(describe_type(FieldType(arguments[1])))}"
    options = options_in(kind)
    if options is not None:
        return f"a map with the fields {', '.join(fields_of(options))}"
    single = SINGLE.get(typing.cast("type", kind.annotation), "a value")
    if kind.annotation is int and any(
        isinstance(one, BeforeValidator) and one.func is parse_count for one in kind.metadata
    ):
        single += " such as 300, 25k or 3M"
    return single + _limits(kind, " characters" if kind.annotation is str else "")


def _list_words(element: str) -> str:
    return f"a list of {_many(element)}"


def _many(element: str) -> str:
    start = next((single for single in PLURAL if element.startswith(single)), None)
    return element if start is None else PLURAL[start] + element[len(start) :]


def _limits(kind: FieldType, unit: str) -> str:
    told: list[str] = []
    least = max((one.ge for one in kind.metadata if isinstance(one, annotated_types.Ge)), default=None)  # type: ignore[type-var]
    for one in kind.metadata:
        if isinstance(one, annotated_types.Ge):
            told += [f"at least {least}"] if one.ge == least else []
        elif isinstance(one, annotated_types.Gt):
            told.append(f"above {one.gt}")
        elif isinstance(one, annotated_types.Le):
            told.append(f"at most {one.le}")
        elif isinstance(one, annotated_types.Lt):
            told.append(f"below {one.lt}")
        elif isinstance(one, annotated_types.MinLen):
            told.append("not empty" if one.min_length == 1 else f"at least {one.min_length}{unit}")
        elif isinstance(one, annotated_types.MaxLen):
            told.append(f"at most {one.max_length}{unit}")
        elif isinstance(pattern := getattr(one, "pattern", None), str):
            told.append(f"of the form {pattern}")
    return f" ({', '.join(told)})" if told else ""


def list_in_words(names: list[str]) -> str:
    """Return `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "nothing"
