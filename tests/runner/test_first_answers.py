"""Runs whose first answers all fail, are empty or are the same; and how many requests a run needs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.mock import MODEL
from tests.server import Fault, serving
from textsynth.core.records import Completion, GenerationRequest, Provenance, Record, RenderedPrompt, Sampling
from textsynth.models.openai import protocol
from textsynth.recipe import Recipe, read_recipe
from textsynth.runner import RunSummary, run
from textsynth.runner.first_answers import MIN_ANSWERS, FirstAnswers

REQUEST = GenerationRequest("labelled", "generator", RenderedPrompt("p", "0", text="x"), Sampling())
RECORD = Record("text", Provenance("labelled", (), (), ""))
PERFECT = """
def answer(request):
    return "1. " + " ".join(request.key[start : start + 8] for start in range(0, 48, 8))
"""


def make_recipe(folder: Path, model: dict[str, object], *, want: object, **more: object) -> Recipe:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "answers.py").write_text(PERFECT)
    recipe = {
        "version": 1, "name": "first", "models": {"generator": model},
        "labels": {"a": "one", "b": "two", "c": "three"}, "generate": [{"labelled": {"per_request": 1}}],
        "filter": ["exact_duplicate"], "select": [], "want": want, **more,
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return read_recipe(folder / "recipe.yaml")


def run_with(folder: Path, model: dict[str, object], *, want: object, **more: object) -> RunSummary:
    return run(make_recipe(folder, model, want=want, **more), out=folder / "run")


@pytest.mark.parametrize("want", [20, 100, 200, 400, 2400])
@pytest.mark.parametrize("by_label", [False, True])
def test_a_run_with_perfect_answers_sends_little_more_than_it_needs(tmp_path: Path, want: int, by_label: bool) -> None:
    quota = {"label": want // 3} if by_label else {"total": want}
    result = run_with(tmp_path, {"scripted": {"function": "./answers.py:answer"}}, want=quota)
    assert result.stopped == "met"
    needed = 3 * (want // 3) if by_label else want
    assert result.manifest["requests"]["sent"] / needed <= (1.5 if want == 20 else 1.25)


@pytest.mark.parametrize("patience", [30, 100_000])
@pytest.mark.parametrize(
    ("answer", "why", "sentence"),
    [
        ("1. always the same text", "dry", "the first 20 answers are all the same: raise sampling.temperature"),
        ("", "failing", "each of the first 20 answers failed for the same reason: the answer is empty; look at some"),
        ("<think>hm", "failing", "the model was still thinking when the answer ended"),
    ],
)
def test_a_run_whose_answers_are_all_the_same_or_empty_stops_early(
    tmp_path: Path, answer: str, why: str, sentence: str, patience: int
) -> None:
    model: dict[str, object] = {"scripted": {"answers": [answer, answer]}}
    result = run_with(tmp_path, model, want={"label": 400}, budget={"patience": patience})
    assert (result.exit_code, result.stopped) == (3, why)
    assert sentence in result.sentence
    assert result.manifest["stopped"] == {"why": why, "sentence": result.sentence}
    # An instant model may have answered the next window, too, before the first one is judged.
    assert result.manifest["requests"]["sent"] <= 256


@pytest.mark.parametrize("answer", ["1. ", "1. where is my parcel", "<think>hm"])
def test_a_small_run_whose_answers_bring_nothing_sends_few_requests(tmp_path: Path, answer: str) -> None:
    model: dict[str, object] = {"scripted": {"answers": [answer, answer]}}
    result = run_with(tmp_path, model, want={"total": 20}, budget={"patience": 100_000})
    assert result.sentence.startswith("stopped early")
    assert result.manifest["requests"]["sent"] <= 80


@pytest.mark.parametrize("concurrency", [1, 64])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("tool", protocol.TOOL_CALL),
        ("filtered", protocol.CONTENT_FILTERED),
        ("thoughts", protocol.ONLY_THOUGHTS),
        ("thinking", protocol.STILL_THINKING),
        ("silent", "the answer is empty"),
        ("toolong", f"the prompt is too long for {MODEL!r}"),
    ],
)
def test_a_server_whose_first_answers_all_fail_stops_the_run_with_the_reason(
    tmp_path: Path, kind: str, reason: str, concurrency: int
) -> None:
    with serving(faults=[Fault(kind)]) as server:
        model: dict[str, object] = {"http": {"base_url": server.url, "model": MODEL, "concurrency": concurrency}}
        result = run_with(tmp_path, model, want={"label": 400}, budget={"patience": 100_000})
        assert server.stats()["requests"] <= 120 + 3 * concurrency
        with closing(sqlite3.connect(tmp_path / "run" / "journal.sqlite")) as journal:
            stored = journal.execute("SELECT count(*) FROM answers").fetchone()[0]
        assert result.manifest["requests"]["sent"] == stored >= result.manifest["requests"]["planned"]
        sent = server.stats()["requests"]
        again = run(read_recipe(tmp_path / "recipe.yaml"), out=tmp_path / "run")
        assert server.stats()["requests"] <= sent + concurrency
    assert result.stopped == again.stopped == "failing"
    assert result.sentence == again.sentence
    assert reason in result.sentence
    assert result.sentence.startswith("stopped early, as each of the first 20 answers failed")


def test_a_run_that_fails_at_first_goes_on(tmp_path: Path) -> None:
    with serving(faults=[Fault("filtered", first=MIN_ANSWERS - 1)], varies=True) as server:
        model: dict[str, object] = {"http": {"base_url": server.url, "model": MODEL, "concurrency": 1}}
        result = run_with(tmp_path, model, want={"total": 30})
    assert result.stopped == "met"


def observe(first: FirstAnswers, answers: list[str | None], reasons: list[str], accepted: int = 0) -> str | None:
    """Take a window of answers, None for a request without one; return why the run must stop."""
    completions = [None if answer is None else Completion(answer) for answer in answers]
    failures = {index: reason for index, reason in enumerate(reasons) if reason}
    records = {index: [RECORD] for index in range(accepted)}
    first.observe([REQUEST] * len(answers), completions, failures, records, ())
    return None if first.stop is None else first.stop[0]


@pytest.mark.parametrize(
    ("answers", "reasons", "accepted", "why"),
    [
        ([f"answer {number}" for number in range(16)], ["no list"] * 16, 0, "failing"),
        ([f"answer {number}" for number in range(15)], ["no list"] * 15, 0, None),
        (["same"] * 16, [""] * 16, 1, "dry"),
        (["same"] * 16, [""] * 16, 2, None),
        (["same"] * 15, [""] * 15, 1, None),
        ([*["same"] * 15, "other"], [""] * 16, 1, None),
        ([f"answer {number}" for number in range(16)], [*["no list"] * 15, "no JSON"], 0, None),
        ([f"answer {number}" for number in range(16)], [*["no list"] * 15, ""], 0, None),
        ([f"answer {number}" for number in range(16)], [f"the key: {number}" for number in range(16)], 0, "failing"),
        ([None] * 40, [""] * 40, 1, None),
        ([f"answer {number}" for number in range(99)], [""] * 99, 0, None),
    ],
)
def test_the_first_answers_decide(
    answers: list[str | None], reasons: list[str], accepted: int, why: str | None
) -> None:
    assert observe(FirstAnswers(), answers, reasons, accepted) == why


def test_a_later_answer_that_differs_ends_the_watch() -> None:
    first = FirstAnswers()
    assert observe(first, ["a", "b"], ["", "no list"]) is None
    assert observe(first, ["c"] * 40, ["no list"] * 40) is None


def test_answers_that_later_requests_would_not_get_do_not_count() -> None:
    first = FirstAnswers()
    first.observe([REQUEST] * 40, [Completion("x")] * 40, dict.fromkeys(range(40), "cut"), {}, range(40))
    assert first.stop is None
    thinking = Completion("", "length", failure="still thinking")
    first.observe([REQUEST] * 40, [thinking] * 40, dict.fromkeys(range(40), "still thinking"), {}, range(40))
    assert first.stop is not None
