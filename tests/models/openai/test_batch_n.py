"""Several samples of one prompt in one request (`n`), against servers that support it, ignore it, reject it or crash."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mock import MODEL
from tests.models.model_calls import answers, request, runtime, samples
from tests.runner.recipes import digest
from tests.server import Fault, RunningServer, serving
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.http import Http
from textsynth.recipe import read_recipe
from textsynth.runner import run


def client(server: RunningServer, log: list[str] | None = None, **options: object) -> Any:
    defaults = {"base_url": server.url, "model": MODEL, "timeout_seconds": 5.0, "concurrency": 16}
    return Http.model_validate({**defaults, **options}).open(runtime(lines=log))


def numbered(body: dict[str, Any], use: int) -> str:
    """Answer with the prompt and how many answers to it there were before; a later answer is longer."""
    return f"{body['messages'][0]['content']} #{use}" + "!" * use


def sizes(server: RunningServer) -> list[int]:
    return [body.get("n", 1) for body in server.mock.bodies]


def texts(completions: Sequence[Completion]) -> list[str]:
    return [completion.text.rstrip("!") for completion in completions]


def failures(completions: Sequence[Completion]) -> list[str]:
    return [completion.failure for completion in completions if completion.failure]


def test_samples_of_a_prompt_are_sent_together_in_their_order() -> None:
    with serving(n_support="supported", answer=numbered) as server:
        completions = answers(client(server), samples("hello", 40))
        assert sizes(server) == [16, 16, 8]
        assert server.stats()["peak"] <= 16
    assert texts(completions) == [f"hello #{number}" for number in range(40)]
    assert [each.prompt_tokens for each in completions] == [40 if index in (0, 16, 32) else 0 for index in range(40)]
    assert sum(each.completion_tokens for each in completions) == 40 * 20


@pytest.mark.parametrize(
    ("model_requests", "options"),
    [
        (samples("hello", 6, temperature=0.0), {}),
        (samples("hello", 6), {"batch_n": False}),
        (samples("hello", 6), {"extra_body": {"temperature": 0}}),
        (samples("hello", 6), {"extra_body": {"n": 1}}),
        (samples("hello", 6), {"concurrency": 1}),
    ],
)
def test_requests_that_are_not_sampled_or_not_to_be_batched_are_sent_alone(
    model_requests: list[ModelRequest], options: dict[str, Any]
) -> None:
    with serving(n_support="supported") as server:
        completions = answers(client(server, **options), model_requests)
        assert sizes(server) == [1] * 6
    assert not failures(completions)


def test_requests_that_differ_in_more_than_their_key_are_sent_apart() -> None:
    model_requests = [*samples("hello", 3), *samples("hello", 3, max_tokens=9), *samples("hullo", 3)]
    with serving(n_support="supported") as server:
        answers(client(server), model_requests)
        assert sizes(server) == [3, 3, 3]


@pytest.mark.parametrize("n_support", ["ignored", "rejected", "rejected bluntly"])
def test_a_server_without_n_gets_requests_one_by_one_which_is_logged_once(n_support: str) -> None:
    log: list[str] = []
    with serving(n_support=n_support) as server:
        model = client(server, log)
        completions = answers(model, [each for text in ("a", "b", "c") for each in samples(text, 30)])
        grouped = [size for size in sizes(server) if size > 1]
        assert len(server.mock.bodies) == 90 + (0 if n_support == "ignored" else len(grouped))
    assert len(grouped) == 1
    assert not failures(completions)
    assert model.retried == 0
    assert sum("one completion a request" in line for line in log) == 1


def test_a_server_that_crashes_at_several_completions_is_asked_for_fewer_and_then_for_one() -> None:
    with serving(n_support="crash") as server:
        completions = answers(client(server, retries=0), samples("a", 60))
        grouped = [size for size in sizes(server) if size > 1]
    assert grouped[0] == 16
    assert len(grouped) < 16
    assert max(grouped[1:], default=0) <= 8
    assert not failures(completions)


@pytest.mark.parametrize("fault", ["hole", "fewer", "reset", "garbage", "500", "503", "429", "cut", "empty"])
def test_a_fault_in_one_group_costs_no_completion(fault: str) -> None:
    with serving(n_support="supported", answer=numbered, faults=[Fault(fault, first=1, after="0")]) as server:
        completions = answers(client(server), [*samples("a", 20), *samples("b", 20)])
    for start, text in ((0, "a"), (20, "b")):
        group = texts(completions[start : start + 20])
        assert len(set(group)) == 20
        assert all(each.startswith(f"{text} #") for each in group)
    assert not failures(completions)


@pytest.mark.parametrize(("fault", "altered"), [("long", ("hello #2!!", "length")), ("blank", ("", "stop"))])
def test_a_choice_that_is_cut_or_empty_concerns_its_own_request(fault: str, altered: tuple[str, str]) -> None:
    with serving(n_support="supported", answer=numbered, faults=[Fault(fault)]) as server:
        completions = answers(client(server), samples("hello", 5))
        assert sizes(server) == [5]
    assert (completions[2].text, completions[2].finish) == altered
    assert [each.finish for index, each in enumerate(completions) if index != 2] == ["stop"] * 4


def test_a_group_that_hangs_is_split_and_each_request_has_its_own_failure() -> None:
    with serving(n_support="supported", faults=[Fault("hang", contains="bad")]) as server:
        model = client(server, retries=1, timeout_seconds=0.3)
        completions = answers(model, [*samples("bad", 4), *samples("good", 30)])
    assert all("given up after 2 attempts: no answer within" in str(each.failure) for each in completions[:4])
    assert not failures(completions[4:])


@pytest.mark.parametrize("kind", ["toolong", "400"])
def test_a_prompt_that_is_rejected_fails_each_of_its_samples(kind: str) -> None:
    with serving(n_support="supported", faults=[Fault(kind, contains="bad", message="no such thing")]) as server:
        completions = answers(client(server), [*samples("good", 4), *samples("bad", 5), *samples("well", 8)])
    assert [each.failure is not None for each in completions] == [False] * 4 + [True] * 5 + [False] * 8


def test_the_limit_of_each_of_several_servers_holds() -> None:
    with (
        serving(n_support="supported", latency=0.005) as first,
        serving(n_support="rejected", latency=0.005) as second,
    ):
        model = client(first, base_url=first.url, base_urls=(second.url,), concurrency=3)
        completions = answers(model, [each for number in range(8) for each in samples(f"text {number}", 12)])
        assert max(sizes(first)) == 3
        assert first.stats()["peak"] <= 3
        assert len(set(sizes(second)[4:])) <= 1
    assert not failures(completions)


def test_an_error_in_the_callback_of_one_sample_ends_the_call() -> None:
    model_requests = samples("hello", 20)

    async def on_completion(answered: ModelRequest, _: Completion) -> None:
        if answered is model_requests[3]:
            raise OSError("disk full")

    async def go(model: Any) -> None:
        try:
            await model.complete(model_requests, on_completion)
        finally:
            await model.close()
            assert model.in_flight == 0

    with serving(n_support="supported") as server, pytest.raises(OSError, match="disk full"):
        asyncio.run(go(client(server)))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60),
    st.sampled_from(["supported", "ignored", "rejected", "rejected bluntly", "crash"]),
    st.integers(1, 40),
    st.sampled_from(["", "hole", "fewer", "garbage", "429"]),
)
def test_each_request_gets_a_completion_of_its_own_exactly_once(
    letters: list[str], n_support: str, concurrency: int, fault: str
) -> None:
    counts: Counter[str] = Counter()
    model_requests = []
    for letter in letters:
        model_requests.append(replace(request(letter), key=f"{letter}{counts[letter]}"))
        counts[letter] += 1
    faults = [Fault(fault, every=3, first=9, after="0")] if fault else []
    with serving(n_support=n_support, answer=numbered, varies=False, faults=faults) as server:
        completions = answers(client(server, concurrency=concurrency, retries=30), model_requests)
    assert not failures(completions)
    for model_request, completion in zip(model_requests, completions, strict=True):
        assert completion.text.startswith(f"{model_request.key[0]} #")
    if n_support == "supported":
        assert len({completion.text for completion in completions}) == len(completions)


RECIPE = """\
name: samples
models: {generator: {http: {base_url: "URL", model: mock-small, mode: chat, OPTIONS}}}
labels: {card: asks about a card, transfer: asks about a transfer}
sources: {seeds: seeds.csv}
generate: [labelled: {source: seeds, per_request: 5}]
filter: [{length: {min_words: 7}}, exact_duplicate, near_duplicate]
select: []
want: {label: 150}
"""


def run_recipe(folder: Path, server: RunningServer, options: str) -> dict[str, str]:
    """Run once; return the files of the data set with their hashes."""
    folder.mkdir()
    (folder / "samples.yaml").write_text(RECIPE.replace("URL", server.url).replace("OPTIONS", options))
    seeds = [
        f"{text},{label}" for label in ("card", "transfer") for text in (f"my {label} is late", f"where is my {label}")
    ]
    (folder / "seeds.csv").write_text("\n".join(["text,label", *seeds, ""]))
    assert run(read_recipe(folder / "samples.yaml"), out=folder / "run").exit_code == 0
    return digest(folder / "run")


def test_a_run_with_n_gives_the_same_bytes_with_fewer_requests(tmp_path: Path) -> None:
    with serving(n_support="supported") as without_n:
        expected = run_recipe(tmp_path / "without", without_n, "batch_n: false, concurrency: 1")
    with serving(n_support="supported", latency=0.002) as with_n:
        assert run_recipe(tmp_path / "with", with_n, "concurrency: 16") == expected
    assert set(sizes(without_n)) == {1}
    assert sum(sizes(with_n)) == sum(sizes(without_n))
    assert len(sizes(with_n)) < len(sizes(without_n)) / 2
