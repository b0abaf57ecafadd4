"""What a run will ask for, told before it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.recipes import small_recipe
from textsynth.recipe import read_recipe
from textsynth.run.estimate import estimate


def test_a_plan_counts_requests_from_all_accepted_to_one_in_five(tmp_path: Path) -> None:
    plan = estimate(small_recipe(tmp_path, want="{label: 10}", more="select: []"))
    (part,) = plan.parts
    assert (part.item, part.model, part.texts, plan.lines) == ("labelled", "generator", 20, 2)
    assert (part.requests.low, part.requests.high) == (10, 50)
    assert plan.requests == part.requests
    assert plan.tokens.low == part.prompt_tokens.low + part.completion_tokens.low
    assert part.prompt_tokens.high == pytest.approx(5 * part.prompt_tokens.low, abs=5)
    assert part.prompt_tokens.low > 0
    assert plan.seconds is None


def test_a_budget_that_cannot_meet_the_quota_is_said(tmp_path: Path) -> None:
    told = "the budget of 3 requests cannot meet the quota"
    assert told in estimate(small_recipe(tmp_path, want="{label: 10}", more="budget: {requests: 3}\nselect: []")).notes
    assert (
        told not in estimate(small_recipe(tmp_path, want="{label: 3}", more="budget: {requests: 3}\nselect: []")).notes
    )


def test_labelling_is_told_apart_because_it_asks_for_each_text(tmp_path: Path) -> None:
    plan = estimate(small_recipe(tmp_path, more="label: [{choice: {model: generator, votes: 3}}]"))
    assert "labelling asks 3 more request(s) for each text that passes the filters" in plan.notes


def test_nothing_is_asked_and_nothing_written(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    before = sorted(tmp_path.iterdir())
    estimate(recipe)
    assert sorted(tmp_path.iterdir()) == before


def test_given_rows_are_counted(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text\nwhere is it\nsend it back\n")
    path = tmp_path / "recipe.yaml"
    path.write_text("sources: {raw: raw.csv}\ngenerate: [existing]\nfilter: []\nselect: []\n")
    assert estimate(read_recipe(path)).notes == ("existing takes all 2 rows of its source",)
