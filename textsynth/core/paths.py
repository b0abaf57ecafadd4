"""The paths of the bundled prompts and recipes, and of the cache folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from textsynth.core.errors import UsageError, did_you_mean

PACKAGE = Path(__file__).resolve().parents[1]
RECIPE_SUFFIX = ".yaml"
RECIPE_FILE = "recipe.yaml"
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4095
"""The limits of Linux; other systems have the same or lower ones."""
MAX_SHOWN = 24


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


def path_fault(path: str | Path) -> str | None:
    """Return what prevents a file from having this path, as a sentence without its beginning; None where nothing does.

    That is a control character, such as NUL or the end of a line, or a name or path that is longer than any may be.
    """
    text = str(path)
    if any(character < " " or character == "\x7f" for character in text):
        return f"a path has no control characters or line breaks, found {_shortened(text)}"
    limits = [("the name of a file or folder", name, MAX_NAME_BYTES) for name in Path(text).parts]
    for subject, value, limit in (*limits, ("a path", text, MAX_PATH_BYTES)):
        size = len(value.encode("utf-8", "surrogatepass"))
        if size > limit:
            return f"{subject} has at most {limit:,} bytes, found {_shortened(value)} with {size:,}"
    return None


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 2 * MAX_SHOWN else f"{text[:MAX_SHOWN]}…{text[-MAX_SHOWN:]}")


def cache_folder() -> Path:
    """Return the user's cache folder for TextSynth: `$XDG_CACHE_HOME/textsynth`, else `~/.cache/textsynth`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "textsynth"
