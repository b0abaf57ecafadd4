"""Reads a recipe: the document, its sections, what must hold between them; all mistakes at once."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, cast

from textsynth.core.options import Options
from textsynth.core.paths import recipe_path
from textsynth.core.protocols import Source
from textsynth.recipe.checking import check_between
from textsynth.recipe.defaults import POOL_WITH_DIVERSE
from textsynth.recipe.document import Document, read_document
from textsynth.recipe.items import Reader, Written
from textsynth.recipe.mistakes import Mark, Mistakes
from textsynth.recipe.nodes import Map
from textsynth.recipe.recipe import Item, Recipe
from textsynth.recipe.sections import Sections, read_sections

Step = TypeVar("Step", bound=Options)


def read_recipe(path: str | Path, sets: Sequence[str] = ()) -> Recipe:
    """Return the checked recipe in the file `path`, with `--set` options such as `want.label=20` put in.

    A bare name that is no file is a bundled recipe (`quickstart`). Loads no model, reads no row. Raises
    RecipeError with every mistake, in the order of their lines.
    """
    path = recipe_path(Path(path))
    mistakes = Mistakes()
    document = read_document(path, sets, mistakes)
    return checked(path, document, Reader(path.parent, os.environ, mistakes), Mark(0, str(path)), tuple(sets))


def checked(path: Path, document: Document, reader: Reader, file: Mark, sets: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe that a document holds; `file` is the place of what it leaves out. Raises RecipeError."""
    sections = read_sections(document.tree, reader, file)
    check_between(sections, reader.base, reader.mistakes)
    reader.mistakes.stop()
    return _recipe(path, document, sections, sets)


def _recipe(path: Path, document: Document, sections: Sections, sets: tuple[str, ...]) -> Recipe:
    settings, lists = sections.settings, sections.lists
    pool = settings.pool
    if pool is None:
        pool = POOL_WITH_DIVERSE if any(one.item == "diverse" for one in lists["select"]) else 1.0
    return Recipe(
        path=path,
        base=path.parent,
        name=settings.name or _folder_name(path.stem),
        version=settings.version,
        task=settings.task,
        language=settings.language,
        seed=settings.seed,
        many=settings.many,
        embedder=settings.embedder,
        labels=sections.labels,
        models=sections.models,
        sources={name: cast("Source", one.step) for name, one in sections.sources.items() if one is not None},
        generate=_items(lists["generate"]),
        filter=_items(lists["filter"]),
        label=_items(lists["label"]),
        select=_items(lists["select"]),
        want=sections.want,
        budget=sections.budget,
        pool=pool,
        export=sections.export,
        evaluate=sections.evaluate,
        sets=sets,
        text=document.text,
        hash=document.hash,
        places=_places(document.tree),
    )


def _items(written: Sequence[Written]) -> tuple[Item[Step], ...]:
    return tuple(Item(one.name, cast("Step", one.step), one.mark.where) for one in written)


def _places(tree: Map) -> dict[str, str]:
    places = {name: mark.where for name, mark in tree.marks.items()}
    for section in ("labels", "models", "sources"):
        node = tree.entries.get(section)
        if isinstance(node, Map):
            places |= {f"{section}.{name}": mark.where for name, mark in node.marks.items()}
    return places


def _folder_name(stem: str) -> str:
    """Return the file's name as a folder's name: letters, digits, `.`, `_` and `-` only."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:64] or "recipe"
