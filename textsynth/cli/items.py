"""The verbs on the items of a recipe: steps, schema."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from textsynth.cli.common import JSON, emit, example, text_width


def _item_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from textsynth.core.registry import SECTIONS, component_names

    names = dict.fromkeys([*SECTIONS, *(name for section in SECTIONS for name in component_names(section))])
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@click.command(epilog=example("textsynth steps", "textsynth steps filter", "textsynth steps near_duplicate"))
@click.argument("name", required=False, shell_complete=_item_names)
@JSON
def steps(name: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Describe the items of a recipe.

    NAME is a section or an item; an item is told with its options, defaults and what it does not catch, and a section
    without items (budget, export, evaluate, want, labels) with what it takes.
    """
    from textsynth.console.results import fold_lines, steps_json, steps_text
    from textsynth.recipe.component_docs import describe_components

    found = describe_components(name)
    if as_json:
        emit(steps_json(found))
    else:
        told = steps_text(found, brief=name is None)
        emit(fold_lines(told, text_width()) if sys.stdout.isatty() else told)


@click.command(epilog=example("textsynth schema > recipe.schema.json"))
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from textsynth.recipe import schema as recipe_schema

    emit(recipe_schema())
