"""What a run will ask for, told before it asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.runner.recipes import small_recipe
from textsynth.models.local import TOKENS_PER_SECOND, Local
from textsynth.recipe import read_recipe
from textsynth.runner.estimate import SPEED_FACTOR, estimate


def test_a_plan_counts_requests_from_all_accepted_to_one_in_five(tmp_path: Path) -> None:
    plan = estimate(small_recipe(tmp_path, want="{label: 10}", more="select: []"))
    (part,) = plan.parts
    assert (part.item, part.model, part.texts, plan.cells) == ("labelled", "generator", 20, 2)
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


@pytest.mark.parametrize("by", ["votes", "probabilities"])
def test_labelling_is_counted_for_each_text_that_may_pass_the_filters(by: str, tmp_path: Path) -> None:
    more = f"select: []\nlabel: [{{choice: {{by: {by}, votes: 3}}}}]"
    plan = estimate(small_recipe(tmp_path, want="{label: 10}", more=more))
    writing, labelling = plan.parts
    assert (labelling.item, labelling.model, labelling.texts) == ("choice", "generator", 20)
    assert (labelling.requests.low, labelling.requests.high) == (60, 300)
    assert plan.requests.low == writing.requests.low + 60
    assert labelling.prompt_tokens.low > 60 * 10
    assert 0 < labelling.completion_tokens.low < labelling.completion_tokens.high


def test_gold_rows_are_told_apart_because_they_are_asked_about_first(tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("text,label\n" + "my card is gone,card\n" * 25)
    more = "label: [{choice: {gold: checked, precision: 0.9}}]"
    path = small_recipe(tmp_path, more=more.replace("{gold: checked, precision: 0.9}", "{}")).path
    path.write_text(
        path.read_text()
        .replace("choice: {}", "choice: {gold: checked, precision: 0.9}")
        .replace("{seeds: seeds.csv}", "{seeds: seeds.csv, checked: gold.csv}")
    )
    assert "choice is first tried on 25 rows of checked, with 75 requests" in estimate(read_recipe(path)).notes


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


def test_every_given_row_may_be_labelled(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text\nwhere is it\nsend it back\n")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "labels: {a: one, b: two}\nsources: {raw: raw.csv}\ngenerate: [existing]\nfilter: []\nselect: []\n"
        "label: [choice]\nmodels: {generator: {scripted: {answers: [a]}}}\n"
    )
    plan = estimate(read_recipe(path))
    assert (plan.requests.low, plan.requests.high) == (0, 6)


def test_the_duration_is_estimated_from_the_speed_of_the_model(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, more="select: []")
    assert estimate(recipe).seconds is None
    plan = estimate(replace(recipe, models={"generator": Local()}))
    assert plan.seconds is not None
    assert plan.seconds.low == pytest.approx(plan.tokens.low / (TOKENS_PER_SECOND * SPEED_FACTOR))
    assert plan.seconds.high == pytest.approx(plan.tokens.high / (TOKENS_PER_SECOND / SPEED_FACTOR))
