"""Whole runs offline: request files are answered as `vllm run-batch` or a service would answer them."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.engines import Engine, engine
from textsynth.core.errors import UsageError
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


def make_recipe(folder: Path, url: str = "http://127.0.0.1:9/v1", want: int = 300, votes: str = "1") -> Recipe:
    folder.mkdir(exist_ok=True)
    seeds = "".join(f"my {label} is late {n},{label}\n" for label in ("card", "fee") for n in range(150))
    (folder / "seeds.csv").write_text("text,label\n" + seeds)
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / "lines.jinja").write_text(PROMPT)
    path = folder / "rounds.yaml"
    path.write_text(RECIPE.format(url=url, want=want, votes=votes))
    return read_recipe(path)


def answer_batch(requests: Path, answers: Path, *, faults: random.Random | None = None) -> None:
    """Answer a file of requests as `vllm run-batch` does, in any order.

    With `faults` some lines are errors, and the last one is cut off.
    """
    state = Engine("vllm")
    lines: list[str] = []
    for text in requests.read_text(encoding="utf-8").splitlines():
        request = json.loads(text)
        assert request["method"] == "POST"
        status, body = state.reply(request["url"], request["body"])
        line = {
            "id": "vllm-1", "custom_id": request["custom_id"], "error": None,
            "response": {"status_code": status, "request_id": "r", "body": body},
        }  # fmt: skip
        if faults is not None and faults.random() < 0.2:
            line |= {"response": {"status_code": 500, "body": None}, "error": {"message": "engine died"}}
        lines.append(json.dumps(line))
    (faults or random.Random(0)).shuffle(lines)
    text = "\n".join(lines) + "\n"
    answers.write_text(text if faults is None or len(lines) == 1 else text[:-40], encoding="utf-8")


def run_rounds(recipe: Recipe, out: Path, folder: Path, faults: random.Random | None = None) -> list[OfflineRound]:
    """Alternate rounds and batches until the run is done; return all rounds."""
    requests, answers = folder / "requests.jsonl", folder / "answers.jsonl"
    rounds = [run_round(recipe, out=out, requests_only=requests, answers=None)]
    while rounds[-1].result is None:
        assert rounds[-1].exit_code == ANSWERS_MISSING
        assert rounds[-1].waiting == len(requests.read_text(encoding="utf-8").splitlines()) > 0
        answer_batch(requests, answers, faults=faults)
        rounds.append(run_round(recipe, out=out, requests_only=requests, answers=answers))
        assert len(rounds) < 60
    assert requests.read_text(encoding="utf-8") == ""
    return rounds


def contents(out: Path) -> dict[str, bytes]:
    data = out / "dataset"
    return {str(path.relative_to(data)): path.read_bytes() for path in sorted(data.rglob("*")) if path.is_file()}


def without_card(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files except the card, which quotes the recipe and with it the server's address."""
    return {name: content for name, content in files.items() if name != "README.md"}


def test_a_run_in_rounds_gives_the_bytes_of_one_that_asks_a_server(tmp_path: Path) -> None:
    with engine("vllm") as server:
        live = run(make_recipe(tmp_path / "a", server.url), out=tmp_path / "live")
    assert live.manifest["counts"]["windows"] == 2
    rounds = run_rounds(make_recipe(tmp_path / "a"), tmp_path / "rounds", tmp_path)
    assert rounds[0].waiting > 200
    assert without_card(contents(tmp_path / "rounds")) == without_card(contents(tmp_path / "live"))
    assert rounds[-1].result is not None
    assert rounds[-1].exit_code == rounds[-1].result.exit_code == live.exit_code


def test_faulty_lines_are_reported_and_no_answer_is_requested_twice(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "a")
    faulty = run_rounds(recipe, tmp_path / "faulty", tmp_path, random.Random(5))
    assert faulty[-1].result is not None
    assert faulty[-1].result.manifest["counts"]["windows"] == 2
    (tmp_path / "requests.jsonl").unlink(missing_ok=True)
    faultless = run_rounds(recipe, tmp_path / "faultless", tmp_path)
    assert contents(tmp_path / "faulty") == contents(tmp_path / "faultless")
    assert any(turn.errors > 5 and "engine died" in turn.sentence for turn in faulty)
    assert faulty[1].unread == 1
    assert sum(turn.taken for turn in faulty) == sum(turn.taken for turn in faultless)


def test_a_window_that_depends_on_earlier_answers_is_requested_in_a_later_round(tmp_path: Path) -> None:
    rounds = run_rounds(make_recipe(tmp_path / "a", want=1050), tmp_path / "out", tmp_path)
    assert rounds[-1].result is not None
    assert rounds[-1].result.manifest["counts"]["windows"] == 4
    assert rounds[-1].exit_code == 0
    # First two windows, the first of them small, then the labels of the first one, on which the third window depends.
    assert [turn.waiting for turn in rounds[:2]] == [20 + 512, 20]


