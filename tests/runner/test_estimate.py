"""The estimate of a run before it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.runner.recipes import small_recipe
from textsynth.models.local import TOKENS_PER_SECOND, Local
from textsynth.recipe import read_recipe
from textsynth.runner.estimate import SPEED_FACTOR, estimate


def test_requests_range_from_all_candidates_accepted_to_one_in_five(tmp_path: Path) -> None:
    plan = estimate(small_recipe(tmp_path, want="{label: 10}", sections="select: []"))
    (part,) = plan.parts
    assert (part.item, part.model, part.texts, plan.cells) == ("labelled", "generator", 20, 2)
    assert (part.requests.low, part.requests.high) == (10, 50)
    assert plan.requests == part.requests
    assert plan.tokens.low == part.prompt_tokens.low + part.completion_tokens.low
    assert part.prompt_tokens.high == pytest.approx(5 * part.prompt_tokens.low, abs=5)
    assert part.prompt_tokens.low > 0
    assert plan.seconds is None


@pytest.mark.parametrize(("per_label", "is_too_small"), [(10, True), (3, False)])
def test_a_budget_that_cannot_meet_the_quota_is_a_note(tmp_path: Path, per_label: int, is_too_small: bool) -> None:
    recipe = small_recipe(tmp_path, want=f"{{label: {per_label}}}", sections="budget: {requests: 3}\nselect: []")
    assert ("the budget of 3 requests cannot meet the quota" in estimate(recipe).notes) == is_too_small


@pytest.mark.parametrize("method", ["votes", "logprobs"])
def test_labelling_is_counted_for_each_text_that_may_pass_the_filters(method: str, tmp_path: Path) -> None:
    label = f"select: []\nlabel: [{{choice: {{method: {method}, votes: 3}}}}]"
    plan = estimate(small_recipe(tmp_path, want="{label: 10}", sections=label))
    generator, labeller = plan.parts
    assert (labeller.item, labeller.model, labeller.texts) == ("choice", "generator", 20)
    assert (labeller.requests.low, labeller.requests.high) == (60, 300)
    assert plan.requests.low == generator.requests.low + 60
    assert labeller.prompt_tokens.low > 60 * 10
    assert 0 < labeller.completion_tokens.low < labeller.completion_tokens.high


def test_requests_about_gold_rows_are_a_note_of_their_own_as_they_come_first(tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("text,label\n" + "my card is gone,card\n" * 25)
    path = small_recipe(tmp_path, sections="label: [{choice: {}}]").path
    path.write_text(
        path.read_text()
        .replace("choice: {}", "choice: {gold: checked, precision: 0.9}")
        .replace("{seeds: seeds.csv}", "{seeds: seeds.csv, checked: gold.csv}")
    )
    notes = estimate(read_recipe(path)).notes
    assert "choice is first calibrated on 25 rows of checked, with 75 requests" in notes


DIALOGUES = """\
import textsynth as ts
from textsynth.core.records import GenerationRequest, Message, RenderedPrompt, Sampling


class Session:
    def plan_requests(self, deficits, max_requests):
        prompt = RenderedPrompt("own", "f", (Message("user", "write"),))
        return [GenerationRequest("./own.py", "generator", prompt, Sampling(), ("card",), max_follow_ups=2)]

    def parse_response(self, request, request_key, completion):
        return []

    def observe_accepted(self, accepted):
        pass


class Own(ts.Generator):
    model: str = "generator"

    def start(self, context, name):
        return Session()
"""


def test_follow_ups_count_at_the_high_end(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(DIALOGUES)
    path = small_recipe(tmp_path, want="{total: 10}", sections="select: []").path
    text = path.read_text()
    path.write_text(text.replace("labelled: {source: seeds, per_request: 2, attributes: {}}", "./own.py"))
    (part,) = estimate(read_recipe(path)).parts
    assert (part.requests.low, part.requests.high) == (10, 150)


def test_nothing_is_sent_and_nothing_written(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    before = sorted(tmp_path.iterdir())
    estimate(recipe)
    assert sorted(tmp_path.iterdir()) == before


EXISTING_ROWS = "text\nwhere is it\nsend it back\n"


def test_existing_rows_are_counted(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text(EXISTING_ROWS)
    path = tmp_path / "recipe.yaml"
    path.write_text("sources: {raw: raw.csv}\ngenerate: [existing]\nfilter: []\nselect: []\n")
    assert estimate(read_recipe(path)).notes == ("existing takes all 2 rows of its source",)


@pytest.mark.parametrize(("wanted", "can"), [(2, True), (3, False), (600, False)])
def test_a_quota_that_the_rows_cannot_fill_is_noted(tmp_path: Path, wanted: int, can: bool) -> None:
    (tmp_path / "raw.csv").write_text(EXISTING_ROWS)
    path = tmp_path / "recipe.yaml"
    path.write_text(f"sources: {{raw: raw.csv}}\ngenerate: [existing]\nfilter: []\nselect: []\nwant: {wanted}\n")
    result = estimate(read_recipe(path))
    note = f"the rows bring at most 2 texts, so the quota of {wanted} cannot be met"
    assert (result.texts, result.parts[0].texts, note in result.notes) == (wanted, 2, not can)


def test_every_existing_row_may_be_labelled(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text(EXISTING_ROWS)
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "labels: {a: one, b: two}\nsources: {raw: raw.csv}\ngenerate: [existing]\nfilter: []\nselect: []\n"
        "label: [choice]\nmodels: {generator: {scripted: {answers: [a]}}}\n"
    )
    plan = estimate(read_recipe(path))
    assert (plan.requests.low, plan.requests.high) == (0, 6)


def test_the_duration_is_estimated_from_the_speed_of_the_model(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, sections="select: []")
    assert estimate(recipe).seconds is None
    plan = estimate(replace(recipe, models={"generator": Local()}))
    assert plan.seconds is not None
    assert plan.seconds.low == pytest.approx(plan.tokens.low / (TOKENS_PER_SECOND * SPEED_FACTOR))
    assert plan.seconds.high == pytest.approx(plan.tokens.high / (TOKENS_PER_SECOND / SPEED_FACTOR))
