from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.recipe.pinning import pin_sources, pinned_as_run, revision_changes
from textsynth.sources.hub import Hub

NEW_COMMIT, OLD_COMMIT = "a" * 40, "b" * 40


def test_sources_without_a_revision_are_not_changed(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    assert pin_sources(recipe).sources == recipe.sources
    assert pinned_as_run(recipe, {"seeds": {"path": "seeds.csv"}}).sources == recipe.sources
    assert revision_changes(recipe, {"seeds": {"path": "seeds.csv"}}) == []


def test_a_source_on_the_hub_is_pinned_to_the_commit_of_a_run(tmp_path: Path) -> None:
    recipe = replace(small_recipe(tmp_path), sources={"seeds": Hub(path="anna/x")})
    pinned = pinned_as_run(
        recipe, {"seeds": {"path": "anna/x", "revision": OLD_COMMIT}, "removed": {"revision": NEW_COMMIT}}
    )
    assert pinned.sources["seeds"] == Hub(path="anna/x", revision=OLD_COMMIT)
    assert pinned_as_run(recipe, {"seeds": {"path": "anna/x"}}).sources == recipe.sources


def test_a_source_whose_commit_changed_is_named(tmp_path: Path) -> None:
    recipe = replace(small_recipe(tmp_path), sources={"seeds": Hub(path="anna/x", revision=NEW_COMMIT)})
    sentences = revision_changes(recipe, {"seeds": {"revision": OLD_COMMIT}})
    assert sentences == ["sources.seeds has changed on the Hub since the last run here: bbbbbbbb is now aaaaaaaa"]
    assert revision_changes(recipe, {"seeds": {"revision": NEW_COMMIT}}) == revision_changes(recipe, {}) == []
