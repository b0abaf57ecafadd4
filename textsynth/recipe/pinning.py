"""Pins sources that may change, such as a branch on the Hub, to their revision now or in a past run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textsynth.recipe.recipe import Recipe


def pin_sources(recipe: Recipe) -> Recipe:
    """Return the recipe with its sources at their present revisions, and their licenses where the recipe gives none.

    Raises SourceError.
    """
    sources = {name: source.pin_revision(recipe.base, name=name) for name, source in recipe.sources.items()}
    published = {name: source.publisher_license for name, source in sources.items()}
    licenses = {name: license_id for name, license_id in published.items() if license_id is not None}
    licenses |= recipe.export.source_licenses
    return replace(recipe, sources=sources, export=recipe.export.model_copy(update={"source_licenses": licenses}))


def pinned_as_run(recipe: Recipe, manifest_sources: Mapping[str, Mapping[str, str]]) -> Recipe:
    """Return the recipe with its sources at the revisions in the part `sources` of a run's manifest."""
    revisions = _revisions(manifest_sources)
    sources = {
        name: source.model_copy(update={"revision": revisions[name]}) if name in revisions else source
        for name, source in recipe.sources.items()
    }
    return replace(recipe, sources=sources)


def revision_changes(recipe: Recipe, manifest_sources: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a sentence for each source of a pinned recipe whose revision differs from that in a run's manifest."""
    before = _revisions(manifest_sources)
    now = {name: source.origin.revision for name, source in recipe.sources.items()}
    return [
        f"sources.{name} has changed on the Hub since the last run here: {before[name][:8]} is now {revision[:8]}"
        for name, revision in now.items()
        if revision is not None and before.get(name, revision) != revision
    ]


def _revisions(manifest_sources: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {name: source["revision"] for name, source in manifest_sources.items() if "revision" in source}
