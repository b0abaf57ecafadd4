"""Requests, their keys, and answers that come from the journal first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.runner.recipes import served_recipe
from tests.server import serving
from textsynth.core.errors import ModelError
from textsynth.core.records import (
    Completion,
    Constraint,
    GenerationRequest,
    Message,
    ModelRequest,
    RenderedPrompt,
    Sampling,
)
from textsynth.models import Model, ModelRuntime
from textsynth.models.scripted import Scripted
from textsynth.recipe import read_recipe
from textsynth.runner import run
from textsynth.runner.requester import Requester, RequestStats
from textsynth.store.journal import Journal

SAMPLING = Sampling(max_tokens=30)


def request(text: str, sampling: Sampling = SAMPLING, model: str = "generator") -> GenerationRequest:
    return GenerationRequest("labelled", model, RenderedPrompt("chat", (Message("user", text),)), sampling)


def make_requester(folder: Path, journal: Journal, **models: Scripted) -> Requester:
    return Requester(
        models or {"generator": Scripted(answers=("one", "two"))}, journal, ModelRuntime(folder, folder, print)
    )


def complete(
    requester: Requester, requests: Sequence[GenerationRequest]
) -> tuple[list[ModelRequest | None], list[Completion | None]]:
    async def complete_and_close() -> tuple[list[ModelRequest | None], list[Completion | None]]:
        model_requests = requester.model_requests(requests)
        try:
            return model_requests, await requester.complete(requests, model_requests)
        finally:
            await requester.close()

    return asyncio.run(complete_and_close())


def keys_of(requester: Requester, requests: Sequence[GenerationRequest]) -> list[str]:
    return [model_request.key for model_request in requester.model_requests(requests) if model_request]


def test_the_same_prompt_again_is_another_request_and_the_same_in_every_run(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        requests = [request("a"), request("a"), request("b")]
        first, second = (keys_of(make_requester(tmp_path, journal), requests) for _ in range(2))
    assert first == second
    assert len(set(first)) == 3


def test_a_key_depends_on_the_model_the_sampling_and_every_message(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        requester = make_requester(
            tmp_path, journal, generator=Scripted(answers=("one",)), other=Scripted(answers=("two",))
        )
        requests = [request("a"), request("a", Sampling(max_tokens=31)), request("a", model="other"), request("a ")]
        assert len(set(keys_of(requester, requests))) == 4


def test_the_key_of_a_follow_up_depends_on_the_request_that_it_follows_and_on_nothing_else(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        requester = make_requester(tmp_path, journal)
        keys = [requester.follow_up_request(request("a"), parent).key for parent in ("x", "y", "x")]
        assert keys[0] == keys[2] != keys[1]
        (first,) = keys_of(requester, [request("a")])
        assert first not in keys
        assert keys_of(make_requester(tmp_path, journal), [request("a")]) == [first]


def test_the_journals_answers_are_not_requested_again(tmp_path: Path) -> None:
    requests = [request("a"), request("b")]
    with Journal(tmp_path) as journal:
        first = make_requester(tmp_path, journal)
        _, completions = complete(first, requests)
        assert (first.stats.sent, first.stats.from_journal) == (2, 0)
    with Journal(tmp_path) as journal:
        second = make_requester(tmp_path, journal)
        _, again = complete(second, [*requests, request("c")])
        assert (second.stats.sent, second.stats.from_journal) == (1, 2)
    assert [completion and completion.text for completion in again[:2]] == [
        completion and completion.text for completion in completions
    ]


def test_a_request_without_a_prompt_goes_to_no_model_and_has_no_answer(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        existing = GenerationRequest("existing", "", None, SAMPLING)
        model_requests, completions = complete(make_requester(tmp_path, journal), [existing, request("a")])
    assert model_requests[0] is None
    assert completions[0] is None
    assert completions[1] is not None


class SilentModel(Model):
    """A model that never answers."""

    async def complete(self, requests: Sequence[ModelRequest], on_completion: object) -> None:
        return None


class Silent(Scripted):
    def open(self, runtime: ModelRuntime) -> SilentModel:
        return SilentModel()


def test_a_model_that_returns_without_answers_is_an_error_with_its_name(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        requester = make_requester(tmp_path, journal, generator=Silent(answers=("x",)))
        with pytest.raises(ModelError, match=r"'generator'.*left 1 of 1 requests without an answer"):
            complete(requester, [request("a")])
        assert requester.waiting == 0


def test_keys_are_those_of_existing_journals(tmp_path: Path) -> None:
    """A key that changes orphans answers that users have paid for: a new part enters a key only where it is set."""
    plain = GenerationRequest(
        "labelled", "generator", RenderedPrompt("p", "f", (Message("user", "Write one."),)), Sampling()
    )
    constrained = [replace(plain, constraint=Constraint("json", text)) for text in ("{}", '{"type": "object"}')]
    scored = [replace(plain, options=options) for options in (("A", "B"), ("A", "B", "C"))]
    in_prompt = replace(plain, constraint=Constraint("choice", '["a"]', in_prompt=True))
    with Journal(tmp_path) as journal:
        requester = make_requester(tmp_path, journal, generator=Scripted(answers=("x",)))
        keys = keys_of(requester, [plain, *constrained, *scored])
        assert keys[0] == "11cc65121d0dfb57fcbc53cc31e599480673b504b1b070bde711aa2de0fab83a"
        assert len(set(keys)) == 5
        assert keys_of(requester, [in_prompt]) == ["1c3fdff498720053c10252a47ff71ee53f9ec1c946bb90601862859f9e480eba"]


def test_thinking_is_in_the_journal_and_not_in_the_answer(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        requester = make_requester(tmp_path, journal, generator=Scripted(answers=("<think>hm</think>\n1. a text",)))
        (model_request,), (completion,) = complete(requester, [request("a")])
        assert completion is not None
        assert completion.text == "1. a text"
        assert model_request is not None
        answer = journal.find_answers([model_request.key])[model_request.key]
        assert answer.text == "<think>hm</think>\n1. a text"


@pytest.mark.parametrize(
    ("characters", "tokens", "is_cut"),
    [
        (1_999, 1, False), (40_000, 0, False), (40_000, 10_000, False), (40_000, 5_000, False), (40_000, 4_096, True),
    ],
)  # fmt: skip
def test_a_prompt_with_far_too_few_tokens_was_cut(characters: int, tokens: int, is_cut: bool) -> None:
    stats = RequestStats()
    stats.record_prompt_size(ModelRequest("k", RenderedPrompt("p", "0", text="x" * characters), Sampling()), tokens)
    assert (stats.cut_note is not None) == is_cut


def test_the_note_about_cut_prompts_has_the_figures_of_the_worst_one() -> None:
    stats = RequestStats()
    for characters, tokens in ((30_000, 2_048), (60_000, 2_048), (4_000, 1_000), (100, 1)):
        prompt = RenderedPrompt("p", "0", messages=(Message("user", "x" * characters),))
        stats.record_prompt_size(ModelRequest("k", prompt, Sampling()), tokens)
    assert stats.cut_note == (
        "the server seems to have cut 2 of 3 long prompts at its context: it counted 2,048 tokens for a prompt of"
        " 60,000 characters; raise its context length (Ollama: num_ctx), or shorten the prompts"
    )


@pytest.mark.parametrize("concurrency", [1, 64])
def test_cut_prompts_are_in_the_notes_of_a_run_and_of_its_repetition(tmp_path: Path, concurrency: int) -> None:
    """The server counts 40 tokens for each prompt."""
    with serving(varies=True) as server:
        path = served_recipe(tmp_path, base_url=server.url, concurrency=concurrency)
        recipe = read_recipe(path, [f"labels.card={'a long description ' * 200}", "want.label=10"])
        notes = [run(recipe, out=tmp_path / "run").manifest["notes"] for _ in range(2)]
    (note,) = [note for note in notes[0] if "cut" in note]
    assert "it counted 40 tokens for a prompt of" in note
    assert note in notes[1]
