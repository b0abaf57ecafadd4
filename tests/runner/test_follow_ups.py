"""Requests that depend on an answer: a generator of the user's own that writes dialogues turn by turn."""

from __future__ import annotations

import json
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.runner.recipes import digest
from textsynth.core.errors import UsageError
from textsynth.recipe import read_recipe
from textsynth.runner import RunSummary, run
from textsynth.store.dataset import DatasetReader

DIALOGUE = '''\
"""Dialogues: each answer of the model is one turn, and the next request contains all turns before it."""

import textsynth as ts
from textsynth.core.options import ModelName
from textsynth.core.records import GenerationRequest, Message, Provenance, Record, RenderedPrompt, Sampling

MAX_FOLLOW_UPS = 2


class Dialogue(ts.Generator):
    model: ModelName = "generator"

    def start(self, context, name):
        return Session(self, context, name)


class Session:
    def __init__(self, step, context, name):
        self.model, self.name, self.labels = step.model, name, list(context.labels)
        self.number = 0

    def plan_requests(self, deficits, max_requests):
        requests = []
        for deficit in deficits:
            for _ in range(deficit.candidates):
                if len(requests) < max_requests:
                    self.number += 1
                    label = deficit.cell.get("label", self.labels[self.number % len(self.labels)])
                    opening = Message("user", f"dialogue {self.number} about {label}")
                    requests.append(self.request((opening,), label, MAX_FOLLOW_UPS))
        return requests

    def request(self, messages, label, max_follow_ups=0):
        prompt = RenderedPrompt("dialogue", "f00d", tuple(messages))
        return GenerationRequest(
            self.name, self.model, prompt, Sampling(), (label,), max_follow_ups=max_follow_ups
        )

    def follow_up(self, request, completion):
        if completion.text.endswith("bye"):
            return None
        turns = (*request.prompt.messages, Message("assistant", completion.text), Message("user", "go on"))
        return self.request(turns, request.labels[0])

    def parse_response(self, request, request_key, completion):
        turns = [*request.prompt.messages, Message("assistant", completion.text)]
        replies = [turn.content for turn in turns if turn.role == "assistant"]
        fields = {
            "turns": [{"role": turn.role, "content": turn.content} for turn in turns],
            "summary": {"answers": len(replies), "polite": replies[-1].endswith("bye"), "mood": None},
        }
        provenance = Provenance(request.step, request_key=request_key)
        return [Record(" / ".join(replies), provenance, request.labels, fields)]

    def observe_accepted(self, accepted):
        pass
'''
# Each answer quotes the last answer in the prompt, and a third of them end the dialogue. Where the file `limit` is
# there, it holds the number of answers after which the model stops the run.
ANSWERS = """\
from pathlib import Path

LIMIT = Path(__file__).parent / "limit"


def answer(request):
    if LIMIT.is_file():
        left = int(LIMIT.read_text())
        if not left:
            raise RuntimeError("interrupted")
        LIMIT.write_text(str(left - 1))
    start = int(request.key[:8], 16)
    before = [message.content for message in request.prompt.messages if message.role == "assistant"]
    quote = f" after {before[-1].split()[-1]}" if before else ""
    return f"word {start % 1000}{quote} then {start}" + (" bye" if start % 3 == 0 else "")


def talkative(request):
    return f"word {request.key[:8]}"
"""