def test_answers_of_another_run_and_answers_that_come_twice_are_counted(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "a")
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    first = run_round(recipe, out=tmp_path / "out", requests_only=requests, answers=None)
    answer_batch(requests, answers)
    with answers.open("a") as file:
        file.write('{"custom_id": "of another run", "response": {"status_code": 200, "body": {}}}\n')
    second = run_round(recipe, out=tmp_path / "out", requests_only=None, answers=answers)
    assert (second.taken, second.known, second.unknown) == (first.waiting, 0, 1)
    assert second.sentence.startswith(
        f"{answers}: {first.waiting} answers added to the journal, 1 belong to no request of this run as it is now; "
    )
    assert "write what is missing with --requests-only FILE" in second.sentence
    third = run_round(recipe, out=tmp_path / "out", requests_only=None, answers=answers)
    assert (third.taken, third.known, third.unknown) == (0, first.waiting, 1)
    assert f"0 answers added to the journal, {first.waiting} were in it already" in third.sentence
    assert third.waiting == second.waiting


def test_answers_of_a_later_window_are_kept_though_an_earlier_one_lacks_an_answer(tmp_path: Path) -> None:
    recipe = make_recipe(tmp_path / "a")
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    first = run_round(recipe, out=tmp_path / "out", requests_only=requests, answers=None)
    lines = requests.read_text().splitlines()
    requests.write_text("\n".join(lines[1:]) + "\n")
    answer_batch(requests, answers)
    (tmp_path / "requests.jsonl").unlink(missing_ok=True)
    second = run_round(recipe, out=tmp_path / "out", requests_only=requests, answers=answers)
    assert (second.taken, second.waiting) == (first.waiting - 1, 1)
    assert requests.read_text().splitlines() == lines[:1]


def test_a_model_in_this_process_answers_as_usual(tmp_path: Path) -> None:
    served = make_recipe(tmp_path / "a")
    path = tmp_path / "a" / "in_process.yaml"
    path.write_text(
        served.path.read_text()
        .replace(
            'http: {base_url: "http://127.0.0.1:9/v1", model: small, server: vllm}',
            'scripted: {pattern: \'{"rewrite": "{word} {word} and {n}"}\'}',
        )
        .replace("label:\n  - choice: {votes: 1, min_confidence: 0.5, on_disagreement: relabel}\n", "")
    )
    done = run_round(read_recipe(path), out=tmp_path / "out", requests_only=tmp_path / "r.jsonl", answers=None)
    assert done.result is not None
    assert done.waiting == 0


@pytest.mark.parametrize("answers_first", [True, False])
def test_a_run_may_take_answers_of_a_batch_and_of_a_server(tmp_path: Path, answers_first: bool) -> None:
    recipe = make_recipe(tmp_path / "a", want=100)
    requests, answers = tmp_path / "requests.jsonl", tmp_path / "answers.jsonl"
    run_round(recipe, out=tmp_path / "out", requests_only=requests, answers=None)
    if answers_first:
        answer_batch(requests, answers)
        run_round(recipe, out=tmp_path / "out", requests_only=None, answers=answers)
    with engine("vllm") as server:
        done = run(make_recipe(tmp_path / "a", server.url, want=100), out=tmp_path / "out")
        assert (done.manifest["requests"]["from_journal"] > 0) == answers_first


def test_log_probabilities_are_in_the_journal_and_a_batch_gives_the_same(tmp_path: Path) -> None:
    votes = "2, method: logprobs"
    with engine("vllm") as server:
        recipe = make_recipe(tmp_path / "a", server.url, want=90, votes=votes)
        live = run(recipe, out=tmp_path / "live")
        first, sent = contents(tmp_path / "live"), len(server.bodies)
        assert sum("logprob_token_ids" in body for body in server.bodies) > 200
        again = run(recipe, out=tmp_path / "live")
        assert (len(server.bodies), again.manifest["requests"]["sent"]) == (sent, 0)
        assert contents(tmp_path / "live") == first
    assert live.manifest["counts"]["accepted"] >= 90
    assert again.manifest["engines"] == {"small": ["vllm-0.32.0-tp1-abc"]}
    run_rounds(make_recipe(tmp_path / "a", want=90, votes=votes), tmp_path / "rounds", tmp_path)
    in_rounds = contents(tmp_path / "rounds")
    assert {name for name in first if in_rounds[name] != first[name]} == {"README.md"}


def test_a_folder_in_place_of_the_file_of_requests_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder, and the requests are written to a file; name one"):
        run_round(make_recipe(tmp_path), out=tmp_path / "run", requests_only=tmp_path, answers=None)
    assert not (tmp_path / "run").exists()
