"""A budget of minutes: what was answered in time is kept, and the run ends in time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.runner.recipes import digest, served_recipe, small_recipe
from tests.server import Fault, serving
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import run
from textsynth.runner.budget import RunBudget
from textsynth.runner.candidate_pipeline import BEYOND_BUDGET

MAX_SECONDS = 120
"""Far more than these runs need, and far less than the answers that they do not wait for."""


def test_requests_are_cancelled_once_the_minutes_are_over_and_the_texts_in_time_are_kept(tmp_path: Path) -> None:
    """One request of the first window takes longer than the whole budget, and so do those of the second window."""
    with serving(latency=0.1, varies=True, faults=[Fault("hang", contains="case 11.")]) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=4, batch_n=False, timeout_seconds=600.0)
        recipe = read_recipe(path, ["budget.minutes=0.04", "want.label=400"])
        started = time.monotonic()
        result = run(recipe, out=tmp_path / "run")
        seconds = time.monotonic() - started
        sent = server.stats()["requests"]
        assert (result.exit_code, result.stopped, result.sentence) == (3, "budget", "the budget is spent")
        assert 2.4 <= seconds < MAX_SECONDS
        assert result.manifest["counts"]["selected"] > 0
        assert result.manifest["requests"]["sent"] <= sent
        server.mock.faults = []
        longer = run(read_recipe(path, ["want.label=10"]), out=tmp_path / "run")
    assert (longer.exit_code, longer.stopped) == (0, "met")
    assert longer.manifest["requests"]["from_journal"] > 0


def test_after_the_minutes_texts_may_be_labelled_for_a_while() -> None:
    now = 100.0

    def clock() -> float:
        return now

    budget = RunBudget(requests=None, tokens=None, minutes=10, clock=clock)
    assert (budget.seconds_left(), budget.seconds_left(for_labels=True)) == (600.0, 636.0)
    short = RunBudget(requests=None, tokens=None, minutes=1, clock=clock)
    now = 165.0
    assert (short.seconds_left(), short.seconds_left(for_labels=True)) == (0.0, 5.0)
    now = 999.0
    assert short.seconds_left(for_labels=True) == 0.0
    assert RunBudget(requests=1, tokens=None, minutes=None).seconds_left() is None


def test_texts_that_cannot_be_labelled_in_time_are_dropped_for_the_budget(tmp_path: Path) -> None:
    """May take over ten seconds: labelling has that long after the end of the budget."""
    answers = '["1. where is it now", "1. nothing came"]'
    path = small_recipe(tmp_path, want="{label: 40}", answers=answers, sections="filter: [exact_duplicate]").path
    models = 'models: {judge: {scripted: {answers: ["card"], latency_seconds: 600}}, generator: '
    text = path.read_text().replace("models: {generator: ", models)
    path.write_text(f"{text}\nlabel: [choice: {{model: judge}}]\nselect: []\n")
    started = time.monotonic()
    result = run(read_recipe(path, ["budget.minutes=0.02"]), out=tmp_path / "run")
    assert time.monotonic() - started < MAX_SECONDS
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert result.manifest["counts"]["selected"] == 0
    assert [(row["step"], row["reason"]) for row in result.manifest["drops"]][:1] == [("choice", BEYOND_BUDGET)]


SLOW = """
from textsynth.core.records import Completion
from textsynth.models import Model, ModelOptions

seconds = [0.0]

class Slow(ModelOptions):
    @property
    def identity(self):
        return "slow"

    def open(self, runtime):
        return Answering()

class Answering(Model):
    async def complete(self, requests, on_completion):
        for request in requests:
            seconds[0] += 1.0
            words = [request.key[at : at + 8] for at in range(0, 48, 8)]
            await on_completion(request, Completion("1. " + " ".join(words)))
"""


def slow_recipe(folder: Path, minutes: float) -> tuple[Recipe, Callable[[], float]]:
    """Return a recipe whose model takes a second for each answer, and the clock that shows these seconds."""
    (folder / "slow.py").write_text(SLOW)
    path = small_recipe(folder, want="{label: 100}", sections="filter: [exact_duplicate]\nselect: []").path
    text = path.read_text()
    model = text[text.index("models:") : text.index("labels:")]
    path.write_text(text.replace(model, "models: {generator: {./slow.py: {}}}\n"))
    recipe = read_recipe(path, [f"budget.minutes={minutes}"])
    module = sys.modules[type(recipe.models["generator"]).__module__]
    return recipe, lambda: module.seconds[0]


def test_minutes_that_earlier_runs_have_used_count(tmp_path: Path) -> None:
    """With the same minutes nothing more is requested, and the data set stays; with more minutes the run goes on."""
    recipe, clock = slow_recipe(tmp_path, 1)
    first = run(recipe, out=tmp_path / "run", clock=clock)
    assert (first.stopped, first.sentence) == ("budget", "the budget is spent")
    sent = first.manifest["requests"]["sent"]
    assert sent >= 60
    files = digest(tmp_path / "run")
    assert files
    messages: list[str] = []
    recipe, clock = slow_recipe(tmp_path, 1)
    again = run(recipe, out=tmp_path / "run", clock=clock, log=messages.append)
    assert clock() == 0
    assert (again.stopped, again.manifest["requests"]["sent"]) == ("budget", 0)
    # Answers that came while their requests were given up are in the journal, and not counted as sent.
    assert again.manifest["requests"]["from_journal"] >= sent
    assert digest(tmp_path / "run") == files
    assert any("of the 1:00 of `budget.minutes` were used before" in message for message in messages)
    recipe, clock = slow_recipe(tmp_path, 60)
    longer = run(recipe, out=tmp_path / "run", clock=clock)
    assert longer.stopped == "met"
    assert longer.manifest["requests"]["sent"] > 0
    recipe, clock = slow_recipe(tmp_path, 1)
    fresh = run(recipe, out=tmp_path / "run", clock=clock, fresh=True)
    assert fresh.manifest["requests"]["sent"] >= 60