def write_recipe(
    folder: Path, *, function: str = "answer", model: dict[str, Any] | None = None, **sections: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    scripted = {"function": f"./answers.py:{function}", **(model or {})}
    recipe = {
        "version": 1,
        "name": "dialogues",
        "models": {"generator": {"scripted": scripted}, "judge": {"scripted": {"answers": ["card"]}}},
        "labels": {"card": "asks about a card", "fee": "asks about a fee"},
        "generate": ["./dialogue.py"],
        "filter": ["exact_duplicate"],
        "select": [],
        "want": {"label": 30},
        **sections,
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    (folder / "dialogue.py").write_text(DIALOGUE)
    (folder / "answers.py").write_text(ANSWERS)
    return folder / "recipe.yaml"


def keys(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "journal.sqlite") as connection:
        return {str(key) for (key,) in connection.execute("SELECT key FROM answers")}


def rows(result: RunSummary, config: str) -> list[dict[str, Any]]:
    reader = DatasetReader(result.folder / "dataset" / config)
    return reader.rows_at(range(len(reader)))


def turns(row: dict[str, Any]) -> list[dict[str, str]]:
    turns: list[dict[str, str]] = json.loads(row["attributes"])["turns"]
    return turns


def test_a_record_is_parsed_from_the_last_answer_of_a_chain_whose_requests_contain_the_earlier_answers(
    tmp_path: Path,
) -> None:
    result = run(read_recipe(write_recipe(tmp_path)), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (0, "met")
    lengths = set()
    for row in rows(result, "provenance"):
        replies = [turn["content"] for turn in turns(row) if turn["role"] == "assistant"]
        lengths.add(len(replies))
        assert row["request_key"] in keys(result.folder)
        for before, answer in pairwise(replies):
            assert f"after {before.split()[-1]} " in answer
        assert all(not answer.endswith("bye") for answer in replies[:-1])
        assert replies[-1].endswith("bye") or len(replies) == 3
    assert lengths == {1, 2, 3}


def test_records_and_journal_keys_are_the_same_at_any_concurrency(tmp_path: Path) -> None:
    results = []
    for concurrency in (1, 16):
        model = {"concurrency": concurrency, "latency_seconds": 0.001, "faults": {"every": 3, "kind": "slow"}}
        path = write_recipe(tmp_path / "recipe", model=model)
        result = run(read_recipe(path), out=tmp_path / f"run-{concurrency}")
        results.append((digest(result.folder), keys(result.folder), result.manifest["counts"]))
    assert results[0] == results[1]
    assert len(results[0][1]) > 60


def test_after_an_interrupted_run_only_missing_answers_are_requested(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, model={"concurrency": 4})
    uninterrupted = run(read_recipe(path), out=tmp_path / "uninterrupted")
    needed = keys(uninterrupted.folder)
    for answers in (50, 40):
        (tmp_path / "limit").write_text(str(answers))
        with pytest.raises(UsageError, match="interrupted"):
            run(read_recipe(path), out=tmp_path / "run")
    answered = keys(tmp_path / "run")
    assert 50 < len(answered) <= 90
    assert answered < needed
    (tmp_path / "limit").unlink()
    result = run(read_recipe(path), out=tmp_path / "run")
    assert result.manifest["requests"]["from_journal"] == len(answered)
    assert result.manifest["requests"]["sent"] == len(needed) - len(answered)
    assert keys(tmp_path / "run") == needed
    assert digest(result.folder, card=True) == digest(uninterrupted.folder, card=True)
    again = run(read_recipe(path), out=tmp_path / "run")
    assert again.manifest["requests"]["sent"] == 0
    assert digest(again.folder) == digest(result.folder)


def test_follow_ups_and_their_tokens_are_charged(tmp_path: Path) -> None:
    result = run(read_recipe(write_recipe(tmp_path)), out=tmp_path / "run")
    with sqlite3.connect(result.folder / "journal.sqlite") as connection:
        query = "SELECT count(*), sum(prompt_tokens), sum(completion_tokens) FROM answers"
        answers, prompt_tokens, completion_tokens = connection.execute(query).fetchone()
    assert result.manifest["requests"]["planned"] == answers > result.manifest["counts"]["candidates"]
    assert result.manifest["tokens"] == {"prompt": prompt_tokens, "completion": completion_tokens}


@pytest.mark.parametrize("function", ["answer", "talkative"])
@pytest.mark.parametrize("label", [[], [{"choice": {"model": "judge", "votes": 2, "on_disagreement": "relabel"}}]])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 20, 50])
def test_a_budget_of_requests_is_never_exceeded(tmp_path: Path, limit: int, label: list[Any], function: str) -> None:
    path = write_recipe(tmp_path, function=function, label=label, budget={"requests": limit}, want={"total": 500})
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    planned = result.manifest["requests"]["planned"]
    assert len(keys(result.folder)) == planned <= limit
    # What is left is too little for another dialogue of the greatest length and its label.
    assert planned > limit - (3 + 2 * len(label))
    if limit >= 3 + 2 * len(label):
        assert result.manifest["counts"]["accepted"] > 0


def test_a_budget_of_tokens_ends_the_run_before_it_is_spent_on_follow_ups_twice(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, budget={"tokens": 3000}, want={"total": 500})
    result = run(read_recipe(path), out=tmp_path / "run")
    assert (result.exit_code, result.stopped) == (3, "budget")
    assert 1500 < sum(result.manifest["tokens"].values()) <= 3000


def test_a_chain_ends_at_the_maximum_that_its_first_request_states(tmp_path: Path) -> None:
    result = run(read_recipe(write_recipe(tmp_path, function="talkative")), out=tmp_path / "run")
    counts = result.manifest["counts"]
    assert {len(turns(row)) for row in rows(result, "provenance")} == {6}
    assert result.manifest["requests"]["planned"] == 3 * counts["candidates"]


def test_a_failure_in_the_middle_of_a_chain_is_a_drop_of_section_model(tmp_path: Path) -> None:
    model = {"faults": {"every": 4, "kind": "error"}}
    result = run(read_recipe(write_recipe(tmp_path, function="talkative", model=model)), out=tmp_path / "run")
    assert result.exit_code == 0
    dropped = [row for row in rows(result, "dropped") if row["section"] == "model"]
    assert len(dropped) == result.manifest["requests"]["failed"]
    assert {row["reason"] for row in dropped} == {"an injected fault of the scripted model"}
    assert {row["label"] for row in dropped} == {"card", "fee"}
    assert {row["generator"] for row in dropped} == {"./dialogue.py"}
    # More requests than failed chains: some of them failed after the first or the second answer.
    complete = result.manifest["counts"]["candidates"] - len(dropped)
    assert len(keys(result.folder)) > 3 * complete + len(dropped)
    assert all(len(turns(row)) == 6 for row in rows(result, "provenance"))


def test_fields_with_lists_and_maps_are_valid_json_in_the_provenance(tmp_path: Path) -> None:
    result = run(read_recipe(write_recipe(tmp_path)), out=tmp_path / "run")
    texts = {row["text"] for row in rows(result, "data")}
    provenance = rows(result, "provenance")
    assert len(provenance) == len(texts) == 60
    for row in provenance:
        attributes = json.loads(row["attributes"])
        replies = [turn["content"] for turn in attributes["turns"] if turn["role"] == "assistant"]
        assert " / ".join(replies) in texts
        assert [turn["role"] for turn in attributes["turns"][:2]] == ["user", "assistant"]
        assert attributes["summary"] == {"answers": len(replies), "polite": replies[-1].endswith("bye"), "mood": None}
