"""Whole runs against a real server on loopback: the same bytes at any number in flight and after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.runner.recipes import digest, served_recipe
from tests.server import Fault, serving
from textsynth.core.errors import ModelError, RecipeError, UsageError
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.candidate_pipeline import UNASKED


def recipe_file(folder: Path, url: str) -> Path:
    return served_recipe(folder, "- paraphrase: {source: seeds, share: 0.2}", base_url=url, retries=2)


def test_the_data_set_has_the_same_bytes_at_any_number_in_flight(tmp_path: Path) -> None:
    found = []
    with serving(latency=0.002) as server:
        for in_flight in (1, 16, 256):
            path = recipe_file(tmp_path, server.url)
            recipe = read_recipe(path, [f"models.generator.http.concurrency={in_flight}"])
            result = run(recipe, out=tmp_path / f"run-{in_flight}")
            assert (result.exit_code, result.stopped) == (0, "met")
            assert [row["selected"] for row in result.quota] == [60, 60, 60]
            found.append(digest(result.folder))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) >= 3


def test_after_kill_9_only_what_was_in_flight_is_sent_again_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    """Takes over ten seconds on a busy machine: three processes of TextSynth are started."""
    with serving(latency=0.03) as server:
        recipe = recipe_file(tmp_path, server.url)
        command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--quiet", "--out"]
        subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
        whole = server.stats()
        server.mock.reset()
        for kill_at in (25, 60):
            process = subprocess.Popen(
                [*command, str(tmp_path / "killed")], start_new_session=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            deadline = time.monotonic() + 60
            while server.stats()["requests"] < kill_at and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True)
        stats = server.stats()
    assert stats["distinct"] == whole["distinct"]
    assert stats["sent_again"] <= 2 * 16
    assert digest(tmp_path / "killed", card=True) == digest(tmp_path / "whole", card=True)


def test_the_same_command_again_asks_nothing_and_another_filter_reuses_every_answer(tmp_path: Path) -> None:
    said: list[str] = []
    with serving() as server:
        path = recipe_file(tmp_path, server.url)
        first = run(read_recipe(path), out=tmp_path / "run")
        sent = server.stats()["requests"]
        again = run(read_recipe(path), out=tmp_path / "run", log=said.append)
        assert server.stats()["requests"] == sent
        assert again.manifest["requests"]["sent"] == 0
        assert again.manifest["counts"] == first.manifest["counts"]
        stricter = read_recipe(path, ["filter.0.length.min_words=8", "want.label=30"])
        run(stricter, out=tmp_path / "run", log=said.append)
        assert server.stats()["requests"] == sent
    assert any("going on" in one for one in said)
    assert any("the recipe has changed" in one for one in said)


def test_a_request_that_fails_for_good_is_a_drop_and_the_rest_go_on(tmp_path: Path) -> None:
    with serving(faults=[Fault("toolong", contains="case 7")]) as server:
        result = run(read_recipe(recipe_file(tmp_path, server.url)), out=tmp_path / "run")
    assert result.exit_code == 0
    dropped = [drop for drop in result.manifest["drops"] if drop["section"] == "model"]
    assert dropped
    assert "prompt too long" in dropped[0]["reason"]
    assert result.manifest["requests"]["failed"] == sum(drop["count"] for drop in dropped)


def test_a_wrong_key_stops_the_run_with_one_sentence_and_writes_no_data_set(tmp_path: Path) -> None:
    with serving(key="right") as server, pytest.raises(ModelError, match="key"):
        run(read_recipe(recipe_file(tmp_path, server.url)), out=tmp_path / "run")
    assert not (tmp_path / "run" / "dataset").exists()


def scripted(folder: Path, **more: Any) -> Path:
    told = {
        "version": 1,
        "name": "scripted",
        "models": {"generator": {"scripted": {"pattern": "1. the {word} and the {word} of {word} {n}"}}},
        "labels": {"a": "one", "b": "two"},
        "generate": [{"labelled": {"per_request": 1}}],
        "filter": ["exact_duplicate"],
        "select": [],
        "want": {"label": 10},
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(json.dumps(told))
    return folder / "recipe.yaml"


def test_a_yield_that_runs_dry_ends_the_run_with_what_is_missing_and_why(tmp_path: Path) -> None:
    models = {"generator": {"scripted": {"answers": ["1. always the same text"]}}}
    recipe = read_recipe(scripted(tmp_path, models=models, budget={"patience": 5}))
    result = run(recipe, out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "dry")
    assert [row["missing"] for row in result.quota] == [9, 10]
    assert result.quota[1]["why"][0]["step"] == "exact_duplicate"


def test_a_budget_of_requests_ends_the_run(tmp_path: Path) -> None:
    result = run(read_recipe(scripted(tmp_path, budget={"requests": 7})), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert result.manifest["requests"]["planned"] == 7


def test_a_quota_that_is_met_from_fewer_texts_than_planned_is_said_to_be_met(tmp_path: Path) -> None:
    more = {"oversample": 50, "want": {"label": 1}}
    result = run(read_recipe(scripted(tmp_path, budget={"requests": 7}, **more)), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (0, "budget")
    assert result.sentence == "the quota is met; the budget was spent before there was more to pick from"


def test_a_label_without_seeds_to_rewrite_is_written_by_the_others(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is my parcel now,a\n")
    generate = [{"labelled": {"per_request": 1, "share": 0.05}}, {"paraphrase": {"source": "seeds"}}]
    path = scripted(tmp_path, generate=generate, sources={"seeds": "seeds.csv"}, want={"label": 4})
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, [row["selected"] for row in result.quota]) == (0, [4, 4])


@pytest.mark.parametrize("budget", [{"requests": 40}, {"requests": 5}, {"requests": 9}, {"tokens": 1500}])
@pytest.mark.parametrize("texts", [1, 4])
def test_labels_do_not_overrun_a_budget(texts: int, budget: dict[str, int], tmp_path: Path) -> None:
    writing = {"scripted": {"pattern": "".join(f"{n}. the {{word}} and the {{word}} {{n}}\n" for n in range(1, 5))}}
    models = {"generator": writing, "judge": {"scripted": {"answers": ["a", "b"]}}}
    choice = {"choice": {"model": "judge", "votes": 3, "min_confidence": 0.1, "disagree": "relabel"}}
    more = {"generate": [{"labelled": {"per_request": texts}}], "label": [choice], "want": {"total": 500}}
    result = run(read_recipe(scripted(tmp_path, models=models, budget=budget, **more)), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    spent = result.manifest["requests"]["planned"]
    assert result.manifest["counts"]["accepted"] > 0
    if "requests" in budget:
        # What is left at the end is too little for one more text and its label.
        assert budget["requests"] - 3 <= spent <= budget["requests"]
    else:
        assert sum(result.manifest["tokens"].values()) <= budget["tokens"]


def test_given_rows_beyond_the_budget_are_dropped_for_that_reason_and_come_with_a_larger_one(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text\n" + "".join(f"row number {n}\n" for n in range(20)))
    models = {"generator": {"scripted": {"answers": ["a"]}}}
    more = {"generate": ["existing"], "sources": {"raw": "raw.csv"}, "label": ["choice"], "models": models}
    path = scripted(tmp_path, want={"total": 20}, budget={"requests": 32}, **more)
    result = run(read_recipe(path), out=tmp_path / "run")
    assert result.manifest["requests"]["planned"] == 30
    assert result.manifest["counts"]["accepted"] == 10
    (drop,) = result.manifest["drops"]
    assert (drop["section"], drop["reason"], drop["count"]) == ("label", UNASKED, 10)
    again = run(read_recipe(path, ["budget.requests=60"]), out=tmp_path / "run")
    assert (again.exit_code, again.manifest["counts"]["accepted"], again.manifest["requests"]["sent"]) == (0, 20, 30)


def test_a_limit_caps_the_selected_texts(tmp_path: Path) -> None:
    result = run(read_recipe(scripted(tmp_path)), out=tmp_path / "run", limit=5)
    assert result.exit_code == 0
    assert result.manifest["counts"]["selected"] == 5


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_a_sentence_and_leaves_the_folder_alone(limit: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"limit is a whole number above 0, found {limit}; None for no limit"):
        run(read_recipe(scripted(tmp_path)), out=tmp_path / "run", limit=limit)
    assert not (tmp_path / "run").exists()


def test_thinking_never_reaches_a_text(tmp_path: Path) -> None:
    models = {"generator": {"scripted": {"answers": ["<think>hm, {</think>1. a text", "<think>never ends"]}}}
    result = run(read_recipe(scripted(tmp_path, models=models, budget={"requests": 40})), out=tmp_path / "run")
    reasons = {drop["reason"] for drop in result.manifest["drops"] if drop["section"] == "model"}
    assert any("still thinking" in reason for reason in reasons)
    assert result.manifest["counts"]["selected"] == 1


def test_given_rows_all_become_candidates_and_no_model_is_needed(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text,label\n" + "".join(f"row number {n % 40},a\n" for n in range(60)))
    path = scripted(tmp_path, generate=["existing"], sources={"raw": "raw.csv"}, want={"total": 15})
    result = run(read_recipe(path), out=tmp_path / "run")
    counts = result.manifest["counts"]
    assert (counts["candidates"], counts["accepted"], counts["selected"]) == (60, 40, 15)
    assert counts["surplus"] == 25


def test_a_limit_beyond_the_given_rows_is_no_wish_for_more(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text,label\nthis is the first,a\nthis is another,b\n")
    told = json.loads(scripted(tmp_path, generate=["existing"], sources={"raw": "raw.csv"}).read_text())
    del told["wanted"]
    (tmp_path / "recipe.yaml").write_text(json.dumps(told))
    result = run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "run", limit=100)
    assert (result.exit_code, result.stopped) == (0, "done")
    assert (result.manifest["counts"]["selected"], [row["missing"] for row in result.quota]) == (2, [0])
    assert run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "run", limit=1).stopped == "met"


def test_nothing_wanted_asks_nothing(tmp_path: Path) -> None:
    labels = {"a": {"description": "one", "want": 0}, "b": {"description": "two", "want": 0}}
    try:
        recipe = read_recipe(scripted(tmp_path, labels=labels))
    except RecipeError:
        return  # refused is as good
    assert run(recipe, out=tmp_path / "run").manifest["requests"]["planned"] == 0
