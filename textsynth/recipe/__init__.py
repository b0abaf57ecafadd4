"""The recipe: from YAML to checked steps, with the line of every issue."""

from __future__ import annotations

from textsynth.recipe.builder import RecipeSections, make_recipe
from textsynth.recipe.json_schema import schema
from textsynth.recipe.loader import read_recipe
from textsynth.recipe.recipe import Label, NamedStep, Recipe
from textsynth.recipe.references import references_in
from textsynth.recipe.settings import Budget, Evaluate, Export
from textsynth.recipe.source_checks import check_sources

__all__ = [
    "Budget",
    "Evaluate",
    "Export",
    "Label",
    "NamedStep",
    "Recipe",
    "RecipeSections",
    "check_sources",
    "make_recipe",
    "read_recipe",
    "references_in",
    "schema",
]
