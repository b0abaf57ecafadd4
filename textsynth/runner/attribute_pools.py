"""Values of attributes for each label, listed by the recipe's model and written to a file for people to edit.

Of values with the same normal form the first is written. Does not check whether a value suits its label.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from textsynth.core.errors import UsageError
from textsynth.core.formatting import pluralize
from textsynth.core.options import SamplingOptions
from textsynth.core.paths import cache_folder
from textsynth.core.protocols import merge_sampling
from textsynth.core.records import Completion, GenerationRequest, Record
from textsynth.generate.candidates import parse_candidates
from textsynth.models import ModelRuntime
from textsynth.prompts import Prompt, find_prompt
from textsynth.recipe import Recipe
from textsynth.recipe.init import yaml_scalar
from textsynth.runner.event_loop import run_coroutine
from textsynth.runner.requester import Requester
from textsynth.runner.setup import check_dependencies
from textsynth.store.journal import Journal
from textsynth.text.languages import language_name
from textsynth.text.normalize import normal_form, words_of

POOLS_FILE = "attributes.yaml"
PROMPT = "attribute_values"
MODEL = "generator"
VALUES = 20
MAX_WORDS = 15
HEAD = """\
# Values that a model listed. Take out what does not suit, add what is missing, and copy the section into the recipe, as
# `attributes` of its generator labelled or pair.
attributes:
"""

Pools = Mapping[str, Mapping[str, Sequence[str]]]
"""Attribute → label ("" where the recipe lists none) → values."""


@dataclass(frozen=True, slots=True)
class AttributePools:
    """The file that was written, and one sentence about it."""

    file: Path
    sentence: str


def write_attribute_pools(
    recipe: Recipe, names: Sequence[str], log: Callable[[str], None] = lambda _: None
) -> AttributePools:
    """Ask the recipe's model for values of each attribute and write them to `attributes.yaml` beside the recipe.

    There is one request for each attribute and label. No file is overwritten. Raises UsageError for a file that exists,
    a recipe without the model `generator`, a model without chat, and answers without a value; and what a run raises.
    """
    path = recipe.base / POOLS_FILE
    if os.path.lexists(path):
        raise UsageError(f"{path}: this file exists already, and init overwrites nothing; move it first")
    if not names or any(not name.strip() for name in names):
        raise UsageError("--attributes takes names of attributes, separated by commas, as in topic,writer")
    if MODEL not in recipe.models:
        raise UsageError(f"{recipe.path}: models has no {MODEL!r}, which lists the values")
    check_dependencies(recipe)
    prompt = find_prompt(PROMPT, recipe.models[MODEL].prompt_mode, recipe.base)
    requests = [
        _request(recipe, prompt, name, label) for name in dict.fromkeys(names) for label in recipe.labels or [""]
    ]
    answers = _answers(recipe, requests, log)
    pools = _pools(prompt, requests, answers)
    for name, by_label in pools.items():
        empty = next((label for label, values in by_label.items() if not values), None)
        if empty is not None:
            of_label = f" for the label {empty!r}" if empty else ""
            raise UsageError(f"the model listed no value of {name!r}{of_label}: name the attribute by a plainer word")
    path.write_text(HEAD + "".join(_pool_text(name, by_label) for name, by_label in pools.items()), encoding="utf-8")
    number = sum(len(values) for by_label in pools.values() for values in by_label.values())
    return AttributePools(
        path, f"{pluralize(number, 'value')} listed: edit them, and copy the section into {recipe.path}"
    )


def _request(recipe: Recipe, prompt: Prompt, name: str, label: str) -> GenerationRequest:
    domains = [domain for item in recipe.generate if (domain := item.step.as_recipe().get("domain"))]
    values: dict[str, object] = {
        "domain": domains[0] if domains else "",
        "language": language_name(recipe.language),
        "label": label,
        "label_description": recipe.label_descriptions.get(label, ""),
        "attribute": name,
        "n": VALUES,
    }
    return GenerationRequest(
        step=name,
        model=MODEL,
        prompt=prompt.render(values),
        sampling=merge_sampling(prompt.sampling, SamplingOptions()),
        labels=(label,) if label else (),
        candidates=VALUES,
        constraint=prompt.reader.constraint,
    )


def _answers(
    recipe: Recipe, requests: Sequence[GenerationRequest], log: Callable[[str], None]
) -> list[Completion | None]:
    with tempfile.TemporaryDirectory(prefix="textsynth-init-") as folder, Journal(Path(folder)) as journal:
        requester = Requester(recipe.models, journal, ModelRuntime(recipe.base, cache_folder(), log))

        async def ask() -> list[Completion | None]:
            try:
                return await requester.complete(requests, requester.model_requests(requests))
            finally:
                await requester.close()

        return run_coroutine(ask())


def _pools(
    prompt: Prompt, requests: Sequence[GenerationRequest], answers: Sequence[Completion | None]
) -> dict[str, dict[str, list[str]]]:
    pools: dict[str, dict[str, list[str]]] = {}
    for request, answer in zip(requests, answers, strict=True):
        values: dict[str, str] = {}
        parsed = [] if answer is None or answer.failure else parse_candidates(request, "", answer, prompt.reader)
        for item in parsed:
            if isinstance(item, Record) and len(words_of(item.text)) <= MAX_WORDS:
                # `${NAME}` in a recipe would be substituted by an environment variable
                text = " ".join(item.text.split()).rstrip(".").replace("${", "{")
                values.setdefault(normal_form(text), text)
        pools.setdefault(request.step, {})["".join(request.labels)] = list(values.values())
    return pools


def _pool_text(name: str, by_label: Mapping[str, Sequence[str]]) -> str:
    """Return an attribute as a recipe writes it, one value a line."""
    if set(by_label) == {""}:
        return f"  {yaml_scalar(name)}:\n" + "".join(f"    - {yaml_scalar(value)}\n" for value in by_label[""])
    lines = [f"  {yaml_scalar(name)}:", "    given: label", "    values:"]
    for label, values in by_label.items():
        lines += [f"      {yaml_scalar(label)}:", *(f"        - {yaml_scalar(value)}" for value in values)]
    return "\n".join(lines) + "\n"
