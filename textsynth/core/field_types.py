"""The type of a field in words: from an annotation and its limits to "a whole number (at least 1)"."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

SINGULAR = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
PLURAL = {
    "text": "texts",
    "a whole number": "whole numbers",
    "a number": "numbers",
    "a path": "paths",
    "a list": "lists",
}
LIST_TYPES = (list, tuple, set, frozenset)
MAX_CHOICES = 4


class DescribedType:
    """The base of field metadata that describes the type better than the annotation does."""

    @property
    def words(self) -> str:
        """What a field of this type takes: "the name of a source"."""
        raise NotImplementedError


class FieldType(NamedTuple):
    """A type as annotated, with the metadata of its field: limits, validators, descriptions."""

    annotation: object
    metadata: tuple[object, ...] = ()


def field_name(name: str, field: FieldInfo) -> str:
    """Return the name that a recipe uses for a field."""
    return field.alias or name


def fields_of(cls: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of an options class by the names that a recipe uses."""
    return {field_name(name, field): field for name, field in cls.model_fields.items()}


def field_type(field: FieldInfo) -> FieldType:
    """Return the type of a field."""
    return unwrapped(FieldType(field.annotation, tuple(field.metadata)))


def unwrapped(kind: FieldType) -> FieldType:
    """Return the type inside `Annotated`, with its metadata added."""
    while get_origin(kind.annotation) is Annotated:
        inner, *annotations = get_args(kind.annotation)
        metadata = [
            item
            for annotation in annotations
            for item in (annotation.metadata if isinstance(annotation, FieldInfo) else (annotation,))
        ]
        kind = FieldType(inner, (*kind.metadata, *metadata))
    return kind


def options_in(kind: FieldType) -> type[BaseModel] | None:
    """Return the options class that a type is, or that its union contains; else None."""
    for choice in choices(kind):
        if isinstance(choice.annotation, type) and issubclass(choice.annotation, BaseModel):
            return choice.annotation
    return None


def choices(kind: FieldType) -> list[FieldType]:
    """Return the members of a union except None; for any other type the type itself."""
    kind = unwrapped(kind)
    if get_origin(kind.annotation) not in (Union, types.UnionType):
        return [kind]
    members = [unwrapped(FieldType(member)) for member in get_args(kind.annotation) if member is not types.NoneType]
    # `float | None = Field(ge=0)` has its limits outside of the union.
    return [FieldType(member.annotation, (*kind.metadata, *member.metadata)) for member in members]


def element_type(kind: FieldType, part: str | int) -> FieldType | None:
    """Return the type of one entry: a field of options, an element of a list, a value of a map; None where none is."""
    for choice in choices(kind):
        origin, arguments = get_origin(choice.annotation), get_args(choice.annotation)
        options = options_in(choice)
        if options is not None and part in fields_of(options):
            return field_type(fields_of(options)[str(part)])
        if origin in LIST_TYPES and arguments and isinstance(part, int):
            return unwrapped(FieldType(arguments[0]))
        if origin in (dict, Mapping) and arguments:
            return unwrapped(FieldType(arguments[1]))
    return None


def literals(kind: FieldType) -> list[object]:
    """Return the values of a `Literal`; [] for any other type."""
    return [
        value
        for choice in choices(kind)
        if get_origin(choice.annotation) is Literal
        for value in get_args(choice.annotation)
    ]


def describe_type(kind: FieldType) -> str:
    """Return a type in words: `text`, `a list of texts`, `'a' or 'b'`, `a number (above 0, at most 1)`."""
    alternatives = list(dict.fromkeys(map(_describe_choice, choices(kind))))
    return " or ".join(alternatives) if len(alternatives) <= MAX_CHOICES else "any value"


def _describe_choice(kind: FieldType) -> str:
    origin, arguments = get_origin(kind.annotation), get_args(kind.annotation)
    described = next((item for item in kind.metadata if isinstance(item, DescribedType)), None)
    if described is not None:
        return described.words + _limits(kind, "")
    if origin is Literal:
        return list_in_words([repr(value) if isinstance(value, str) else str(value).lower() for value in arguments])
    if origin in LIST_TYPES and arguments:
        return f"a list of {_plural(describe_type(FieldType(arguments[0])))}" + _limits(kind, " items")
    if origin in (dict, Mapping) and arguments:
        return f"a map of names to {_plural(describe_type(FieldType(arguments[1])))}"
    options = options_in(kind)
    if options is not None:
        return f"a map with the fields {', '.join(fields_of(options))}"
    singular = SINGULAR.get(typing.cast("type", kind.annotation), "a value")
    return singular + _limits(kind, " characters" if kind.annotation is str else "")


def _plural(element: str) -> str:
    singular = next((words for words in PLURAL if element.startswith(words)), None)
    return element if singular is None else PLURAL[singular] + element[len(singular) :]


def _limits(kind: FieldType, unit: str) -> str:
    """Return the limits in brackets, "" where there are none; of two lower limits the higher one counts."""
    limits: list[str] = []
    minimum = max((limit.ge for limit in kind.metadata if isinstance(limit, annotated_types.Ge)), default=None)  # type: ignore[type-var]
    for limit in kind.metadata:
        if isinstance(limit, annotated_types.Ge):
            limits += [f"at least {minimum}"] if limit.ge == minimum else []
        elif isinstance(limit, annotated_types.Gt):
            limits.append(f"above {limit.gt}")
        elif isinstance(limit, annotated_types.Le):
            limits.append(f"at most {limit.le}")
        elif isinstance(limit, annotated_types.Lt):
            limits.append(f"below {limit.lt}")
        elif isinstance(limit, annotated_types.MinLen):
            limits.append("not empty" if limit.min_length == 1 else f"at least {limit.min_length}{unit}")
        elif isinstance(limit, annotated_types.MaxLen):
            limits.append(f"at most {limit.max_length}{unit}")
        elif isinstance(pattern := getattr(limit, "pattern", None), str):
            limits.append(f"of the form {pattern}")
    return f" ({', '.join(limits)})" if limits else ""


def list_in_words(names: list[str]) -> str:
    """Return `a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}" if names else "nothing"
