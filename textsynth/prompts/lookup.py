"""Where a prompt is looked up: beside the recipe, in the recipe's `prompts/`, then among the bundled ones."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from textsynth.bundled import bundled
from textsynth.errors import PromptError, nearest
from textsynth.prompts.prompt import SUFFIX, Prompt, load_prompt

FORMS = ("chat", "completion")


def find_prompt(name: str, form: Literal["chat", "completion"], beside: Path) -> Prompt:
    """Return the prompt `name` in the form that suits a model; `beside` is the recipe's folder.

    In each place `NAME.FORM.jinja` goes before `NAME.jinja`. A name that ends with `.jinja` is a path, relative to
    `beside`. Raises PromptError when there is none (with the nearest name) or when the one found has mistakes.
    """
    if name.endswith(SUFFIX):
        return load_prompt(beside / name)
    folders = _folders(beside)
    if name:
        for folder in folders:
            for candidate in (folder / f"{name}.{form}{SUFFIX}", folder / f"{name}{SUFFIX}"):
                if candidate.is_file():
                    return load_prompt(candidate)
    raise PromptError(_not_found(name, form, folders))


def prompt_names(beside: Path | None = None) -> list[str]:
    """Return the names of all prompts that can be found, sorted, without their forms."""
    return sorted({_name(path) for path in _files(_folders(beside))})


def _folders(beside: Path | None) -> list[Path]:
    own = [] if beside is None else [beside, beside / "prompts"]
    return [*own, bundled("prompts")]


def _files(folders: Iterable[Path]) -> list[Path]:
    return [path for folder in folders if folder.is_dir() for path in folder.glob(f"*{SUFFIX}")]


def _name(path: Path) -> str:
    stem = path.name.removesuffix(SUFFIX)
    base, _, form = stem.rpartition(".")
    return base if form in FORMS and base else stem


def _not_found(name: str, form: str, folders: list[Path]) -> str:
    other = FORMS[1 - FORMS.index(form)]
    for folder in folders:
        path = folder / f"{name}.{other}{SUFFIX}"
        if name and path.is_file():
            return f"the prompt {name!r} has no {form} form, which this model needs, only a {other} form: {path}"
    looked = ", ".join(str(folder) for folder in folders)
    known = sorted({_name(path) for path in _files(folders)})
    return f"there is no prompt {name!r} ({name}.{form}{SUFFIX} or {name}{SUFFIX}) in {looked}{nearest(name, known)}"
