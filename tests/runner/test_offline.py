"""A whole run by files, as `vllm run-batch` or a service would answer them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.engines import Engine, engine
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import run
from textsynth.runner.offline import ANSWERS_MISSING, OfflineRound, run_round

RECIPE = """\
version: 1
name: rounds
task: classification
models: {{generator: {{http: {{base_url: "{url}", model: small, server: vllm}}}}}}
labels: {{card: asks about a card, fee: asks about a fee}}
sources: {{seeds: seeds.csv}}
generate:
  - paraphrase: {{source: seeds, prompt: lines}}
filter: [exact_duplicate]
label:
  - choice: {{votes: {votes}, min_confidence: 0.5, on_disagreement: relabel}}
want: {{total: {want}}}
budget: {{requests: 4k}}
"""
PROMPT = """\
---
description: Texts for a label.
variables: {text: the text, style: how}
answer: {json: {texts: rewrite, one: true}}
sampling: {max_tokens: 200}
mode: chat
---
{% chat role="user" %}
Rewrite, {{ style }}, as JSON: {{ text }}
{% endchat %}
"""


def recipe(folder: Path, url: str = "http://127.0.0.1:9/v1", want: int = 300, votes: str = "1") -> Recipe:
    folder.mkdir(exist_ok=True)
    seeds = "".join(f"my {label} is late {n},{label}\n" for label in ("card", "fee") for n in range(150))
    (folder / "seeds.csv").write_text("text,label\n" + seeds)
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "lines.jinja").write_text(PROMPT)
    path = folder / "rounds.yaml"
    path.write_text(RECIPE.format(url=url, want=want, votes=votes))
    return read_recipe(path)


def run_batch(requests: Path, answers: Path, *, harm: random.Random | None = None) -> None:
    """Answer a file of requests as `vllm run-batch` does, in any order; `harm` breaks some of the lines."""
    state = Engine("vllm")
    lines: list[str] = []
    for text in requests.read_text(encoding="utf-8").splitlines():
        asked = json.loads(text)
        assert asked["method"] == "POST"
        status, body = state.reply(asked["url"], asked["body"])
        line = {
            "id": "vllm-1", "custom_id": asked["custom_id"], "error": None,
            "response": {"status_code": status, "request_id": "r", "body": body},
        }  # fmt: skip
        if harm is not None and harm.random() < 0.2:
            line |= {"response": {"status_code": 500, "body": None}, "error": {"message": "engine died"}}
        lines.append(json.dumps(line))
    (harm or random.Random(0)).shuffle(lines)
    text = "\n".join(lines) + "\n"
    answers.write_text(
        text if harm is None or len(lines) == 1 else text[:-40], encoding="utf-8"
    )  # the last line is cut off


def by_rounds(one: Recipe, out: Path, folder: Path, harm: random.Random | None = None) -> list[OfflineRound]:
    asked, answered = folder / "requests.jsonl", folder / "answers.jsonl"
    turns = [run_round(one, out=out, requests_only=asked, answers=None)]
    while turns[-1].result is None:
        assert turns[-1].exit_code == ANSWERS_MISSING
        assert turns[-1].waiting == len(asked.read_text(encoding="utf-8").splitlines()) > 0
        run_batch(asked, answered, harm=harm)
        turns.append(run_round(one, out=out, requests_only=asked, answers=answered))
        assert len(turns) < 60
    assert asked.read_text(encoding="utf-8") == ""
    return turns


def contents(out: Path) -> dict[str, bytes]:
    data = out / "dataset"
    return {str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}


def test_a_run_by_rounds_gives_the_bytes_of_a_live_one(tmp_path: Path) -> None:
    with engine("vllm") as server:
        live = run(recipe(tmp_path / "a", server.url), out=tmp_path / "live")
    assert live.manifest["counts"]["windows"] == 2
    one = recipe(tmp_path / "a")
    turns = by_rounds(one, tmp_path / "rounds", tmp_path)
    assert turns[0].waiting > 200
    found, wanted = contents(tmp_path / "rounds"), contents(tmp_path / "live")
    # the card quotes the recipe, and with it the address
    assert {name: raw for name, raw in found.items() if name != "README.md"} == {
        name: raw for name, raw in wanted.items() if name != "README.md"
    }
    assert turns[-1].result is not None
    assert turns[-1].exit_code == turns[-1].result.exit_code == live.exit_code


def test_broken_lines_are_said_and_nothing_that_came_is_asked_again(tmp_path: Path) -> None:
    one = recipe(tmp_path / "a")
    turns = by_rounds(one, tmp_path / "harmed", tmp_path, random.Random(5))
    assert turns[-1].result is not None
    assert turns[-1].result.manifest["counts"]["windows"] == 2
    whole = by_rounds(one, tmp_path / "whole", tmp_path)
    assert contents(tmp_path / "harmed") == contents(tmp_path / "whole")
    assert any(turn.errors > 5 and "engine died" in turn.sentence for turn in turns)
    assert turns[1].unread == 1
    assert sum(turn.taken for turn in turns) == sum(turn.taken for turn in whole)


def test_windows_go_on_with_what_earlier_ones_brought(tmp_path: Path) -> None:
    turns = by_rounds(recipe(tmp_path / "a", want=1050), tmp_path / "out", tmp_path)
    assert turns[-1].result is not None
    assert turns[-1].result.manifest["counts"]["windows"] == 3
    assert turns[-1].exit_code == 0
    # two windows at first, then the labels of the first, on which the third depends
    assert [turn.waiting for turn in turns[:2]] == [1024, 512]


def test_answers_of_another_run_and_answers_given_twice_are_counted(tmp_path: Path) -> None:
    one = recipe(tmp_path / "a")
    asked, answered = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    first = run_round(one, out=tmp_path / "out", requests_only=asked, answers=None)
    run_batch(asked, answered)
    with answered.open("a") as file:
        file.write('{"custom_id": "of another run", "response": {"status_code": 200, "body": {}}}\n')
    second = run_round(one, out=tmp_path / "out", requests_only=None, answers=answered)
    assert (second.taken, second.known, second.unknown) == (first.waiting, 0, 1)
    assert "write what is missing with --requests-only FILE" in second.sentence
    third = run_round(one, out=tmp_path / "out", requests_only=None, answers=answered)
    assert (third.taken, third.known, third.unknown) == (0, first.waiting, 1)
    assert third.waiting == second.waiting


def test_what_came_for_a_later_window_is_kept_though_an_earlier_one_lacks_an_answer(tmp_path: Path) -> None:
    one = recipe(tmp_path / "a")
    asked, answered = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    first = run_round(one, out=tmp_path / "out", requests_only=asked, answers=None)
    lines = asked.read_text().splitlines()
    asked.write_text("\n".join(lines[1:]) + "\n")
    run_batch(asked, answered)
    second = run_round(one, out=tmp_path / "out", requests_only=asked, answers=answered)
    assert (second.taken, second.waiting) == (first.waiting - 1, 1)
    assert asked.read_text().splitlines() == lines[:1]


def test_a_model_in_this_process_answers_as_always(tmp_path: Path) -> None:
    one = recipe(tmp_path / "a")
    path = tmp_path / "a" / "here.yaml"
    path.write_text(
        one.path.read_text()
        .replace(
            'http: {base_url: "http://127.0.0.1:9/v1", model: small, server: vllm}',
            'scripted: {pattern: \'{"rewrite": "{word} {word} and {n}"}\'}',
        )
        .replace("label:\n  - choice: {votes: 1, min_confidence: 0.5, on_disagreement: relabel}\n", "")
    )
    done = run_round(read_recipe(path), out=tmp_path / "out", requests_only=tmp_path / "r.jsonl", answers=None)
    assert done.result is not None
    assert done.waiting == 0


@pytest.mark.parametrize("both", [True, False])
def test_live_answers_and_those_of_a_batch_may_be_mixed(tmp_path: Path, both: bool) -> None:
    one = recipe(tmp_path / "a", want=100)
    asked, answered = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    run_round(one, out=tmp_path / "out", requests_only=asked, answers=None)
    if both:
        run_batch(asked, answered)
        run_round(one, out=tmp_path / "out", requests_only=None, answers=answered)
    with engine("vllm") as server:
        done = run(recipe(tmp_path / "a", server.url, want=100), out=tmp_path / "out")
        assert (done.manifest["requests"]["from_journal"] > 0) == both


def test_probabilities_are_in_the_journal_and_a_batch_brings_the_same(tmp_path: Path) -> None:
    votes = "2, method: logprobs"
    with engine("vllm") as server:
        one = recipe(tmp_path / "a", server.url, want=60, votes=votes)
        live = run(one, out=tmp_path / "live")
        first, sent = contents(tmp_path / "live"), len(server.bodies)
        assert sum("logprob_token_ids" in body for body in server.bodies) > 200
        again = run(one, out=tmp_path / "live")
        assert (len(server.bodies), again.manifest["requests"]["sent"]) == (sent, 0)
        assert contents(tmp_path / "live") == first
    assert live.manifest["counts"]["accepted"] >= 60
    assert again.manifest["engines"] == {"small": ["vllm-0.32.0-tp1-abc"]}
    by_rounds(recipe(tmp_path / "a", want=60, votes=votes), tmp_path / "rounds", tmp_path)
    found = contents(tmp_path / "rounds")
    assert {name for name in first if found[name] != first[name]} == {"README.md"}
