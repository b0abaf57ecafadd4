from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.runner.recipes import small_recipe
from textsynth.recipe.pinning import pin_sources, pinned_as_run, revision_changes
from textsynth.sources.hub import Hub

NOW, BEFORE = "a" * 40, "b" * 40


def test_files_stay_what_they_are(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    assert pin_sources(recipe).sources == recipe.sources
    assert pinned_as_run(recipe, {"seeds": {"path": "seeds.csv"}}).sources == recipe.sources
    assert revision_changes(recipe, {"seeds": {"path": "seeds.csv"}}) == []


def test_a_source_of_the_hub_is_read_as_it_was_in_the_run(tmp_path: Path) -> None:
    recipe = replace(small_recipe(tmp_path), sources={"seeds": Hub(path="anna/x")})
    then = pinned_as_run(recipe, {"seeds": {"path": "anna/x", "revision": BEFORE}, "gone": {"revision": NOW}})
    assert then.sources["seeds"] == Hub(path="anna/x", revision=BEFORE)
    assert pinned_as_run(recipe, {"seeds": {"path": "anna/x"}}).sources == recipe.sources


def test_a_source_that_moved_is_told(tmp_path: Path) -> None:
    recipe = replace(small_recipe(tmp_path), sources={"seeds": Hub(path="anna/x", revision=NOW)})
    told = revision_changes(recipe, {"seeds": {"revision": BEFORE}})
    assert told == ["sources.seeds has changed on the Hub since the last run here: bbbbbbbb is now aaaaaaaa"]
    assert revision_changes(recipe, {"seeds": {"revision": NOW}}) == revision_changes(recipe, {}) == []
