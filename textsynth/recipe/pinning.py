"""Sources that may move, such as a branch on the Hub, held at what they are when a run begins, or were in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textsynth.recipe.recipe import Recipe


def pin_sources(recipe: Recipe) -> Recipe:
    """Return the recipe with its sources as they are now, and their licences where the recipe gives none.

    Raises SourceError.
    """
    sources = {name: source.pin_revision(recipe.base, name=name) for name, source in recipe.sources.items()}
    known = {name: source.publisher_license for name, source in sources.items()}
    licenses = {name: one for name, one in known.items() if one is not None} | dict(recipe.export.source_licenses)
    return replace(recipe, sources=sources, export=recipe.export.model_copy(update={"source_licenses": licenses}))


def pinned_as_run(recipe: Recipe, told: Mapping[str, Mapping[str, str]]) -> Recipe:
    """Return the recipe with its sources at the revisions that a run's manifest tells (its part `sources`)."""
    revisions = _revisions(told)
    sources = {
        name: source.model_copy(update={"revision": revisions[name]}) if name in revisions else source
        for name, source in recipe.sources.items()
    }
    return replace(recipe, sources=sources)


def revision_changes(recipe: Recipe, told: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a sentence for each source of a pinned recipe that is at another revision than a manifest tells."""
    before = _revisions(told)
    now = {name: getattr(source, "revision", None) for name, source in recipe.sources.items()}
    return [
        f"sources.{name} has changed on the Hub since the last run here: {before[name][:8]} is now {revision[:8]}"
        for name, revision in now.items()
        if revision is not None and before.get(name, revision) != revision
    ]


def _revisions(told: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: one["revision"] for name, one in told.items() if "revision" in one}
