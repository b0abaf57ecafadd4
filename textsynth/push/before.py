"""What a recipe must have before a run that is to be pushed begins, so that no hour is spent on what cannot be."""

from __future__ import annotations

from textsynth.core.errors import UsageError
from textsynth.filter.leak import Leak
from textsynth.push.cleared import leak_fault, license_fault
from textsynth.push.wish import Wish
from textsynth.recipe import Recipe


def wish_of(recipe: Recipe) -> Wish:
    """Return the push that the recipe's `export` asks for.

    Raises UsageError where it names no repository, or where what a run of it makes could not be published: no licence,
    or no comparison with a test set, neither by `leak` nor by `evaluate`.
    """
    export = recipe.export
    where = recipe.places.get("export", str(recipe.path))
    if export.hub is None:
        raise UsageError(f"{where}: --push needs the repository; write export: {{hub: owner/name}}")
    compared = [item.step.from_ for item in recipe.filter if isinstance(item.step, Leak)]
    if recipe.evaluate is not None:
        compared.append(recipe.evaluate.test)
    faults = {"leak": leak_fault(compared, None), "license": license_fault(export.license, ())}
    for name, sentence in faults.items():
        if sentence is not None and name not in export.waive:
            raise UsageError(f"{where}: cannot be pushed: {sentence.replace('--waive ', 'export.waive: ')}")
    return Wish(repo=export.hub, private=export.private, waive=export.waive)


def unpublishable(recipe: Recipe) -> list[str]:
    """Return why `run --push` would refuse a recipe that names a repository, in sentences."""
    if recipe.export.hub is None:
        return []
    try:
        wish_of(recipe)
    except UsageError as fault:
        return [str(fault)]
    return []
