"""Requests and their keys; answers come from the journal first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

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
from textsynth.runner.requester import Requester
from textsynth.store.journal import Journal

SAMPLING = Sampling(max_tokens=30)


def ask(text: str, sampling: Sampling = SAMPLING, model: str = "generator") -> GenerationRequest:
    return GenerationRequest("labelled", model, RenderedPrompt("chat", (Message("user", text),)), sampling)


def asker(folder: Path, journal: Journal, **models: Scripted) -> Requester:
    return Requester(
        models
        or {
            "generator": Scripted(
                answers=(
                    "one",
                    "two",
                )
            )
        },
        journal,
        ModelRuntime(folder, folder, print),
    )


def answers(
    asker: Requester, asks: Sequence[GenerationRequest]
) -> tuple[list[ModelRequest | None], list[Completion | None]]:
    async def go() -> tuple[list[ModelRequest | None], list[Completion | None]]:
        requests = asker.requests(asks)
        try:
            return requests, await asker.complete(asks, requests)
        finally:
            await asker.close()

    return asyncio.run(go())


def test_the_same_prompt_again_is_another_draw_and_the_same_in_every_run(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        keys = [
            [one.key for one in asker(tmp_path, journal).requests([ask("a"), ask("a"), ask("b")]) if one] for _ in "12"
        ]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3


def test_a_key_follows_the_model_the_sampling_and_every_turn(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        two = asker(tmp_path, journal, generator=Scripted(answers=("one",)), other=Scripted(answers=("two",)))
        asks = [ask("a"), ask("a", Sampling(max_tokens=31)), ask("a", model="other"), ask("a ")]
        keys = {one.key for one in two.requests(asks) if one}
    assert len(keys) == 4


def test_what_the_journal_holds_is_not_asked_again(tmp_path: Path) -> None:
    asks = [ask("a"), ask("b")]
    with Journal(tmp_path) as journal:
        first = asker(tmp_path, journal)
        _, found = answers(first, asks)
        assert (first.tally.sent, first.tally.from_journal) == (2, 0)
    with Journal(tmp_path) as journal:
        second = asker(tmp_path, journal)
        _, again = answers(second, [*asks, ask("c")])
        assert (second.tally.sent, second.tally.from_journal) == (1, 2)
    assert [one and one.text for one in again[:2]] == [one and one.text for one in found]


def test_asks_without_a_prompt_have_no_request_and_no_answer(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        requests, found = answers(asker(tmp_path, journal), [GenerationRequest("given", "", None, SAMPLING), ask("a")])
    assert requests[0] is None
    assert found[0] is None
    assert found[1] is not None


class Lost(Model):
    """A model that never answers."""

    async def complete(self, requests: Sequence[ModelRequest], on_completion: object) -> None:
        return None


class LostOptions(Scripted):
    def open(self, runtime: ModelRuntime) -> Lost:
        return Lost()


def test_a_model_that_returns_without_answers_is_an_error_with_its_name(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        lost = asker(tmp_path, journal, generator=LostOptions(answers=("x",)))
        with pytest.raises(ModelError, match=r"'generator'.*left 1 of 1 requests without an answer"):
            answers(lost, [ask("a")])
        assert lost.waiting == 0


def test_keys_are_those_of_journals_that_exist(tmp_path: Path) -> None:
    """A key that changes orphans what people have paid for: only what is new may be in a key, and only where set."""
    plain = GenerationRequest(
        "labelled", "generator", RenderedPrompt("p", "f", (Message("user", "Write one."),)), Sampling()
    )
    told = replace(plain, constraint=Constraint("choice", '["a"]', in_prompt=True))
    held = [replace(plain, constraint=Constraint("json", text)) for text in ("{}", '{"type": "object"}')]
    scored = [replace(plain, options=options) for options in (("A", "B"), ("A", "B", "C"))]
    with Journal(tmp_path) as journal:
        one = asker(tmp_path, journal, generator=Scripted(answers=("x",)))
        keys = [one.requests([ask])[0].key for ask in (plain, *held, *scored)]  # type: ignore[union-attr]
        assert keys[0] == "11cc65121d0dfb57fcbc53cc31e599480673b504b1b070bde711aa2de0fab83a"
        assert len(set(keys)) == 5
        again = one.requests([told])[0]
        assert again is not None
        assert again.key == "1c3fdff498720053c10252a47ff71ee53f9ec1c946bb90601862859f9e480eba"


def test_thoughts_stay_in_the_journal_and_out_of_the_answer(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        one = asker(tmp_path, journal, generator=Scripted(answers=("<think>hm</think>\n1. a text",)))
        requests, (found,) = answers(one, [ask("a")])
        assert found is not None
        assert found.text == "1. a text"
        assert requests[0] is not None
        assert journal.find_answers([requests[0].key])[requests[0].key].text == "<think>hm</think>\n1. a text"
