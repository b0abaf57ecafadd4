"""Describes in words what a field takes: from its type and limits to "a whole number (at least 1)"."""

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

SINGULAR = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
PLURAL = {
    "text": "texts",
    "a whole number": "whole numbers",
    "a number": "numbers",
    "a path": "paths",
    "a list": "lists",
}
LIST_TYPES = (list, tuple, set, frozenset)
MAP_TYPES = (dict, Mapping)
MAX_ALTERNATIVES = 4


class FieldType(NamedTuple):
    """An annotated type with its metadata: limits, validators, references."""

    annotation: object
    metadata: tuple[object, ...] = ()


def fields_of(cls: type[Options]) -> dict[str, FieldInfo]:
    """Return the fields of a class by the names that a recipe uses."""
    return {field.alias or name: field for name, field in cls.model_fields.items()}


def field_type(field: FieldInfo) -> FieldType:
    """Return the type of a field."""
    return unwrap(FieldType(field.annotation, tuple(field.metadata)))


def unwrap(kind: FieldType) -> FieldType:
    """Return the type inside `Annotated[…]`, with the metadata of every level."""
    while get_origin(kind.annotation) is Annotated:
        inner, *annotations = get_args(kind.annotation)
        metadata = [
            item
            for annotation in annotations
            for item in (annotation.metadata if isinstance(annotation, FieldInfo) else (annotation,))
        ]
        kind = FieldType(inner, (*kind.metadata, *metadata))
    return kind


def alternatives(kind: FieldType) -> list[FieldType]:
    """Return the members of a union except None; the type itself where it is no union."""
    kind = unwrap(kind)
    if get_origin(kind.annotation) not in (Union, types.UnionType):
        return [kind]
    members = [unwrap(FieldType(member)) for member in get_args(kind.annotation) if member is not types.NoneType]
    # `float | None = Field(ge=0)` keeps its limits outside of the union
    return [FieldType(member.annotation, (*kind.metadata, *member.metadata)) for member in members]


def options_in(kind: FieldType) -> type[Options] | None:
    """Return the Options class that a type is or may be, else None."""
    for member in alternatives(kind):
        if isinstance(member.annotation, type) and issubclass(member.annotation, Options):
            return member.annotation
    return None


def element_type(kind: FieldType, key: str | int) -> FieldType | None:
    """Return the type of one entry (a field of options, an element of a list, a value of a map), None without one."""
    for member in alternatives(kind):
        origin, arguments = get_origin(member.annotation), get_args(member.annotation)
        options = options_in(member)
        if options is not None and key in fields_of(options):
            return field_type(fields_of(options)[str(key)])
        if origin in LIST_TYPES and arguments and isinstance(key, int):
            return unwrap(FieldType(arguments[0]))
        if origin in MAP_TYPES and arguments:
            return unwrap(FieldType(arguments[1]))
    return None


def describe_type(kind: FieldType) -> str:
    """Return what a type takes: `text`, `a list of texts`, `'a' or 'b'`, `a number (above 0, at most 1)`."""
    descriptions = list(dict.fromkeys(_describe_member(member) for member in alternatives(kind)))
    return " or ".join(descriptions) if len(descriptions) <= MAX_ALTERNATIVES else "any value"


def join_alternatives(names: list[str]) -> str:
    """Return `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "nothing"


def _describe_member(kind: FieldType) -> str:
    origin, arguments = get_origin(kind.annotation), get_args(kind.annotation)
    ref = next((item for item in kind.metadata if isinstance(item, Ref)), None)
    if ref is not None:
        return f"the name of a {ref.kind}"
    if origin is Literal:
        return join_alternatives([repr(value) if isinstance(value, str) else str(value).lower() for value in arguments])
    if origin in LIST_TYPES and arguments:
        return f"a list of {_plural(describe_type(FieldType(arguments[0])))}" + _describe_limits(kind, " items")
    if origin in MAP_TYPES and arguments:
        return f"a map of names to {_plural(describe_type(FieldType(arguments[1])))}"
    options = options_in(kind)
    if options is not None:
        return f"a map with the fields {', '.join(fields_of(options))}"
    name = SINGULAR.get(typing.cast("type", kind.annotation), "a value")
    if any(isinstance(item, BeforeValidator) and item.func is parse_count for item in kind.metadata):
        name += " such as 300, 25k or 3M"
    return name + _describe_limits(kind, " characters" if kind.annotation is str else "")


def _plural(description: str) -> str:
    start = next((singular for singular in PLURAL if description.startswith(singular)), None)
    return description if start is None else PLURAL[start] + description[len(start) :]


def _describe_limits(kind: FieldType, unit: str) -> str:
    """Return the limits in parentheses, "" without any. Of several lower limits the highest counts."""
    limits: list[str] = []
    minimum = max((item.ge for item in kind.metadata if isinstance(item, annotated_types.Ge)), default=None)  # type: ignore[type-var]
    for item in kind.metadata:
        if isinstance(item, annotated_types.Ge):
            limits += [f"at least {minimum}"] if item.ge == minimum else []
        elif isinstance(item, annotated_types.Gt):
            limits.append(f"above {item.gt}")
        elif isinstance(item, annotated_types.Le):
            limits.append(f"at most {item.le}")
        elif isinstance(item, annotated_types.Lt):
            limits.append(f"below {item.lt}")
        elif isinstance(item, annotated_types.MinLen):
            limits.append("not empty" if item.min_length == 1 else f"at least {item.min_length}{unit}")
        elif isinstance(item, annotated_types.MaxLen):
            limits.append(f"at most {item.max_length}{unit}")
        elif isinstance(pattern := getattr(item, "pattern", None), str):
            limits.append(f"of the form {pattern}")
    return f" ({', '.join(limits)})" if limits else ""
