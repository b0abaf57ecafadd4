"""Where a prompt is looked up: beside the recipe, in the recipe's `prompts/`, then among the bundled ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from textsynth.core.errors import PromptError, did_you_mean
from textsynth.core.paths import bundled_folder
from textsynth.prompts.prompt import SUFFIX, Prompt, load_prompt

FORMS = ("chat", "completion")
LONGEST_NAME = 200
SHOWN = 60


def find_prompt(name: str, form: Literal["chat", "completion"], recipe_folder: Path) -> Prompt:
    """Return the prompt `name` in the form that suits a model; `beside` is the recipe's folder.

    In each place `NAME.FORM.jinja` goes before `NAME.jinja`. A name that ends with `.jinja` is a path, relative to
    `beside`. Raises PromptError when there is none (with the nearest name) or when the one found has mistakes.
    """
    if len(Path(name).name) > LONGEST_NAME or "\n" in name or "{" in name:
        raise PromptError(
            f"a prompt is given by its name, and its text stands in a file: write it into {recipe_folder / 'prompts' / 'mine'}"
            f"{SUFFIX} and give 'mine', found {name[:SHOWN]!r}{'…' if len(name) > SHOWN else ''}"
        )
    folders = _folders(recipe_folder)
    if name.endswith(SUFFIX):
        if not (recipe_folder / name).exists():
            raise PromptError(_no_file(name, form, recipe_folder, folders))
        return load_prompt(recipe_folder / name)
    if name:
        found = _found(name, form, folders)
        if found is not None:
            return load_prompt(found)
    raise PromptError(_not_found(name, form, folders))


def prompt_names(beside: Path | None = None) -> list[str]:
    """Return the names of all prompts that can be found, sorted, without their forms."""
    return _known(_folders(beside))


def _folders(beside: Path | None) -> list[Path]:
    own = [] if beside is None else [beside, beside / "prompts"]
    return [*own, bundled_folder("prompts")]


def _files(folders: Iterable[Path]) -> list[Path]:
    return [path for folder in folders if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")]


def _name(path: Path) -> str:
    stem = path.name.removesuffix(SUFFIX)
    base, _, form = stem.rpartition(".")
    return base if form in FORMS and base else stem


def _found(name: str, form: str, folders: Iterable[Path]) -> Path | None:
    candidates = (folder / file for folder in folders for file in (f"{name}.{form}{SUFFIX}", f"{name}{SUFFIX}"))
    return next((path for path in candidates if path.is_file()), None)


def _no_file(name: str, form: str, beside: Path, folders: list[Path]) -> str:
    """Say that a path leads nowhere, and what the prompt's name would be."""
    short = _name(Path(name))
    wrong = f"there is no file {beside / name} (what ends with {SUFFIX} is a path, relative to the recipe)"
    found = _found(short, form, folders) if short else None
    if found is not None:
        return f"{wrong}; write {short!r}, the prompt's name, for {found}"
    looked = ", ".join(str(folder) for folder in folders)
    return f"{wrong}, and no prompt {short!r} in {looked}{did_you_mean(short, _known(folders))}"


def _known(folders: Iterable[Path]) -> list[str]:
    return sorted({_name(path) for path in _files(folders)})


def _not_found(name: str, form: str, folders: list[Path]) -> str:
    other = FORMS[1 - FORMS.index(form)]
    for folder in folders:
        path = folder / f"{name}.{other}{SUFFIX}"
        if name and path.is_file():
            return f"the prompt {name!r} has no {form} form, which this model needs, only a {other} form: {path}"
        if name and (folder / name).is_file():
            return f"the prompt {name!r} is the file {folder / name}, but a prompt's file ends with {SUFFIX}: rename it"
    looked = ", ".join(str(folder) for folder in folders)
    near = did_you_mean(Path(name).name, _known(folders))
    return f"there is no prompt {name!r} ({name}.{form}{SUFFIX} or {name}{SUFFIX}) in {looked}{near}"
