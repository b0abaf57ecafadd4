"""What a run sets up before the first request, and what waits until it is needed."""

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
    REQUIRED_COLUMNS,
    LazyFilterSession,
    check_dependencies,
    missing_extras,
    start_generators,
    start_labellers,
)


def test_sources_are_read_and_generators_started_in_the_recipes_order(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    sources = read_sources(recipe)
    assert len(sources["seeds"]) == 10
    context = make_context(recipe, sources, no_embeddings())
    assert context.labels == {"card": "asks about a card", "transfer": "asks about a transfer"}
    (generator,) = start_generators(recipe, context)
    assert (generator.name, generator.needs_model, generator.texts_per_request) == ("labelled", True, 2)
    assert [name for name, _ in start_labellers(recipe, context)] == [REQUIRED_COLUMNS]


def test_a_row_with_a_label_that_the_recipe_does_not_list_stops_the_run_with_its_name(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is my card,cards\n")
    with pytest.raises((RecipeError, SourceError), match="cards"):
        read_sources(recipe)


def test_a_prompt_is_looked_up_once_per_model(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    context = make_context(recipe, {}, no_embeddings())
    assert context.find_prompt("labelled", "generator") is context.find_prompt("labelled", "generator")


class NotedFilter:
    """A filter session that notes its calls."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls

    def evaluate_batch(self, records: Sequence[Record]) -> list[Verdict | None]:
        self.calls.append("evaluate_batch")
        return [None] * len(records)

    def commit(self, records: Sequence[Record]) -> None:
        self.calls.append("commit")


def test_a_filter_starts_once_and_only_when_there_is_a_record() -> None:
    calls: list[str] = []

    def start() -> NotedFilter:
        calls.append("start")
        return NotedFilter(calls)

    session = LazyFilterSession("length", start)
    session.commit([])
    assert calls == []
    record = Record("a text", Provenance("g"), ("card",))
    assert session.evaluate_batch([record]) == [None]
    session.commit([record])
    assert calls == ["start", "evaluate_batch", "commit"]


NEEDY = '''\
"""Needs a package that does not exist."""

import textsynth as ts
from textsynth.core.errors import require_extra


class Needy(ts.Filter):
    """Keeps everything."""

    def check_dependencies(self):
        require_extra("embed", "textsynth_no_such_package", why="the filter needy")

    def check(self, record):
        return None
'''
MISSING = "the filter needy needs the package .*not installed: pip install 'textsynth\\[embed\\]'"


def test_a_missing_package_stops_run_and_preview_before_anything_is_written_and_is_a_note_of_the_estimate(
    tmp_path: Path,
) -> None:
    (tmp_path / "needy.py").write_text(NEEDY, encoding="utf-8")
    recipe = small_recipe(tmp_path, sections="filter: [length, ./needy.py]\nselect: []")
    with pytest.raises(MissingExtra, match=MISSING):
        run(recipe, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(MissingExtra, match=MISSING):
        preview(recipe, 1)
    assert f"this machine cannot run it yet: {missing_extras(recipe)}" in estimate(recipe).notes


def test_nothing_is_missing_where_everything_is_installed(tmp_path: Path) -> None:
    """The packages of [local] and [embed] are installed where these tests run."""
    recipe = small_recipe(tmp_path, sections="filter: [agreement, semantic_duplicate]")
    check_dependencies(recipe)
    assert missing_extras(recipe) is None
    assert not [note for note in estimate(recipe).notes if "cannot run" in note]
