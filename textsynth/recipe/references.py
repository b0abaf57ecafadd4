"""References: every source, model and prompt that an item names must be there, and a prompt must fit its step."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Union, get_args, get_origin

from textsynth.core.errors import UsageError, did_you_mean
from textsynth.core.field_types import FieldType, field_type, fields_of, unwrapped
from textsynth.core.options import Options, Ref
from textsynth.core.protocols import Generator, Labeller, PromptedGenerator, Source
from textsynth.models import ModelOptions
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.items import ParsedStep


def references_in(step: Options, to: str) -> Iterator[tuple[str, str]]:
    """Yield (field, name) for every reference of `step` to a "source", "model" or "prompt", in the fields' order."""
    for field, info in fields_of(type(step)).items():
        attribute = next(name for name, one in type(step).model_fields.items() if one is info)
        for name in _names(getattr(step, attribute), field_type(info), to):
            yield field, name


def _names(value: object, kind: FieldType, to: str) -> Iterator[str]:
    kind = unwrapped(kind)
    if value is None:
        return
    if isinstance(value, str):
        if any(isinstance(one, Ref) and one.kind == to for one in kind.metadata):
            yield value
            return
        arguments = get_args(kind.annotation) if get_origin(kind.annotation) in (Union, types.UnionType) else ()
        yield from dict.fromkeys(name for one in arguments for name in _names(value, FieldType(one), to))
    elif isinstance(value, Options):
        yield from (name for _, name in references_in(value, to))
    elif isinstance(value, (list, tuple, Mapping)):
        arguments = get_args(kind.annotation)
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from (name for argument in arguments for name in _names(one, FieldType(argument), to))


def check_names(
    items: Sequence[ParsedStep], to: str, section: str, known: Collection[str], mistakes: IssueCollector
) -> None:
    """Note every reference to a source or model that `section` does not have."""
    for one in items:
        for field, name in references_in(one.step, to):
            if name in known:
                continue
            wrong = f"{one.item}.{field} is {name!r}, but {section} has no {name!r}"
            default = "" if field in one.fields.entries else " (the default)"
            mistakes.add(_mark(one, field), f"{wrong.replace(',', default + ',', 1)}{did_you_mean(name, known)}")


def check_files(sources: Mapping[str, ParsedStep], base: Path, mistakes: IssueCollector) -> None:
    """Note every source whose file does not exist; nothing is read."""
    for name, one in sources.items():
        missing = one.step.missing_file(base) if isinstance(one.step, Source) else None
        if missing is not None:
            mistakes.add(_mark(one, "path"), f"sources.{name}: {missing}")


def check_prompts(
    items: Sequence[ParsedStep], models: Mapping[str, ModelOptions], base: Path, mistakes: IssueCollector
) -> None:
    """Prove that each prompt exists, can be read, and uses only variables that its step offers."""
    for one in items:
        for field, name in references_in(one.step, "prompt"):
            names = [model for _, model in references_in(one.step, "model")]
            if names and names[0] in models:
                _check_prompt(one, field, name, models[names[0]], base, mistakes)


def _check_prompt(
    one: ParsedStep, field: str, name: str, model: ModelOptions, base: Path, mistakes: IssueCollector
) -> None:
    # only a recipe with prompts pays for the template engine
    from textsynth.prompts import find_prompt

    mark = _mark(one, field)
    try:
        prompt = find_prompt(name, model.prompt_mode, base)
    except UsageError as fault:
        for sentence in str(fault).splitlines():
            mistakes.add(mark, f"{one.item}.{field}: {sentence}")
        return
    offered = sorted(_prompt_variables(one.step))
    for variable in sorted(prompt.variables.difference(offered)):
        mistakes.add(
            mark,
            f"{one.item}.{field}: the template {prompt.path} uses {variable!r}, which {one.item} does not offer"
            f"{did_you_mean(variable, offered)}",
        )


def _prompt_variables(step: Options) -> set[str]:
    """Return the variables that a step offers to its prompt."""
    variables = set(step.prompt_variables) if isinstance(step, (PromptedGenerator, Labeller)) else set()
    return variables | set(step.varied_attributes) if isinstance(step, Generator) else variables


def _mark(one: ParsedStep, field: str) -> Position:
    return one.fields.marks.get(field, one.mark)
