"""Checks references: every source, model and prompt that a step names must exist, and the prompt must fit the step."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Union, get_args, get_origin

from textsynth.core.errors import PromptError, UsageError, did_you_mean
from textsynth.core.field_types import FieldType, field_type, unwrapped
from textsynth.core.options import Options, Ref
from textsynth.core.protocols import Generator, Labeller, PromptedGenerator, Source
from textsynth.models import ModelOptions
from textsynth.recipe.issues import IssueCollector, Position
from textsynth.recipe.steps import ParsedStep


def references_in(step: Options, to: str) -> Iterator[tuple[str, str]]:
    """Yield (field, name) for every reference of `step` to a "source", "model" or "prompt".

    Of the sources, "gold" are those whose rows only calibrate, and "unlabelled" those whose labels are not looked at.

    The order is that of the fields. References inside lists, maps, unions and nested options count for their field.
    """
    for name, field in type(step).model_fields.items():
        for reference in _referenced_names(getattr(step, name), field_type(field), to):
            yield field.alias or name, reference


def _referenced_names(value: object, kind: FieldType, to: str) -> Iterator[str]:
    kind = unwrapped(kind)
    if value is None:
        return
    if isinstance(value, str):
        if any(isinstance(item, Ref) and item.kind == to for item in kind.metadata):
            yield value
            return
        members = get_args(kind.annotation) if get_origin(kind.annotation) in (Union, types.UnionType) else ()
        yield from dict.fromkeys(name for member in members for name in _referenced_names(value, FieldType(member), to))
    elif isinstance(value, Options):
        yield from (name for _, name in references_in(value, to))
    elif isinstance(value, (list, tuple, Mapping)):
        arguments = get_args(kind.annotation)
        for element in value.values() if isinstance(value, Mapping) else value:
            yield from (name for argument in arguments for name in _referenced_names(element, FieldType(argument), to))


def check_names(
    steps: Sequence[ParsedStep], to: str, section: str, names: Collection[str], issues: IssueCollector
) -> None:
    """Add every reference to a source or model that is not among the `names` of its section."""
    for step in steps:
        for field, name in references_in(step.step, to):
            if name in names:
                continue
            default = "" if field in step.fields.entries else " (the default)"
            issues.add(
                _position(step, field),
                f"{step.component}.{field} is {name!r}{default}, but {section} has no {name!r}"
                f"{did_you_mean(name, names)}",
            )


def check_files(sources: Mapping[str, ParsedStep], base: Path, issues: IssueCollector) -> None:
    """Add every source whose file does not exist; reads nothing."""
    for name, source in sources.items():
        missing = source.step.missing_file(base) if isinstance(source.step, Source) else None
        if missing is not None:
            issues.add(_position(source, "path"), f"sources.{name}: {missing}")


def check_prompts(
    steps: Sequence[ParsedStep], models: Mapping[str, ModelOptions], base: Path, issues: IssueCollector
) -> None:
    """Add every prompt that does not exist, cannot be read, or uses a variable that its step does not offer."""
    for step in steps:
        model = _model_of(step.step, models)
        if model is None:
            continue
        for field, name in references_in(step.step, "prompt"):
            _check_prompt(step, field, name, model, base, issues)


def answer_fields_of(step: Options, models: Mapping[str, ModelOptions], base: Path) -> set[str] | None:
    """Return the fields that the answer readers of a step's prompts give; None where a prompt cannot be read."""
    names = [name for _, name in references_in(step, "prompt")]
    if not names:
        return set()
    from textsynth.prompts import find_prompt  # only a recipe with prompts loads the template engine

    model = _model_of(step, models)
    if model is None:
        return None
    try:
        prompts = [find_prompt(name, model.prompt_mode, base) for name in names]
    except UsageError:
        return None  # `check_prompts` adds the issue
    return {field for prompt in prompts for field in prompt.reader.field_names}


def _model_of(step: Options, models: Mapping[str, ModelOptions]) -> ModelOptions | None:
    names = [name for _, name in references_in(step, "model")]
    return models.get(names[0]) if names else None


def _check_prompt(
    step: ParsedStep, field: str, name: str, model: ModelOptions, base: Path, issues: IssueCollector
) -> None:
    # imported here: only a recipe with prompts loads the template engine
    from textsynth.prompts import find_prompt

    position = _position(step, field)
    try:
        prompt = find_prompt(name, model.prompt_mode, base)
        variables: frozenset[str] = prompt.variables
        template = f"the template {prompt.path}"
    except UsageError as error:
        for sentence in str(error).splitlines():
            issues.add(position, f"{step.component}.{field}: {sentence}")
        variables = (error.variables if isinstance(error, PromptError) else None) or frozenset()
        template = "the template"
    offered = sorted(_prompt_variables(step.step))
    for variable in sorted(variables.difference(offered)):
        issues.add(
            position,
            f"{step.component}.{field}: {template} uses {variable!r}, which {step.component} does not "
            f"offer{did_you_mean(variable, offered)}",
        )


def _prompt_variables(step: Options) -> set[str]:
    """Return the variables that a step offers to its prompt, attributes included."""
    variables = set(step.prompt_variables) if isinstance(step, (PromptedGenerator, Labeller)) else set()
    return variables | set(step.varied_attributes) if isinstance(step, Generator) else variables


def _position(step: ParsedStep, field: str) -> Position:
    return step.fields.marks.get(field, step.mark)
