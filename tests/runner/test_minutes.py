"""A budget of minutes: what was answered in time is kept, and the run ends in time."""

from __future__ import annotations

import time
from pathlib import Path

from tests.runner.recipes import served_recipe, small_recipe
from tests.server import Fault, serving
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.budget import GRACE_SECONDS, RunBudget
from textsynth.runner.candidate_pipeline import BEYOND_BUDGET


def test_requests_are_cancelled_once_the_minutes_are_over_and_the_texts_in_time_are_kept(tmp_path: Path) -> None:
    """One request of the first window takes longer than the whole budget, and so do those of the second window."""
    with serving(latency=0.1, varies=True, faults=[Fault("hang", contains="case 11.")]) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=4, batch_n=False, timeout_seconds=60.0)
        recipe = read_recipe(path, ["budget.minutes=0.04", "want.label=400"])
        started = time.monotonic()
        result = run(recipe, out=tmp_path / "run")
        seconds = time.monotonic() - started
        sent = server.stats()["requests"]
        assert (result.exit_code, result.stopped, result.sentence) == (3, "budget", "the budget is spent")
        assert 2.4 <= seconds < 2.4 + GRACE_SECONDS
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
    models = 'models: {judge: {scripted: {answers: ["card"], latency_seconds: 60}}, generator: '
    text = path.read_text().replace("models: {generator: ", models)
    path.write_text(f"{text}\nlabel: [choice: {{model: judge}}]\nselect: []\n")
    started = time.monotonic()
    result = run(read_recipe(path, ["budget.minutes=0.02"]), out=tmp_path / "run")
    assert time.monotonic() - started < 15
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert result.manifest["counts"]["selected"] == 0
    assert [(row["step"], row["reason"]) for row in result.manifest["drops"]][:1] == [("choice", BEYOND_BUDGET)]
