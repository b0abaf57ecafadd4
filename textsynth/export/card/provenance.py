"""How a data set was made: models, prompts in full, sources, licenses, and how to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath

from textsynth.core.version import __version__
from textsynth.export.card.licenses import DEMANDS, conflicts, license_terms
from textsynth.export.card.markdown import bullets, details, escape, fenced
from textsynth.export.run_result import RunResult, SourceInfo


def generation_process(result: RunResult) -> str:
    """Return models, prompts, sources, checks and why the run stopped; the prompts in full are folded."""
    lines = [
        f"Model: {escape(model)}{_in_parentheses(result.model_licenses.get(model))}{_engines(model, result)}"
        for model in result.models
    ]
    lines += [f"Prompt: {escape(name)}, fingerprint {escape(mark)}" for name, mark in result.prompts.items()]
    lines += [f"Source: {escape(name)}, {_source(source)}" for name, source in result.sources.items()]
    if result.checks:
        lines.append(f"Checks, in order: {', '.join(escape(check.name) for check in result.checks)}")
    lines.append(f"Seed: {result.seed}")
    if result.sentence:
        lines.append(f"The run stopped: {escape(result.sentence)}")
    folded = [
        details(f"The prompt {name}, in full", fenced(result.prompt_texts[name], "jinja"))
        for name in result.prompts
        if name in result.prompt_texts
    ]
    return "\n\n".join([bullets(lines), *folded])


def license_section(result: RunResult) -> str:
    """Return the data set's license and what those of its sources and models demand, conflicts first."""
    return bullets(_license_lines(result))


def _license_lines(result: RunResult) -> Iterator[str]:
    licenses = {name: source.license for name, source in result.sources.items() if source.made_from}
    for sentence in conflicts(result.license, licenses):
        yield f"**Conflict**: {escape(sentence)}."
    if result.license is None:
        yield "The data set has no license."
    else:
        name = result.metadata.license_name
        yield f"The data set is under {escape(result.license)}{_in_parentheses(name)}, as its author states."
    for name, license_name in licenses.items():
        if license_name is None:
            yield f"The license of the source {escape(name)} was not given, so it was not compared."
        else:
            demand = DEMANDS[license_terms(license_name)]
            yield f"The source {escape(name)} is under {escape(license_name)}, which {demand}."
    for model in result.models:
        license_name = result.model_licenses.get(model)
        if license_name is None:
            yield f"The license of the model {escape(model)} was not given; it may restrict the use of its output."
        elif license_terms(license_name) == "own terms":
            yield f"The model {escape(model)} is under {escape(license_name)}, which {DEMANDS['own terms']}."


def reproduction(result: RunResult) -> str:
    """Return the command and the recipe that make the same data set again."""
    sets = "".join(f" --set {shlex.quote(_without_folders_in_set(option))}" for option in result.overrides)
    command = fenced(f"textsynth run recipe.yaml{sets}", "bash")
    promise = (
        f"With TextSynth {__version__} and the same versions of pyarrow and datasets, the same recipe, sources and "
        "model answers give the same files, byte for byte."
    )
    recipe = result.recipe_text.strip("\n")
    return f"{command}\n\n{promise}" + (f"\n\nThe recipe:\n\n{fenced(recipe, 'yaml')}" if recipe else "")


def _in_parentheses(name: str | None) -> str:
    return f" ({escape(name)})" if name else ""


def _engines(model: str, result: RunResult) -> str:
    """Return the engines that answered for a model, as they name themselves."""
    engines = sorted({info.engine for info in result.requests.values() if info.model == model and info.engine})
    return f", on {', '.join(map(escape, engines))}" if engines else ""


def _source(source: SourceInfo) -> str:
    text = escape(_without_folders(source.description))
    if source.revision is not None:
        text += f" at {escape(source.revision)}"
    return text + _in_parentheses(source.license) + ("" if source.made_from else ", only compared with")


def _without_folders(source: str) -> str:
    """Return a path without the folders of the machine it was read on."""
    path = PurePath(source)
    return path.name if path.is_absolute() else source


def _without_folders_in_set(option: str) -> str:
    name, sign, value = option.partition("=")
    return f"{name}{sign}{_without_folders(value)}"
