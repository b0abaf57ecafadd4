"""A recipe made in Python: the same sections, the same checks, a path in place of each line."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any, TypedDict, TypeGuard, Unpack, cast

import yaml

from textsynth.core.errors import RecipeError, UsageError
from textsynth.core.options import Options
from textsynth.core.protocols import Filter, Generator, Labeller, Selector, Source, Step
from textsynth.core.registry import component_class, snake_case
from textsynth.core.task import Task
from textsynth.models import ModelOptions
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.items import BASES, StepReader, incomplete_component
from textsynth.recipe.loader import RecipeDocument, checked
from textsynth.recipe.recipe import Label, Recipe
from textsynth.recipe.settings import Budget, Evaluate, Export
from textsynth.recipe.yaml_tree import (
    FOUND_LENGTH,
    LONE_SURROGATE,
    MAX_DEPTH,
    MAX_NODES,
    Node,
    YamlList,
    YamlMap,
    YamlScalar,
    resolve_scalar,
)
from textsynth.sources.in_memory import InMemory, Rows, is_rows

RecipeValue = str | Mapping[str, Mapping[str, Any]]
"""An item as a recipe writes it: its name, or its name with its fields."""


class RecipeSections(TypedDict, total=False):
    """The sections of a recipe. What is left out has the defaults of a recipe file.

    An item is an object of its class, the class itself (all defaults), or what a file would have: its name, or a map
    of its name to its fields. A source may also be a path, or the rows themselves: a list of dicts, a pandas
    DataFrame or a `datasets.Dataset`.
    """

    version: int
    name: str
    task: RecipeValue | Task | type[Task]
    language: str
    seed: int
    multi_label: bool
    embedder: str
    oversample: float
    labels: Mapping[str, str | Label | Mapping[str, str | int]]
    models: Mapping[str, RecipeValue | ModelOptions | type[ModelOptions]]
    sources: Mapping[
        str, RecipeValue | Path | Source | Rows
    ]  # fmt: skip
    generate: Sequence[RecipeValue | Generator | type[Generator]]
    filter: Sequence[RecipeValue | Filter | type[Filter]]
    label: Sequence[RecipeValue | Labeller | type[Labeller]]
    select: Sequence[RecipeValue | Selector | type[Selector]]
    want: int | str | Mapping[str, int | str]
    budget: Budget | Mapping[str, Any]
    export: Export | Mapping[str, Any]
    evaluate: Evaluate | Mapping[str, Any]


def make_recipe(*, base: str | Path = ".", **sections: Unpack[RecipeSections]) -> Recipe:
    """Return the checked recipe that the `sections` make; paths in it are relative to `base`.

    The same checks as for a file, all mistakes at once, each with its place: `filter[1].near_duplicate.similarity`.
    Loads no model, reads no file. Its `text` is the recipe as a file would have it: saved beside its data it is the
    same recipe for the command line, with two exceptions: rows given here stand in it as the sha256 of their content,
    and items of a class of one's own by the name of the class. Raises RecipeError.
    """
    mistakes = IssueCollector()
    values = ValueReader(mistakes)
    tree = values.tree(sections)
    folder = Path(base)
    reader = StepReader(folder, os.environ, mistakes, values.made)
    name = sections.get("name", WHOLE)
    return checked(folder / f"{name}.yaml", RecipeDocument(as_yaml(tree), tree), reader, Position(0, WHOLE))


WHOLE = "recipe"


@dataclass(slots=True)
class ValueReader:
    """Turns values into nodes; `made` keeps, by their marks, the items that no recipe file could write."""

    mistakes: IssueCollector
    made: dict[Position, Options] = field(default_factory=dict)
    _classes: dict[tuple[str, str], type[Options]] = field(default_factory=dict)
    _marks: int = 0
    _nodes: int = 0

    def tree(self, sections: Mapping[str, object]) -> YamlMap:
        """Return the tree of a recipe. What cannot stand in one is noted, and is a `noted` scalar there."""
        mark = self._mark(WHOLE)
        entries, marks = {}, {}
        for name, value in sections.items():
            marks[name] = self._mark(name)
            entries[name] = self._section(name, value, marks[name])
        return YamlMap(entries, marks, mark)

    def _section(self, name: str, value: object, mark: Position) -> Node:
        if name in ("models", "sources") and isinstance(value, Mapping):
            return self._map(value, mark, name, lambda one, at: self._item(name, one, at))
        if name in BASES and _is_list(value):
            items = [self._item(name, one, self._mark(f"{name}[{place}]")) for place, one in enumerate(value)]
            return YamlList(tuple(items), mark)
        return self._node(value, mark)

    def _item(self, section: str, value: object, mark: Position) -> Node:
        if section == "sources" and is_rows(value):
            try:
                value = InMemory.of(cast("Rows", value))
            except UsageError as fault:
                return self._wrong(mark, str(fault))
        if isinstance(value, type) and issubclass(value, Options):
            try:
                value = value()
            except RecipeError as fault:
                return self._wrong(mark, str(fault))
        if isinstance(value, Options):
            return self._object(section, value, mark)
        return self._node(value, mark)

    def _object(self, section: str, step: Options, mark: Position) -> Node:
        """Return the item that an object is, as a recipe writes it."""
        cls = type(step)
        if not issubclass(cls, BASES[section]):
            return self._wrong(mark, f"{section} takes a {BASES[section].__name__}, found {cls.__name__}")
        lacking = incomplete_component(cls, BASES[section])
        if lacking is not None:
            return self._wrong(mark, lacking)
        own = component_class(section, snake_case(cls.__name__)) is not cls
        name = cls.__name__ if own else snake_case(cls.__name__)
        if self._classes.setdefault((section, name), cls) is not cls:
            return self._wrong(mark, f"{section} has another class called {name!r}: rename one")
        if own or isinstance(step, InMemory):
            self.made[mark] = step
        at = self._mark(f"{mark.where}.{name}")
        return YamlMap({name: self._node(step.as_recipe(), at)}, {name: at}, mark)

    def _node(self, value: object, mark: Position, depth: int = 0) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            self.mistakes.fail(mark, f"a recipe is at most {MAX_DEPTH} deep and has at most {MAX_NODES:,} values")
        if isinstance(value, Label):
            value = {"description": value.description} if value.want is None else value._asdict()
        if isinstance(value, Options) and not isinstance(value, Step):
            value = value.as_recipe()
        if isinstance(value, Mapping):
            return self._map(value, mark, mark.where, lambda one, at: self._node(one, at, depth + 1))
        if _is_list(value):
            each = [self._node(one, self._mark(f"{mark.where}[{place}]"), depth + 1) for place, one in enumerate(value)]
            return YamlList(tuple(each), mark)
        return self._scalar(value, mark)

    def _map(
        self, value: Mapping[object, object], mark: Position, path: str, each: Callable[[object, Position], Node]
    ) -> Node:
        entries, marks = {}, {}
        for name, one in value.items():
            at = self._mark(f"{path}.{name}")
            if not isinstance(name, str):
                self.mistakes.add(at, f'a key is a name, found {name!r}, which is no text: write "{name}" in quotes')
                continue
            marks[name] = at
            entries[name] = each(one, at)
        return YamlMap(entries, marks, mark)

    def _scalar(self, value: object, mark: Position) -> YamlScalar:
        if isinstance(value, PurePath):
            value = str(value)
        if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
            value = value.item()  # a number of numpy's
        if isinstance(value, str):
            if LONE_SURROGATE.search(value):
                return self._wrong(mark, "this text holds half of a character (a lone surrogate, \\ud800 to \\udfff)")
            return YamlScalar(str(value), str(value), mark)
        if isinstance(value, float) and not math.isfinite(value):
            return self._wrong(mark, f"a number is finite, found {value}")
        if value is None or isinstance(value, (bool, int, float)):
            text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            return YamlScalar(value, text, mark)
        return self._wrong(
            mark, f"a recipe holds text, numbers, true and false, lists and maps, found {value!r:.{FOUND_LENGTH}}"
        )

    def _wrong(self, mark: Position, sentence: str) -> YamlScalar:
        self.mistakes.add(mark, sentence)
        return YamlScalar(None, "", mark, noted=True)

    def _mark(self, where: str) -> Position:
        self._marks += 1
        return Position(self._marks, where)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


WIDTH = 110


def as_yaml(tree: YamlMap) -> str:
    """Return the tree as YAML: sections in their order, short lists and maps in one line, traps in quotes."""
    return yaml.dump(
        to_python(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML readers disagree about, writes every number without an exponent, and knows no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    found = resolve_scalar(text)
    style = "|" if "\n" in text else None if found.value == text and found.trap is None and text else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _number(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    text = repr(number)
    plain = text if "e" not in text else f"{Decimal(text):f}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", plain if "." in plain else f"{plain}.0")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)
