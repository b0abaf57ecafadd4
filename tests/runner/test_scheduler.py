"""Whole runs: the same bytes at any concurrency and after a kill; stop reasons, budgets, limits and existing rows."""

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
from textsynth.runner.candidate_pipeline import BEYOND_BUDGET


def two_generators(folder: Path, url: str) -> Path:
    return served_recipe(folder, "- paraphrase: {source: seeds, share: 0.2}", base_url=url, retries=2)


def test_the_data_set_has_the_same_bytes_at_any_concurrency(tmp_path: Path) -> None:
    digests = []
    with serving(latency=0.002) as server:
        for concurrency in (1, 16, 256):
            path = two_generators(tmp_path, server.url)
            recipe = read_recipe(path, [f"models.generator.http.concurrency={concurrency}"])
            result = run(recipe, out=tmp_path / f"run-{concurrency}")
            assert (result.exit_code, result.stopped) == (0, "met")
            assert [row["selected"] for row in result.quota] == [60, 60, 60]
            digests.append(digest(result.folder))
    assert digests[0] == digests[1] == digests[2]
    assert len(digests[0]) >= 3


def test_after_kill_9_only_requests_in_flight_are_sent_again_and_the_bytes_are_the_same(tmp_path: Path) -> None:
    """Takes over ten seconds on a busy machine: three processes of TextSynth are started."""
    with serving(latency=0.03) as server:
        recipe = two_generators(tmp_path, server.url)
        command = [sys.executable, "-m", "textsynth", "run", str(recipe), "--quiet", "--out"]
        subprocess.run([*command, str(tmp_path / "uninterrupted")], check=True, capture_output=True)
        uninterrupted = server.stats()
        server.mock.reset()
        for kill_at in (15, 35):
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
    assert stats["distinct"] == uninterrupted["distinct"]
    assert stats["sent_again"] <= 2 * 16
    assert digest(tmp_path / "killed", card=True) == digest(tmp_path / "uninterrupted", card=True)


def test_the_same_command_again_sends_nothing_and_another_filter_uses_every_answer_again(tmp_path: Path) -> None:
    lines: list[str] = []
    with serving() as server:
        path = two_generators(tmp_path, server.url)
        first = run(read_recipe(path), out=tmp_path / "run")
        sent = server.stats()["requests"]
        again = run(read_recipe(path), out=tmp_path / "run", log=lines.append)
        assert server.stats()["requests"] == sent
        assert again.manifest["requests"]["sent"] == 0
        assert again.manifest["counts"] == first.manifest["counts"]
        stricter = read_recipe(path, ["filter.0.length.min_words=8", "want.label=20"])
        run(stricter, out=tmp_path / "run", log=lines.append)
        assert server.stats()["requests"] == sent
    assert any(line.startswith("nothing has changed") for line in lines)
    assert any("the recipe has changed" in line for line in lines)


def test_a_request_that_fails_for_good_is_a_drop_and_the_run_continues(tmp_path: Path) -> None:
    with serving(faults=[Fault("toolong", contains="case 7")]) as server:
        result = run(read_recipe(two_generators(tmp_path, server.url)), out=tmp_path / "run")
    assert result.exit_code == 0
    dropped = [drop for drop in result.manifest["drops"] if drop["section"] == "model"]
    assert dropped
    assert "the prompt is too long" in dropped[0]["reason"]
    assert result.manifest["requests"]["failed"] == sum(drop["count"] for drop in dropped)


def test_a_wrong_key_stops_the_run_with_one_sentence_and_writes_no_data_set(tmp_path: Path) -> None:
    with serving(key="right") as server, pytest.raises(ModelError, match="key"):
        run(read_recipe(two_generators(tmp_path, server.url)), out=tmp_path / "run")
    assert not (tmp_path / "run" / "dataset").exists()


