"""Finds a prompt by name: in the recipe's folder, then in its folder `prompts`, then among the bundled prompts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from textsynth.core.errors import PromptError, did_you_mean
from textsynth.core.paths import bundled_folder, path_fault
from textsynth.prompts.prompt import SUFFIX, Prompt, load_prompt

MODES = ("chat", "completion")
MAX_NAME_LENGTH = 200
QUOTED_LENGTH = 60


def find_prompt(name: str, mode: Literal["chat", "completion"], recipe_folder: Path) -> Prompt:
    """Return the prompt `name` for a model of the given mode.

    In each folder `NAME.MODE.jinja` takes precedence over `NAME.jinja`. A name that ends with `.jinja` is a path,
    relative to `recipe_folder`. Raises PromptError where there is no such prompt (with the nearest name), and where
    the prompt has errors.
    """
    if len(Path(name).name) > MAX_NAME_LENGTH or "\n" in name or "{" in name:
        raise PromptError(
            f"a prompt is named by its file, but the text of a prompt was given: {_quote(name)}; write the text into"
            f" {recipe_folder / 'prompts' / 'mine'}{SUFFIX} and give the name 'mine'"
        )
    fault = path_fault(name)
    if fault is not None:
        raise PromptError(f"a prompt is named by its file: {fault}")
    folders = _folders(recipe_folder)
    if name.endswith(SUFFIX):
        if not (recipe_folder / name).exists():
            raise PromptError(_no_such_file(name, mode, recipe_folder, folders))
        return load_prompt(recipe_folder / name)
    if name:
        path = _find_file(name, mode, folders)
        if path is not None:
            return load_prompt(path)
    raise PromptError(_no_such_prompt(name, mode, folders))


def prompt_names(recipe_folder: Path | None = None) -> list[str]:
    """Return the names of all prompts that can be found, sorted, without their modes."""
    return _names_in(_folders(recipe_folder))


def _folders(recipe_folder: Path | None) -> list[Path]:
    own = [] if recipe_folder is None else [recipe_folder, recipe_folder / "prompts"]
    return [*own, bundled_folder("prompts")]


def _prompt_name(path: Path) -> str:
    """Return the name of a prompt file without its mode and suffix."""
    stem = path.name.removesuffix(SUFFIX)
    base, _, mode = stem.rpartition(".")
    return base if mode in MODES and base else stem


def _names_in(folders: Iterable[Path]) -> list[str]:
    files = (path for folder in folders if folder.is_dir() for path in folder.glob(f"*{SUFFIX}"))
    return sorted({_prompt_name(path) for path in files})


def _find_file(name: str, mode: str, folders: Iterable[Path]) -> Path | None:
    candidates = (folder / file for folder in folders for file in (f"{name}.{mode}{SUFFIX}", f"{name}{SUFFIX}"))
    return next((path for path in candidates if path.is_file()), None)


def _no_such_file(path: str, mode: str, recipe_folder: Path, folders: list[Path]) -> str:
    """Return the message for a path without a file; it gives the name of the prompt that was meant."""
    name = _prompt_name(Path(path))
    message = f"there is no file {recipe_folder / path} (a prompt that ends with {SUFFIX} is a path from the recipe)"
    file = _find_file(name, mode, folders) if name else None
    if file is not None:
        return f"{message}; write {name!r}, the prompt's name, for {file}"
    searched = ", ".join(str(folder) for folder in folders)
    return f"{message}, and no prompt {name!r} in {searched}{did_you_mean(name, _names_in(folders))}"


def _no_such_prompt(name: str, mode: str, folders: list[Path]) -> str:
    other_mode = MODES[1 - MODES.index(mode)]
    for folder in folders:
        path = folder / f"{name}.{other_mode}{SUFFIX}"
        if name and path.is_file():
            return f"the prompt {name!r} has no {mode} version, which this model needs, only {path}"
        if name and (folder / name).is_file():
            return f"the prompt {name!r} is the file {folder / name}, but a prompt file ends with {SUFFIX}: rename it"
    searched = ", ".join(str(folder) for folder in folders)
    hint = did_you_mean(Path(name).name, _names_in(folders))
    return f"there is no prompt {name!r} ({name}.{mode}{SUFFIX} or {name}{SUFFIX}) in {searched}{hint}"


def _quote(text: str) -> str:
    return f"{text[:QUOTED_LENGTH]!r}{'…' if len(text) > QUOTED_LENGTH else ''}"
