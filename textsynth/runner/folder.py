"""The folder of a run, before anything is requested: whether it may be written, and whose run it holds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from textsynth.core.errors import RunError, UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.paths import path_fault
from textsynth.recipe import Recipe
from textsynth.review.pending import FILE as PENDING
from textsynth.store.atomic import OWNER_ONLY_FOLDER
from textsynth.store.dataset_hash import DATASET
from textsynth.store.decisions import FILE as DECISIONS
from textsynth.store.evaluation import FILE as EVALUATION
from textsynth.store.journal.file import refuse_other_file
from textsynth.store.manifest import FILE as MANIFEST
from textsynth.store.manifest import read_manifest
from textsynth.store.owned_files import OwnedFiles, RunIdentity

REPORT = "report.html"
REPLACED = (DATASET, MANIFEST, EVALUATION, PENDING, REPORT)
"""What a run replaces in its folder, if an earlier run here wrote it."""


def check_folder(folder: Path, recipe: Recipe, *, fresh: bool) -> None:
    """Raise UsageError where a run of `recipe` would replace something that is not ours; changes nothing.

    That is a file that no run here wrote, or that was changed since, and the run of a recipe with another name or
    other labels, unless the run is a `fresh` one. Also where no folder can have this path.
    """
    fault = path_fault(folder)
    if fault is not None:
        raise UsageError(f"the run's folder: {fault}; name another one")
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"{folder}: is a file, and a run needs a folder; name another one with --out")
    if not folder.is_dir():
        return
    files = OwnedFiles(folder)
    refuse_other_file(folder)
    if (folder / DECISIONS).is_symlink():
        raise UsageError(f"{folder / DECISIONS}: is a symbolic link, and decisions are kept there; name another --out")
    files.refuse_obstacles(REPLACED)
    earlier = files.run or _identity_in_manifest(folder)
    if earlier is not None and not fresh:
        _refuse_other_run(folder, recipe, earlier)


def start_in(folder: Path, recipe: Recipe, log: Callable[[str], None]) -> None:
    """Note whose run the folder holds from now on, and log what the run will replace at its end."""
    files = OwnedFiles(folder)
    files.set_run(RunIdentity(recipe.name, tuple(sorted(recipe.labels))))
    replaced = [name for name in REPLACED if (folder / name).exists()]
    if replaced:
        log(f"{', '.join(replaced)} of the last run in {folder} will be replaced at the end of this one")


def make_folder(folder: Path) -> None:
    """Create the folder of a run, readable by its owner only. Raises RunError where that is not possible."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=OWNER_ONLY_FOLDER, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{folder}: the run's folder cannot be made: {_obstacle(folder) or error.strerror}; give another one with "
            "--out"
        ) from error


def _obstacle(folder: Path) -> str:
    """Return what has the path of the folder or of one above it, "" where nothing does."""
    for path in (folder, *folder.parents):
        if path.is_symlink() and not path.exists():
            return f"{path} is a symbolic link that leads nowhere"
        if path.exists() and not path.is_dir():
            return f"{path} is a file"
    return ""


def _identity_in_manifest(folder: Path) -> RunIdentity | None:
    try:
        manifest = read_manifest(folder)
    except UsageError:
        return None  # no readable manifest, so nothing is known about the run
    return RunIdentity(manifest["name"], tuple(sorted(manifest["labels"])))


def _refuse_other_run(folder: Path, recipe: Recipe, earlier: RunIdentity) -> None:
    remedy = "--fresh replaces its data set and keeps its journal under another name, --out names another folder"
    if earlier.name != recipe.name:
        raise UsageError(
            f"{folder}: holds a run of the recipe {earlier.name!r}, and this one is {recipe.name!r}; {remedy}"
        )
    here, before = set(recipe.labels), set(earlier.labels)
    if here != before:
        changes = [
            f"{sign} {', '.join(sorted(labels))}"
            for sign, labels in (("without", before - here), ("with", here - before))
            if labels
        ]
        raise UsageError(
            f"{folder}: holds a run of {recipe.name!r} with {pluralize(len(before), 'label')}, and this one has other "
            f"labels ({' and '.join(changes)}); {remedy}"
        )
