"""What a run loads must be installed before anything is asked or spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from textsynth.core.errors import MissingExtra, needs
from textsynth.recipe import Recipe, named


def require(recipe: Recipe) -> None:
    """Raise MissingExtra with the first package that the recipe's models, steps or evaluation lack; loads nothing.

    Models come first: their extra brings the packages of all the others along.
    """
    for check in _checks(recipe):
        check()


def lacking(recipe: Recipe) -> str | None:
    """Return the sentence of `require`, or None where nothing is missing."""
    try:
        require(recipe)
    except MissingExtra as missing:
        return str(missing)
    return None


def _checks(recipe: Recipe) -> Iterator[Callable[[], None]]:
    steps = [item.step for items in (recipe.generate, recipe.filter, recipe.label, recipe.select) for item in items]
    asked = dict.fromkeys(name for step in steps for _, name in named(step, "model"))
    yield from (recipe.models[name].require for name in asked if name in recipe.models)
    yield from (source.require for source in recipe.sources.values())
    yield from (step.require for step in steps)
    if recipe.evaluate is not None:
        yield lambda: needs("embed", "sklearn", "torch", "sentence_transformers", why="evaluate")
