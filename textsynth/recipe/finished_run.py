"""The recipe and the source rows of a finished run, read again: a run's folder holds no rows of its sources."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from textsynth.core.errors import UsageError
from textsynth.core.protocols import Source
from textsynth.recipe.loader import read_recipe
from textsynth.recipe.pinning import pinned_as_run
from textsynth.recipe.recipe import Recipe
from textsynth.sources.locations import is_url, local_paths
from textsynth.store.manifest import Manifest

MAX_REPORT_BYTES = 20_000_000
"""A report reads the rows of smaller files only, so that it takes no longer than the run's own data set."""


class SourceRow(NamedTuple):
    """A row of a source: its position among the source's rows, counted from 1, and its text."""

    source: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """Where the row is: `row 3 of seeds`."""
        return f"row {self.number} of {self.source}"


def recipe_of_run(folder: Path, manifest: Manifest) -> Recipe | None:
    """Return the run's recipe if its file is still there and unchanged, else None."""
    info = manifest["recipe"]
    path = folder / info["path"]
    if not path.is_file():
        return None
    try:
        recipe = read_recipe(path, info["sets"])
    except UsageError:
        return None
    return pinned_as_run(recipe, manifest["sources"]) if recipe.hash == info["hash"] else None


def source_rows_of_run(
    folder: Path, manifest: Manifest, ids: Collection[str], *, max_bytes: int | None = None
) -> dict[str, SourceRow]:
    """Return those of the rows with these ids that are in a local file of the run's recipe, by id.

    `max_bytes`: larger files are not read. Rows of a recipe or a file that has changed or is gone are left out.
    """
    recipe = recipe_of_run(folder, manifest) if ids else None
    found: dict[str, SourceRow] = {}
    missing = set(ids)
    for name, source in recipe.sources.items() if recipe is not None else ():
        if recipe is None or not missing or not _is_local(source, recipe.base, max_bytes):
            continue
        try:
            rows = source.rows(recipe.base, name=name, seed=recipe.seed)
        except UsageError:
            continue
        for number, row in enumerate(rows, start=1):
            if row.id in missing:
                found[row.id] = SourceRow(name, number, row.text)
                missing.discard(row.id)
                if not missing:
                    break
    return found


def _is_local(source: Source, base: Path, max_bytes: int | None) -> bool:
    """Return whether the rows are in a file or folder here, of at most `max_bytes`."""
    path = source.origin.path
    if path is None or is_url(path) or source.missing_file(base) is not None:
        return False
    files = [
        file for each in local_paths(path, base) for file in ([each, *each.rglob("*")] if each.is_dir() else [each])
    ]
    return max_bytes is None or sum(file.stat().st_size for file in files if file.is_file()) <= max_bytes
