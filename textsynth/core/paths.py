"""The paths of the bundled prompts and recipes, and of the cache folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from textsynth.core.errors import UsageError, did_you_mean

PACKAGE = Path(__file__).resolve().parents[1]
RECIPE_SUFFIX = ".yaml"
RECIPE_FILE = "recipe.yaml"


def bundled_folder(folder: Literal["prompts", "recipes"]) -> Path:
    """Return the folder of the bundled prompts or recipes: inside an installed wheel, or beside the package.

    An editable install has no copy inside the package, so the repository's own folder is taken. Raises UsageError where
    neither exists, which means that the installation is broken.
    """
    installed, editable = PACKAGE / "bundled" / folder, PACKAGE.parent / folder
    for path in (installed, editable):
        if path.is_dir():
            return path
    raise UsageError(
        f"the bundled {folder} are missing, looked for {installed} and {editable}: install TextSynth again"
    )  # fmt: skip


def recipe_names() -> list[str]:
    """Return the names of the bundled recipes, sorted: `textsynth run NAME` takes them."""
    return sorted(path.stem for path in bundled_folder("recipes").glob(f"*{RECIPE_SUFFIX}"))


def recipe_path(path: Path) -> Path:
    """Return the file of the bundled recipe that `path` names (`quickstart`), else `path` itself.

    An existing file or folder of that name comes before a bundled recipe, and so does a path with a folder or suffix.
    """
    if len(path.parts) != 1 or path.suffix or path.exists():
        return path
    bundled = bundled_folder("recipes") / f"{path.name}{RECIPE_SUFFIX}"
    return bundled if bundled.is_file() else path


def recipe_files(name: str) -> dict[str, str]:
    """Return the text of a bundled recipe under `recipe.yaml`, and of every data file that it names, by file name.

    Raises UsageError with the nearest name where there is no such recipe.
    """
    folder, names = bundled_folder("recipes"), recipe_names()
    if name not in names:
        raise UsageError(f"there is no bundled recipe {name!r}{did_you_mean(name, names)}")
    text = (folder / f"{name}{RECIPE_SUFFIX}").read_text(encoding="utf-8")
    data_files = [path for path in sorted(folder.iterdir()) if path.suffix != RECIPE_SUFFIX and path.name in text]
    copied = text.replace(f"textsynth run {name}", f"textsynth run {RECIPE_FILE}")
    return {RECIPE_FILE: copied, **{path.name: path.read_text(encoding="utf-8") for path in data_files}}


def cache_folder() -> Path:
    """Return the user's cache folder for TextSynth: `$XDG_CACHE_HOME/textsynth`, else `~/.cache/textsynth`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "textsynth"
