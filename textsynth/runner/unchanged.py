"""Whether a run would only repeat the last one in its folder: nothing that its result depends on has changed.

The manifest of a run has a hash of everything that went in (`inputs_hash`), of what was written, and of the answers in
the journal. Where one of them cannot be computed, or differs, the run is made in the ordinary way. Steps of a user's
own code and rows passed in Python have no such hash: what they read is not known.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from textsynth.core.errors import UsageError
from textsynth.core.options import Options
from textsynth.core.paths import PACKAGE, bundled_folder
from textsynth.models import PromptMode
from textsynth.prompts import find_prompt
from textsynth.recipe import Recipe, references_in
from textsynth.recipe.recipe import NamedStep
from textsynth.review.pending import FILE as PENDING
from textsynth.runner.summary import versions
from textsynth.similarity.embedder import BUNDLED_EMBEDDER
from textsynth.store.dataset_hash import DATASET
from textsynth.store.decisions import FILE as DECISIONS
from textsynth.store.evaluation import FILE as EVALUATION
from textsynth.store.journal import Journal
from textsynth.store.manifest import JOURNAL, Inputs, Manifest, read_manifest
from textsynth.store.owned_files import file_hash

PROMPT_MODES: tuple[PromptMode, ...] = ("chat", "completion")
REPEATABLE = ("met", "done")
"""Why a run stopped, where the same run stops again without a new answer."""


def inputs_hash(recipe: Recipe, folder: Path, limit: int | None) -> str | None:
    """Return the sha256 of everything that the result of a run in `folder` depends on, None where that is not known.

    `recipe` has pinned sources. The hash covers the recipe with the values of its environment variables, the content of
    its sources and prompts, the identities of its models, the review decisions, and the versions and code installed.
    """
    sources = {name: source.content_hash(recipe.base) for name, source in recipe.sources.items()}
    own_classifier = recipe.evaluate is not None and str(recipe.evaluate.classifier).endswith(".py")
    is_known = all(sources.values()) and all(map(_is_bundled, _steps(recipe))) and not own_classifier
    if not is_known or (recipe.embedder != BUNDLED_EMBEDDER and Path(recipe.embedder).expanduser().exists()):
        return None
    parts = {
        "limit": limit,
        "recipe": [recipe.hash, recipe.text, recipe.overrides, os.path.relpath(recipe.path, folder)],
        "settings": [recipe.name, recipe.version, recipe.task_name, recipe.language, recipe.seed, recipe.embedder],
        "quota": [recipe.multi_label, list(recipe.labels.items()), list(recipe.want.items()), recipe.oversample],
        "steps": [_described(step) for step in _steps(recipe)],
        "names": [[item.name for item in items] for items in _lists(recipe)],
        "models": {name: options.identity_at(recipe.base) for name, options in recipe.models.items()},
        "sources": sources,
        "prompts": _prompts(recipe),
        "decisions": file_hash(folder / DECISIONS),
        "versions": versions(),
        "installed": _installed(),
        "code": _code(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def inputs_of(
    recipe: Recipe, folder: Path, limit: int | None, journal: Journal, manifest: Manifest, before: str | None
) -> Inputs | None:
    """Return what the manifest of a run that was just written keeps to recognize the same run.

    `before` is the hash of the inputs when the run began. None where they have changed since, and where another run
    could have another result: texts are missing, requests failed, answers were damaged, or it could not be evaluated.
    """
    is_complete = manifest["stopped"]["why"] in REPEATABLE and not any(row["missing"] for row in manifest["quota"])
    is_evaluated = recipe.evaluate is None or (folder / EVALUATION).is_file()
    if before is None or not is_complete or not is_evaluated or manifest["requests"]["failed"] or journal.damaged:
        return None
    if inputs_hash(recipe, folder, limit) != before:
        return None
    return {"sha256": before, "files": _files_hash(folder), "answers": journal.answers_sum()}


def same_run(folder: Path, inputs: str | None) -> Manifest | None:
    """Return the manifest of the last run in a folder where it had these inputs; nothing else is compared."""
    if inputs is None or not (folder / JOURNAL).is_file():
        return None
    try:
        manifest = read_manifest(folder)
    except UsageError:
        return None
    return manifest if manifest.get("inputs", {}).get("sha256") == inputs else None


def is_intact(folder: Path, journal: Journal, manifest: Manifest) -> bool:
    """Whether the data set and the answers are those that the manifest of the run names."""
    inputs = manifest["inputs"]
    return (
        inputs["files"] == _files_hash(folder)
        and inputs["answers"] == journal.answers_sum()
        and not journal.has_damaged_answers()
    )


def repeated(manifest: Manifest) -> Manifest:
    """Return the manifest as the same run leaves it, for which no request was sent."""
    requests = manifest["requests"]
    answered = requests["sent"] + requests["from_journal"]
    return {**manifest, "requests": {**requests, "sent": 0, "from_journal": answered}}


def _steps(recipe: Recipe) -> Iterator[Options]:
    yield from (recipe.task, *recipe.models.values(), *recipe.sources.values())
    yield from (item.step for items in _lists(recipe) for item in items)
    yield from (recipe.budget, recipe.export, *([] if recipe.evaluate is None else [recipe.evaluate]))


def _lists(recipe: Recipe) -> tuple[tuple[NamedStep[Options], ...], ...]:
    return recipe.generate, recipe.filter, recipe.label, recipe.select


def _is_bundled(step: Options) -> bool:
    return type(step).__module__.partition(".")[0] == PACKAGE.name


def _described(step: Options) -> list[str]:
    return [type(step).__module__, type(step).__name__, step.model_dump_json()]


def _prompts(recipe: Recipe) -> list[str]:
    """Return the prompts that steps name, in both modes, and the files beside the recipe that may replace them."""
    names = {name for items in _lists(recipe) for item in items for _, name in references_in(item.step, "prompt")}
    prompts = [f"{name} {mode} {_prompt(name, mode, recipe.base)}" for name in sorted(names) for mode in PROMPT_MODES]
    folders = [recipe.base, recipe.base / "prompts"] if names else []
    return prompts + [_hash_line(path) for folder in folders for path in sorted(folder.glob("*.jinja"))]


def _prompt(name: str, mode: PromptMode, base: Path) -> str:
    try:
        return find_prompt(name, mode, base).text
    except UsageError:
        return ""  # the prompt has no version for this mode


def _hash_line(path: Path) -> str:
    return f"{path} {file_hash(path)}"


def _files_hash(folder: Path) -> str:
    """Return the hash of what a run writes besides manifest and report, the card and its figures included."""
    paths = [*sorted((folder / DATASET).rglob("*")), folder / EVALUATION, folder / PENDING]
    lines = [f"{path.relative_to(folder)} {file_hash(path)}" for path in paths if not path.is_dir()]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


@cache
def _code() -> str:
    """Return the hash of the package's own files, which change without a new version where it is developed."""
    digest = hashlib.sha256()
    for folder in (PACKAGE, bundled_folder("prompts")):
        for path in sorted(folder.rglob("*")):
            if path.suffix != ".pyc" and path.is_file():
                digest.update(f"{path.relative_to(folder)}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _installed() -> list[str]:
    """Return the names of the installed packages with their versions, from the names of their folders."""
    folders = [Path(entry) for entry in sys.path if Path(entry).is_dir()]
    return sorted({path.name for folder in folders for path in folder.glob("*.dist-info")})
