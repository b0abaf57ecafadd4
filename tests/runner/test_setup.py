"""What stands ready before the first request, and what waits until it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.runner.recipes import small_recipe
from textsynth.core.errors import MissingExtra, RecipeError, SourceError
from textsynth.core.records import Provenance, Record, Verdict
from textsynth.recipe.context import make_context, no_embeddings, read_sources
from textsynth.runner import run
from textsynth.runner.estimate import estimate
from textsynth.runner.preview import preview
from textsynth.runner.setup import (
    LazyFilterSession,
    check_dependencies,
    missing_extras,
    start_generators,
    start_labellers,
)


def test_sources_are_read_and_generators_begun_in_the_recipes_order(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    sources = read_sources(recipe)
    assert len(sources["seeds"]) == 10
    context = make_context(recipe, sources, no_embeddings())
    assert context.labels == {"card": "asks about a card", "transfer": "asks about a transfer"}
    assert [(hand.name, hand.free) for hand in start_generators(recipe, context)] == [("labelled", False)]
    assert start_labellers(recipe, context) == []


def test_a_label_of_a_row_that_the_recipe_lacks_stops_with_its_name(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is my card,cards\n")
    with pytest.raises((RecipeError, SourceError), match="cards"):
        read_sources(recipe)


def test_a_prompt_is_looked_up_once_for_a_model(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    context = make_context(recipe, {}, no_embeddings())
    assert context.find_prompt("labelled", "generator") is context.find_prompt("labelled", "generator")


class Noted:
    def __init__(self, noted: list[str]) -> None:
        self.noted = noted

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        self.noted.append("judge")
        return [None] * len(records)

    def commit(self, records: Sequence[Record]) -> None:
        self.noted.append("settle")


def test_a_filter_begins_once_and_only_when_there_is_something_to_judge() -> None:
    noted: list[str] = []

    def begin() -> Noted:
        noted.append("begin")
        return Noted(noted)

    late = LazyFilterSession("length", begin)
    late.commit([])
    assert noted == []
    record = Record("a text", Provenance("g"), ("card",))
    assert late.evaluate_batch([record]) == [None]
    late.commit([record])
    assert noted == ["begin", "judge", "settle"]


NEEDY = '''\
"""Needs what nobody has."""

from textsynth.core.errors import needs
from textsynth.core.protocols import Filter


class Needy(Filter):
    """Keeps everything."""

    def require(self):
        needs("embed", "textsynth_no_such_package", why="the filter needy")

    def check(self, record):
        return None
'''
TOLD = "the filter needy needs the package .*not installed: pip install 'textsynth\\[embed\\]'"


def test_a_run_stops_before_it_writes_and_validate_says_it(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text(NEEDY, encoding="utf-8")
    recipe = small_recipe(tmp_path, more="filter: [length, ./needy.py]\nselect: []")
    with pytest.raises(MissingExtra, match=TOLD):
        run(recipe, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MissingExtra, match=TOLD):
        preview(recipe, 1)
    assert f"this machine cannot run it yet: {missing_extras(recipe)}" in estimate(recipe).notes


def test_where_everything_is_installed_nothing_is_said(tmp_path: Path) -> None:
    """The packages of [local] and [embed] are installed where these tests run."""
    recipe = small_recipe(tmp_path, more="filter: [agreement, semantic_duplicate]")
    check_dependencies(recipe)
    assert missing_extras(recipe) is None
    assert not [note for note in estimate(recipe).notes if "cannot run" in note]
