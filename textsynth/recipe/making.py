"""A recipe made in Python: the same sections, the same checks, a path in place of each line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, Unpack

from textsynth.core.protocols import Filter, Generator, Labeller, Selector, Source
from textsynth.models import ModelOptions
from textsynth.recipe.document import Document
from textsynth.recipe.items import Reader
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.reading import checked
from textsynth.recipe.recipe import Label, Recipe
from textsynth.recipe.settings import Budget, Evaluate, Export, Task
from textsynth.recipe.values import WHOLE, Values
from textsynth.recipe.writing import as_yaml
from textsynth.sources.given import Rows

Written = str | Mapping[str, Mapping[str, Any]]
"""An item as a recipe writes it: its name, or its name with its fields."""


class RecipeSections(TypedDict, total=False):
    """The sections of a recipe. What is left out has the defaults of a recipe file.

    An item is an object of its class, the class itself (all defaults), or what a file would have: its name, or a map
    of its name to its fields. A source may also be a path, or the rows themselves: a list of dicts, a pandas
    DataFrame or a `datasets.Dataset`.
    """

    version: int
    name: str
    task: Task
    language: str
    seed: int
    many: bool
    embedder: str
    pool: float
    labels: Mapping[str, str | Label | Mapping[str, str | int]]
    models: Mapping[str, Written | ModelOptions | type[ModelOptions]]
    sources: Mapping[
        str, Written | Path | Source | Rows
    ]  # fmt: skip
    generate: Sequence[Written | Generator | type[Generator]]
    filter: Sequence[Written | Filter | type[Filter]]
    label: Sequence[Written | Labeller | type[Labeller]]
    select: Sequence[Written | Selector | type[Selector]]
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
    mistakes = Mistakes()
    values = Values(mistakes)
    tree = values.tree(sections)
    folder = Path(base)
    reader = Reader(folder, os.environ, mistakes, values.made)
    name = sections.get("name", WHOLE)
    return checked(folder / f"{name}.yaml", Document(as_yaml(tree), tree), reader, Mark(0, WHOLE))