def scripted(folder: Path, **sections: Any) -> Path:
    """Write a recipe with a scripted model, whose texts all differ; `sections` replace its sections."""
    recipe = {
        "version": 1,
        "name": "scripted",
        "models": {"generator": {"scripted": {"pattern": "1. the {word} and the {word} of {word} {n}"}}},
        "labels": {"a": "one", "b": "two"},
        "generate": [{"labelled": {"per_request": 1}}],
        "filter": ["exact_duplicate"],
        "select": [],
        "want": {"label": 10},
        **sections,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder / "recipe.yaml"


def test_a_yield_that_runs_dry_ends_the_run_with_what_is_missing_and_why(tmp_path: Path) -> None:
    models = {"generator": {"scripted": {"answers": ["1. always the same text"]}}}
    recipe = read_recipe(scripted(tmp_path, models=models, budget={"patience": 5}))
    result = run(recipe, out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "dry")
    assert [row["missing"] for row in result.quota] == [9, 10]
    assert result.quota[1]["reasons"][0]["step"] == "exact_duplicate"


def test_a_budget_of_requests_ends_the_run(tmp_path: Path) -> None:
    result = run(read_recipe(scripted(tmp_path, budget={"requests": 7})), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert result.manifest["requests"]["planned"] == 7


def test_a_quota_that_is_met_from_fewer_texts_than_oversample_asks_for_is_met(tmp_path: Path) -> None:
    path = scripted(tmp_path, budget={"requests": 7}, oversample=50, want={"label": 1})
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (0, "budget")
    assert result.sentence == "the quota is met; the budget was spent before there was more to select from"


def test_other_generators_write_for_a_label_without_seeds_to_paraphrase(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text("text,label\nwhere is my parcel now,a\n")
    generate = [{"labelled": {"per_request": 1, "share": 0.05}}, {"paraphrase": {"source": "seeds"}}]
    path = scripted(tmp_path, generate=generate, sources={"seeds": "seeds.csv"}, want={"label": 4})
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, [row["selected"] for row in result.quota]) == (0, [4, 4])


@pytest.mark.parametrize("budget", [{"requests": 40}, {"requests": 5}, {"requests": 9}, {"tokens": 1500}])
@pytest.mark.parametrize("per_request", [1, 4])
def test_labels_do_not_exceed_a_budget(per_request: int, budget: dict[str, int], tmp_path: Path) -> None:
    generator = {"scripted": {"pattern": "".join(f"{n}. the {{word}} and the {{word}} {{n}}\n" for n in range(1, 5))}}
    choice = {"model": "judge", "votes": 3, "min_confidence": 0.1, "on_disagreement": "relabel"}
    path = scripted(
        tmp_path,
        models={"generator": generator, "judge": {"scripted": {"answers": ["a", "b"]}}},
        generate=[{"labelled": {"per_request": per_request}}],
        label=[{"choice": choice}],
        want={"total": 500},
        budget=budget,
    )
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    planned = result.manifest["requests"]["planned"]
    assert result.manifest["counts"]["accepted"] > 0
    if "requests" in budget:
        # What is left at the end is too little for another text and its label.
        assert budget["requests"] - 3 <= planned <= budget["requests"]
    else:
        assert sum(result.manifest["tokens"].values()) <= budget["tokens"]


def test_existing_rows_beyond_the_budget_are_dropped_for_it_and_accepted_with_a_larger_one(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text\n" + "".join(f"row number {n}\n" for n in range(20)))
    path = scripted(
        tmp_path,
        models={"generator": {"scripted": {"answers": ["a"]}}},
        generate=["existing"],
        sources={"raw": "raw.csv"},
        label=["choice"],
        want={"total": 20},
        budget={"requests": 32},
    )
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert result.manifest["counts"]["accepted"] == 10
    (drop,) = result.manifest["drops"]
    assert (drop["section"], drop["reason"], drop["count"]) == ("label", BEYOND_BUDGET, 10)
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


def test_all_existing_rows_become_candidates_and_no_model_is_needed(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text,label\n" + "".join(f"row number {n % 40},a\n" for n in range(60)))
    path = scripted(tmp_path, generate=["existing"], sources={"raw": "raw.csv"}, want={"total": 15})
    result = run(read_recipe(path), out=tmp_path / "run")
    counts = result.manifest["counts"]
    assert (counts["candidates"], counts["accepted"], counts["selected"]) == (60, 40, 15)
    assert counts["surplus"] == 25


def test_a_limit_above_the_number_of_existing_rows_leaves_nothing_missing(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("text,label\nthis is the first,a\nthis is another,b\n")
    path = scripted(tmp_path, generate=["existing"], sources={"raw": "raw.csv"})
    recipe = json.loads(path.read_text())
    del recipe["want"]
    path.write_text(json.dumps(recipe))
    result = run(read_recipe(path), out=tmp_path / "run", limit=100)
    assert (result.exit_code, result.stopped) == (0, "done")
    assert (result.manifest["counts"]["selected"], [row["missing"] for row in result.quota]) == (2, [0])
    assert run(read_recipe(path), out=tmp_path / "run", limit=1).stopped == "met"


def test_a_quota_of_nothing_sends_no_request(tmp_path: Path) -> None:
    labels = {"a": {"description": "one", "want": 0}, "b": {"description": "two", "want": 0}}
    try:
        recipe = read_recipe(scripted(tmp_path, labels=labels))
    except RecipeError:
        return  # a recipe that is refused sends nothing, either
    assert run(recipe, out=tmp_path / "run").manifest["requests"]["planned"] == 0
