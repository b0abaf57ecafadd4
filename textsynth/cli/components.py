"""The commands about the components of a recipe: steps, schema."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from textsynth.cli.common import JSON, emit, example, text_width


def _complete_component(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsynth.core.registry import SECTIONS, component_names

    names = dict.fromkeys([*SECTIONS, *(name for section in SECTIONS for name in component_names(section))])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(epilog=example("textsynth steps", "textsynth steps filter", "textsynth steps near_duplicate"))
@click.argument("name", required=False, shell_complete=_complete_component)
@JSON
def steps(name: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Describe the components of a recipe.

    NAME is a section (task, models, sources, generate, filter, label, select) or a component. A component is described
    with its options, their defaults, and what it does not catch; a section without components (budget, export,
    evaluate, want, labels) with what it takes.
    """
    from textsynth.console.results import fold_lines, steps_json, steps_text
    from textsynth.recipe.component_docs import describe_components

    docs = describe_components(name)
    if as_json:
        emit(steps_json(docs))
    else:
        text = steps_text(docs, brief=name is None)
        emit(fold_lines(text, text_width()) if sys.stdout.isatty() else text)


@click.command(epilog=example("textsynth schema > recipe.schema.json"))
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from textsynth.recipe import schema as recipe_schema

    emit(recipe_schema())
