"""From pydantic's errors to sentences of ours: where it stands, what the field takes, what was found."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from textsynth.core.errors import did_you_mean
from textsynth.core.options import Options
from textsynth.recipe.env_vars import expand_variables
from textsynth.recipe.field_types import FieldType, describe_type, element_type, fields_of, options_in, unwrap
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.yaml_tree import Node, YamlList, YamlMap, YamlScalar, describe_node

Checked = TypeVar("Checked", bound=Options)
OUR_OWN = ("value_error", "assertion_error")
OF_ITS_OWN = ("missing", "extra_forbidden", *OUR_OWN)


def validate(
    cls: type[Checked], node: YamlMap, owner: str, environment: Mapping[str, str], mistakes: IssueCollector
) -> Checked | None:
    """Return the options that the map `node` describes, or None after noting every mistake in it.

    `owner` begins the names of fields in the sentences (`length` in `length.min_words`); "" for plain settings.
    """
    before = len(mistakes)
    text = json.dumps(expand_variables(node, environment, mistakes))
    try:
        checked = cls.model_validate_json(text)
    except ValidationError as fault:
        unset = len(mistakes) > before
        for mark, sentence in _complaints(fault, cls, node, owner, unset=unset):
            mistakes.add(mark, sentence)
        return None
    return checked if len(mistakes) == before else None


def unknown_key(name: str, owner: str, known: list[str]) -> str:
    """Return the sentence for a key that the `known` ones do not have."""
    what = f"{owner} has no field" if owner else "a recipe has no section"
    return f"{what} {name!r}{did_you_mean(name, known)}"


def _complaints(
    fault: ValidationError, cls: type[Options], root: YamlMap, owner: str, *, unset: bool
) -> Iterator[tuple[Position, str]]:
    """Yield places and sentences; what only follows from an unset variable or a misspelt key is left out."""
    errors = fault.errors(include_url=False, include_input=False)
    unknown = {error["loc"] for error in errors if error["type"] == "extra_forbidden"}
    spots = [(_Spot(cls, root, owner, error["loc"]), error) for error in errors]
    paths = [spot.path for spot, _ in spots]
    for spot, error in spots:
        known = isinstance(spot.node, YamlScalar) and (spot.node.reported or (unset and "${" in spot.node.text))
        follows = error["type"] == "missing" and _misspelt(error["loc"], unknown)
        if not known and not follows and (error["type"] in OF_ITS_OWN or not _told_deeper(spot.path, paths)):
            yield spot.mark, spot.sentence(error)


def _misspelt(missing: tuple[str | int, ...], unknown: Iterable[tuple[str | int, ...]]) -> bool:
    """Whether one of the unknown keys beside a missing one looks like it."""
    beside = [str(path[-1]) for path in unknown if path[:-1] == missing[:-1]]
    return bool(difflib.get_close_matches(str(missing[-1]), beside, n=1))


def _told_deeper(path: list[str], paths: Iterable[list[str]]) -> bool:
    """Whether something inside is wrong: then the other branches of a union have nothing to say of the whole."""
    return any(len(other) > len(path) and other[: len(path)] == path for other in paths)


class _Spot:
    """A place in the tree that pydantic's path leads to, and the kind of value that belongs there."""

    def __init__(self, cls: type[Options], root: YamlMap, owner: str, loc: Iterable[str | int]) -> None:
        self.node: Node = root
        self.mark = root.mark
        self._kind: FieldType | None = unwrap(FieldType(cls))
        self._outer: FieldType | None = None
        self.path = [owner] if owner else []
        self._absent: str | None = None
        for part in loc:
            self._enter(part)

    def sentence(self, error: ErrorDetails) -> str:
        """Return what is wrong at this spot."""
        name = ".".join(self.path)
        if error["type"] == "extra_forbidden":
            options = None if self._outer is None else options_in(self._outer)
            return unknown_key(self.path[-1], ".".join(self.path[:-1]), list(fields_of(options)) if options else [])
        if error["type"] == "missing":
            return f"{name or 'the recipe'} needs {self._absent!r}{self._about(self._absent)}"
        if error["type"] in OUR_OWN:
            wrong = str(error["ctx"]["error"])
            return f"{name}: {wrong}" + (
                f", found {describe_node(self.node)}" if isinstance(self.node, YamlScalar) else ""
            )
        takes = describe_type(self._kind) if self._kind is not None else "something else"
        return f"{name or 'the recipe'} takes {takes}, found {describe_node(self.node)}{self._hint(takes)}"

    def _enter(self, part: str | int) -> None:
        """Go one step down; parts that name a branch of a union lead nowhere and are passed over."""
        if isinstance(self.node, YamlMap) and part in self.node.entries:
            self.mark, child = self.node.marks[str(part)], self.node.entries[str(part)]
        elif isinstance(self.node, YamlList) and isinstance(part, int) and part < len(self.node.items):
            child = self.node.items[part]
            self.mark = child.mark
        else:
            self._absent = str(part)
            return
        self.node = child
        self.path.append(str(part))
        self._outer, self._kind = self._kind, None if self._kind is None else element_type(self._kind, part)

    def _about(self, field: str | None) -> str:
        kind = None if self._kind is None or field is None else element_type(self._kind, field)
        return "" if kind is None else f", which is {describe_type(kind)}"

    def _hint(self, takes: str) -> str:
        if not isinstance(self.node, YamlScalar) or self.node.value is None:
            return ""
        if takes.startswith("text") and not isinstance(self.node.value, str):
            return f': write "{self.node.text}" in quotes'
        if "number" in takes and isinstance(self.node.value, str) and self.node.text.strip("0123456789.-") == "":
            return f": write {self.node.text} without quotes"
        return ""
