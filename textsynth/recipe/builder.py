"""Builds a recipe in Python: the same sections and the same checks as for a file, with paths in place of lines."""

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
from textsynth.core.options import Options, Step
from textsynth.core.protocols import Filter, Generator, Labeller, Selector, Source
from textsynth.core.registry import component_class, snake_case
from textsynth.core.task import Task
from textsynth.models import ModelOptions
from textsynth.recipe.env_vars import to_python
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.loader import RecipeDocument, check_document
from textsynth.recipe.recipe import Label, Recipe
from textsynth.recipe.settings import Balance, Budget, Evaluate, Export
from textsynth.recipe.steps import BASES, StepReader, incomplete_component
from textsynth.recipe.yaml_tree import (
    LONE_SURROGATE,
    MAX_DEPTH,
    MAX_NODES,
    QUOTED_LENGTH,
    Node,
    YamlList,
    YamlMap,
    YamlScalar,
    resolve_scalar,
)
from textsynth.sources.in_memory import InMemory, Rows, is_rows

ROOT = "recipe"
YAML_WIDTH = 110

RecipeValue = str | Mapping[str, Mapping[str, Any]]
"""A step as a recipe file writes it: a component's name, or the name with its options."""


class RecipeSections(TypedDict, total=False):
    """The sections of a recipe. What is left out has the defaults of a recipe file.

    A step is an object of a component's class, the class itself (all defaults), or what a file would have: the
    component's name, or a map of its name to its options. A source may also be a path, or the rows themselves: a list
    of dicts, a pandas DataFrame or a `datasets.Dataset`.
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
    want: int | str | Mapping[str, int | str | Balance | Mapping[str, int | str]]
    budget: Budget | Mapping[str, Any]
    export: Export | Mapping[str, Any]
    evaluate: Evaluate | Mapping[str, Any]


def make_recipe(*, base: str | Path = ".", **sections: Unpack[RecipeSections]) -> Recipe:
    """Return the checked recipe made of the `sections`; paths in it are relative to `base`.

    The checks are those of a file, and all issues are reported at once, each with its path:
    `filter[1].near_duplicate.similarity`. Loads no model and reads no file. The `text` of the recipe is what a file
    would contain: saved beside its data it is the same recipe for the command line, with two exceptions. Rows given
    here are written as the sha256 of their content, and steps of a class of your own by the name of the class. Raises
    RecipeError.
    """
    issues = IssueCollector()
    converter = ValueConverter(issues)
    tree = converter.convert(sections)
    folder = Path(base)
    step_reader = StepReader(folder, os.environ, issues, converter.instances)
    path = folder / f"{sections.get('name', ROOT)}.yaml"
    return check_document(path, RecipeDocument(to_yaml(tree), tree), step_reader, Position(0, ROOT))


@dataclass(slots=True)
class ValueConverter:
    """Converts Python values to the tree of a recipe.

    `instances` keeps, by their marks, the steps that no recipe file can write: objects of a user's own class, and rows.
    """

    issues: IssueCollector
    instances: dict[Position, Options] = field(default_factory=dict)
    _classes: dict[tuple[str, str], type[Options]] = field(default_factory=dict)
    _mark_count: int = 0
    _node_count: int = 0

    def convert(self, sections: Mapping[str, object]) -> YamlMap:
        """Return the tree of a recipe. A value that no recipe can hold is an issue, and a `reported` scalar there."""
        mark = self._next_mark(ROOT)
        entries, marks = {}, {}
        for name, value in sections.items():
            marks[name] = self._next_mark(name)
            entries[name] = self._convert_section(name, value, marks[name])
        return YamlMap(entries, marks, mark)

    def _convert_section(self, name: str, value: object, mark: Position) -> Node:
        if name == "task":
            return self._convert_step(name, value, mark)
        if name in ("models", "sources") and isinstance(value, Mapping):
            return self._convert_map(value, mark, name, lambda child, at: self._convert_step(name, child, at))
        if name in BASES and _is_list(value):
            steps = [
                self._convert_step(name, child, self._next_mark(f"{name}[{index}]"))
                for index, child in enumerate(value)
            ]
            return YamlList(tuple(steps), mark)
        return self._convert_value(value, mark)

    def _convert_step(self, section: str, value: object, mark: Position) -> Node:
        if section == "sources" and is_rows(value):
            try:
                value = InMemory.of(cast("Rows", value))
            except UsageError as error:
                return self._report(mark, str(error))
        if isinstance(value, type) and issubclass(value, Options):
            try:
                value = value()
            except RecipeError as error:
                return self._report(mark, str(error))
        if isinstance(value, Options):
            return self._convert_object(section, value, mark)
        return self._convert_value(value, mark)

    def _convert_object(self, section: str, step: Options, mark: Position) -> Node:
        """Return the step that an object describes, as a recipe writes it."""
        cls, base = type(step), BASES[section]
        if not issubclass(cls, base):
            return self._report(mark, f"{section} takes a {base.__name__}, found {cls.__name__}")
        reason = incomplete_component(cls, base)
        if reason is not None:
            return self._report(mark, reason)
        is_bundled = component_class(section, snake_case(cls.__name__)) is cls
        if section == "task" and not is_bundled:
            return self._report(
                mark,
                f"a task of your own must be in a file, because `export` and `evaluate` load it again: write the class "
                f"{cls.__name__} to a file beside the recipe, and give its path, as in "
                f"task='./{snake_case(cls.__name__)}.py'",
            )
        name = snake_case(cls.__name__) if is_bundled else cls.__name__
        if self._classes.setdefault((section, name), cls) is not cls:
            return self._report(mark, f"{section} has another class called {name!r}: rename one")
        if not is_bundled or isinstance(step, InMemory):
            self.instances[mark] = step
        name_mark = self._next_mark(f"{mark.where}.{name}")
        return YamlMap({name: self._convert_value(step.as_recipe(), name_mark)}, {name: name_mark}, mark)

    def _convert_value(self, value: object, mark: Position, depth: int = 0) -> Node:
        self._node_count += 1
        if depth > MAX_DEPTH or self._node_count > MAX_NODES:
            self.issues.fail(mark, f"a recipe is at most {MAX_DEPTH} deep and has at most {MAX_NODES:,} values")
        if isinstance(value, Label):
            value = {"description": value.description} if value.want is None else value._asdict()
        if isinstance(value, Options) and not isinstance(value, Step):
            value = value.as_recipe()
        if isinstance(value, Mapping):
            return self._convert_map(
                value, mark, mark.where, lambda child, at: self._convert_value(child, at, depth + 1)
            )
        if _is_list(value):
            children = [
                self._convert_value(child, self._next_mark(f"{mark.where}[{index}]"), depth + 1)
                for index, child in enumerate(value)
            ]
            return YamlList(tuple(children), mark)
        return self._convert_scalar(value, mark)

    def _convert_map(
        self, value: Mapping[object, object], mark: Position, path: str, convert: Callable[[object, Position], Node]
    ) -> Node:
        entries, marks = {}, {}
        for name, child in value.items():
            key_mark = self._next_mark(f"{path}.{name}")
            if not isinstance(name, str):
                self.issues.add(
                    key_mark, f'a key is a name, found {name!r}, which is no text: write "{name}" in quotes'
                )
                continue
            marks[name] = key_mark
            entries[name] = convert(child, key_mark)
        return YamlMap(entries, marks, mark)

    def _convert_scalar(self, value: object, mark: Position) -> YamlScalar:
        if isinstance(value, PurePath):
            value = str(value)
        if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
            value = value.item()  # a number of numpy
        if isinstance(value, str):
            if LONE_SURROGATE.search(value):
                return self._report(
                    mark, "this text contains half of a character (a lone surrogate, \\ud800 to \\udfff)"
                )
            return YamlScalar(str(value), str(value), mark)
        if isinstance(value, float) and not math.isfinite(value):
            return self._report(mark, f"a number is finite, found {value}")
        if value is None or isinstance(value, (bool, int, float)):
            text = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            return YamlScalar(value, text, mark)
        return self._report(
            mark, f"a recipe holds text, numbers, true and false, lists and maps, found {value!r:.{QUOTED_LENGTH}}"
        )

    def _report(self, mark: Position, sentence: str) -> YamlScalar:
        self.issues.add(mark, sentence)
        return YamlScalar(None, "", mark, reported=True)

    def _next_mark(self, path: str) -> Position:
        self._mark_count += 1
        return Position(self._mark_count, path)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def to_yaml(tree: YamlMap) -> str:
    """Return the tree as YAML: sections in their order, short lists and maps on one line, ambiguous texts in quotes."""
    return yaml.dump(
        to_python(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=YAML_WIDTH, default_flow_style=None
    )


class _Dumper(yaml.SafeDumper):
    """Quotes texts on which YAML readers disagree, writes numbers without an exponent, and writes no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    resolved = resolve_scalar(text)
    plain = resolved.value == text and resolved.ambiguity is None and text != ""
    style = "|" if "\n" in text else None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_float(dumper: yaml.SafeDumper, number: float) -> yaml.ScalarNode:
    text = repr(number)
    plain = text if "e" not in text else f"{Decimal(text):f}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", plain if "." in plain else f"{plain}.0")


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_float)
