"""How a data set was made: models, prompts in full, sources, licences, and how to make it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PurePath

from textsynth.core.version import __version__
from textsynth.export.card.licenses import TOLD, conflicts, license_terms
from textsynth.export.card.markdown import bullets, details, escape, fenced
from textsynth.export.run_result import RunResult, SourceInfo


def generation_process(outcome: RunResult) -> str:
    """Return models, prompts, sources, checks and how the run ended; the prompts stand in full behind a click."""
    lines = [
        f"Model: {escape(model)}{_licensed(outcome.model_licenses.get(model))}{_engines(model, outcome)}"
        for model in outcome.models
    ]
    lines += [f"Prompt: {escape(name)}, fingerprint {escape(mark)}" for name, mark in outcome.prompts.items()]
    lines += [f"Source: {escape(name)}, {_given(source)}" for name, source in outcome.sources.items()]
    if outcome.checks:
        lines.append(f"Checks, in order: {', '.join(escape(check.name) for check in outcome.checks)}")
    lines.append(f"Seed: {outcome.seed}")
    if outcome.sentence:
        lines.append(f"The run ended: {escape(outcome.sentence)}")
    shown = [
        details(f"The prompt {name}, in full", fenced(outcome.prompt_texts[name], "jinja"))
        for name in outcome.prompts
        if name in outcome.prompt_texts
    ]
    return "\n\n".join([bullets(lines), *shown])


def license_section(outcome: RunResult) -> str:
    """Return the data set's licence and what those of its sources and models ask for, conflicts first."""
    lines = list(_licence_lines(outcome))
    return bullets(lines)


def _licence_lines(outcome: RunResult) -> Iterator[str]:
    given = {name: source.license for name, source in outcome.sources.items() if source.made_from}
    for sentence in conflicts(outcome.license, given):
        yield f"**Conflict**: {escape(sentence)}."
    if outcome.license is None:
        yield "No licence was given for this data set."
    else:
        named = f" ({escape(outcome.metadata.license_name)})" if outcome.metadata.license_name else ""
        yield f"The data set is under {escape(outcome.license)}{named}, as its author says."
    for name, own in given.items():
        if own is None:
            yield f"The licence of the source {escape(name)} was not given, so nobody has compared it."
        else:
            yield f"The source {escape(name)} is under {escape(own)}, which {TOLD[license_terms(own)]}."
    for model in outcome.models:
        own = outcome.model_licenses.get(model)
        if own is None:
            yield f"The licence of the model {escape(model)} was not given; its terms may say what its answers are for."
        elif license_terms(own) == "own terms":
            yield f"The model {escape(model)} is under {escape(own)}, which {TOLD['own terms']}."


def reproduction(outcome: RunResult) -> str:
    """Return the command and the recipe that make the same data set again."""
    sets = "".join(f" --set {shlex.quote(_placeless_set(one))}" for one in outcome.overrides)
    command = fenced(f"textsynth run recipe.yaml{sets}", "bash")
    told = (
        f"With TextSynth {__version__} and the same versions of pyarrow and datasets, the same recipe, sources and "
        "answers of the models give the same files, byte for byte."
    )
    text = outcome.recipe_text.strip("\n")
    return f"{command}\n\n{told}" + (f"\n\nwith this recipe:\n\n{fenced(text, 'yaml')}" if text else "")


def _licensed(name: str | None) -> str:
    return "" if name is None else f" ({escape(name)})"


def _engines(model: str, outcome: RunResult) -> str:
    """Return the engines that answered for a model, as they named themselves."""
    found = sorted({one.engine for one in outcome.requests.values() if one.model == model and one.engine})
    return f", on {', '.join(map(escape, found))}" if found else ""


def _given(source: SourceInfo) -> str:
    told = escape(_placeless(source.description))
    if source.revision is not None:
        told += f" at {escape(source.revision)}"
    return told + _licensed(source.license) + ("" if source.made_from else ", only compared with")


def _placeless(source: str) -> str:
    """Return a source without the folders of the machine it was read on."""
    path = PurePath(source)
    return path.name if path.is_absolute() else source


def _placeless_set(one: str) -> str:
    name, sign, value = one.partition("=")
    return f"{name}{sign}{_placeless(value)}"
