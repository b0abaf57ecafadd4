"""Pydantic's validation errors as sentences: which field, what it takes, what was found.

The sentences are the same for options made in Python, for a recipe and for the front matter of a prompt. A key or value
that was renamed gets a sentence with the new name.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from textsynth.core.errors import did_you_mean
from textsynth.core.field_types import (
    FieldType,
    describe_type,
    element_type,
    fields_of,
    literals,
    options_in,
    unwrapped,
)

MAX_QUOTED_LENGTH = 60
MAX_KEYS_QUOTED = 3
CUSTOM_ERRORS = ("value_error", "assertion_error")
ERRORS_OF_ONE_FIELD = ("missing", "extra_forbidden", *CUSTOM_ERRORS)

RENAMED_FIELDS: Mapping[str, str] = {
    "about": "domain",
    "accept": "top_k",
    "avoid": "show_accepted",
    "body": "extra_body",
    "by": "method",
    "disagree": "on_disagreement",
    "draws_together": "batch_n",
    "from": "source",
    "in_flight": "concurrency",
    "keep": "keep_running",
    "key_env": "api_key_env",
    "many": "multi_label",
    "means": "description",
    "others": "contrast_labels",
    "patience_seconds": "max_downtime_seconds",
    "points": "key_points",
    "pool": "oversample",
    "prompts": "mode",
    "speaks": "server",
    "texts": "per_request",
    "unsure": "on_low_confidence",
    "vary": "attributes",
    "with": "source",
}
"""Keys of earlier recipes and their names today; a key counts as renamed where its owner has the new field."""
RENAMED_VALUES: Mapping[tuple[str, object], str] = {("method", "probabilities"): "logprobs"}
"""Values of earlier recipes, by the name of their field today, and their names today."""

Path = tuple[str | int, ...]


class FieldError(NamedTuple):
    """One error: the keys that lead to the value (for a missing field, to the map that lacks it), and a sentence."""

    path: Path
    sentence: str


class WrittenValue(Protocol):
    """A value as the user wrote it, such as a node of a YAML file."""

    def child(self, part: str | int) -> WrittenValue | None:
        """Return the value under a key or index; None where there is none."""

    @property
    def value(self) -> object:
        """The value as Python has it; None for a list or a map."""

    @property
    def is_scalar(self) -> bool:
        """Whether the value is neither a list nor a map."""

    def describe(self) -> str:
        """Return the value in words: `'x'`, `7`, `a list of 3`, `a map of a, b`."""

    def hint(self, expected: str) -> str:
        """Return `: ` and how to write the value so that it is `expected`; "" where that is not known."""


class PythonValue:
    """A value that Python code gave."""

    def __init__(self, value: object) -> None:
        self._value = value

    def child(self, part: str | int) -> PythonValue | None:
        """Return the value under a key or index; None where there is none."""
        value = self._value
        if isinstance(value, Mapping) and part in value:
            return PythonValue(value[part])
        if isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value):
            return PythonValue(value[part])
        return None

    @property
    def value(self) -> object:
        """The value; None for a list or a map."""
        return self._value if self.is_scalar else None

    @property
    def is_scalar(self) -> bool:
        """Whether the value is neither a list nor a map."""
        return not isinstance(self._value, (Mapping, list, tuple))

    def describe(self) -> str:
        """Return the value in words."""
        if isinstance(self._value, Mapping):
            return describe_map([str(name) for name in self._value])
        if isinstance(self._value, (list, tuple)):
            return describe_list(len(self._value))
        if isinstance(self._value, bool) or self._value is None:
            return {True: "true", False: "false", None: "nothing"}[self._value]
        quoted = repr(self._value)
        return quoted if len(quoted) <= MAX_QUOTED_LENGTH else quoted[:MAX_QUOTED_LENGTH] + "…"

    def hint(self, expected: str) -> str:
        """Return "": Python code shows how to write a value."""
        return ""


def describe_list(length: int) -> str:
    """Return `a list of 3` or `an empty list`."""
    return f"a list of {length}" if length else "an empty list"


def describe_map(keys: Sequence[str]) -> str:
    """Return `a map of a, b` or `an empty map`; of more than three keys the first three."""
    ellipsis = ", …" if len(keys) > MAX_KEYS_QUOTED else ""
    return f"a map of {', '.join(keys[:MAX_KEYS_QUOTED])}{ellipsis}" if keys else "an empty map"


def field_errors(
    error: ValidationError, options: type[BaseModel], written: WrittenValue, *, owner: str, prefix: str | None = None
) -> list[FieldError]:
    """Return an error for each of pydantic's, in its order, without those that follow from another one.

    `written` is the value that was validated; `owner` names it in the sentences (`length`), and `prefix` begins the
    names of its fields (`length` in `length.min_words`): the owner, if it is left out.
    """
    errors = error.errors(include_url=False, include_input=False)
    start = owner if prefix is None else prefix
    locations = [_Location(options, written, details["loc"]) for details in errors]
    paths = [location.path for location in locations]
    unknown = [details["loc"] for details in errors if details["type"] == "extra_forbidden"]
    reported: dict[FieldError, None] = {}
    for location, details in zip(locations, errors, strict=True):
        if details["type"] == "missing" and _is_misspelt(details["loc"], unknown):
            continue
        if details["type"] not in ERRORS_OF_ONE_FIELD and _has_error_inside(location.path, paths):
            continue
        reported[FieldError(location.path, location.sentence(details, owner, start))] = None
    return list(reported)


def unknown_field(owner: str, name: str, allowed: Collection[str], value: object = None) -> str:
    """Return the sentence for a key that `owner` does not have, with the name it has today or the nearest one."""
    return f"{owner} has no field {name!r}{name_hint(name, allowed, value)}"


def name_hint(name: str, allowed: Collection[str], value: object = None) -> str:
    """Return `; …` with the name that a key has today, or with the nearest of the `allowed` ones.

    `value` is what was written under the key, where it is a scalar: it may have been renamed too.
    """
    new = RENAMED_FIELDS.get(name)
    if new is None or new not in allowed:
        return did_you_mean(name, allowed)
    new_value = RENAMED_VALUES.get((new, value)) if isinstance(value, str) else None
    also = "" if new_value is None else f", and its value {value!r} to {new_value!r}"
    return f"; it was renamed to {new!r}{also}"


def _is_misspelt(missing: Path, unknown: Iterable[Path]) -> bool:
    """Whether an unknown key beside a missing field is its earlier name or looks like it."""
    name = str(missing[-1])
    siblings = [str(path[-1]) for path in unknown if path[:-1] == missing[:-1]]
    return any(RENAMED_FIELDS.get(key) == name for key in siblings) or bool(
        difflib.get_close_matches(name, siblings, n=1)
    )


def _has_error_inside(path: Path, paths: Iterable[Path]) -> bool:
    """Whether a value inside of this one is wrong, so that the errors of the other branches of a union say nothing."""
    return any(len(inner) > len(path) and inner[: len(path)] == path for inner in paths)


class _Location:
    """The value that the location of a pydantic error leads to, with the type of its field.

    Parts of a location that name a branch of a union lead to no value, and are not in `path`.
    """

    def __init__(self, options: type[BaseModel], written: WrittenValue, location: Iterable[str | int]) -> None:
        self.path: Path = ()
        self._written = written
        self._type: FieldType | None = unwrapped(FieldType(options))
        self._owner_type: FieldType | None = None
        self._absent = ""
        for part in location:
            self._descend(part)

    def sentence(self, details: ErrorDetails, owner: str, prefix: str) -> str:
        """Return what is wrong with the value."""
        name = _joined(prefix, self.path)
        if details["type"] == "extra_forbidden":
            options = None if self._owner_type is None else options_in(self._owner_type)
            allowed = list(fields_of(options)) if options is not None else []
            parent = _joined(prefix, self.path[:-1]) or owner
            return unknown_field(parent, str(self.path[-1]), allowed, self._written.value)
        if details["type"] == "missing":
            return f"{name or owner} needs {self._absent!r}{self._type_of_absent()}"
        if details["type"] in CUSTOM_ERRORS:
            return self._custom_error(name, str(details["ctx"]["error"]))
        takes = describe_type(self._type) if self._type is not None else "something else"
        hint = self._renamed_value() or self._nearest_choice() or self._written.hint(takes)
        return f"{name or owner} takes {takes}, found {self._written.describe()}{hint}"

    def _custom_error(self, name: str, message: str) -> str:
        """Return the message of a validator, with the value where it is a scalar that the message does not quote."""
        sentence = f"{name}: {message}" if name else message
        description = self._written.describe()
        quotes = self._written.is_scalar and description not in message
        return f"{sentence}, found {description}" if quotes else sentence

    def _descend(self, part: str | int) -> None:
        child = self._written.child(part)
        if child is None:
            self._absent = str(part)
            return
        self._written = child
        self.path = (*self.path, part)
        self._owner_type, self._type = self._type, None if self._type is None else element_type(self._type, part)

    def _type_of_absent(self) -> str:
        kind = None if self._type is None else element_type(self._type, self._absent)
        return "" if kind is None else f", which is {describe_type(kind)}"

    def _nearest_choice(self) -> str:
        """Return `; did you mean …` where the field takes a few texts and one of them looks like the value."""
        value = self._written.value
        texts = [text for text in literals(self._type) if isinstance(text, str)] if self._type is not None else []
        nearest = difflib.get_close_matches(value, texts, n=1) if isinstance(value, str) else []
        return f"; did you mean {nearest[0]!r}?" if nearest else ""

    def _renamed_value(self) -> str:
        key = (str(self.path[-1]) if self.path else "", self._written.value)
        new = RENAMED_VALUES.get(key) if isinstance(self._written.value, str) else None
        return "" if new is None else f"; it was renamed to {new!r}"


def _joined(prefix: str, path: Path) -> str:
    return ".".join([*([prefix] if prefix else []), *map(str, path)])
