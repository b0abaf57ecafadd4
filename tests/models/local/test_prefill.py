"""Reading prompts into a cache: what is common is computed once, and the result is that of reading each alone."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.model_calls import request
from textsynth.core.records import Completion, ModelRequest
from textsynth.models.local.decoding import Decoder, Interrupted, TokenizedPrompt, tokenize_prompts
from textsynth.models.local.loading import LoadedModel, ModelSpec, load_model
from textsynth.models.local.prefill import TOKENS_PER_STEP, computed_tokens, group_prompts, steps_of

torch = pytest.importorskip("torch", reason="needs textsynth[local]")

PROMPTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6).map(tuple), min_size=1, max_size=7, unique=True)


def tokens_of(prompts: list[tuple[int, ...]], groups: list[list[tuple[int, ...]]]) -> int:
    """Return how many tokens are computed with these groups."""
    total = sum(map(len, prompts))
    for group in groups:
        beginnings = [zip(*group, strict=False)] if len(group) > 1 else []
        common = sum(1 for each in beginnings for _ in itertools.takewhile(lambda column: len({*column}) == 1, each))
        total -= (len(group) - 1) * min(common, *(len(prompt) - 1 for prompt in group))
    return total


@given(PROMPTS)
@settings(max_examples=200, deadline=None)
def test_the_groups_are_the_best_of_all_groups_of_neighbours(prompts: list[tuple[int, ...]]) -> None:
    prompts.sort()
    groups = group_prompts(prompts)
    assert [index for group in groups for index in group.prompts] == list(range(len(prompts)))
    for group in groups:
        assert len({prompts[index][: group.prefix] for index in group.prompts}) == 1
        assert all(len(prompts[index]) > group.prefix for index in group.prompts)
    all_cuts = itertools.product((False, True), repeat=len(prompts) - 1)
    fewest = min(
        tokens_of(prompts, [prompts[start:end] for start, end in itertools.pairwise([0, *ends, len(prompts)])])
        for cuts in all_cuts
        for ends in [[index for index, cut in enumerate(cuts, 1) if cut]]
    )
    assert computed_tokens(prompts) == fewest
    assert computed_tokens([*prompts, *prompts]) == fewest


@given(st.lists(st.integers(1, 700), max_size=60))
def test_a_step_reads_few_tokens_unless_one_prompt_has_more(lengths: list[int]) -> None:
    steps = list(steps_of(lengths))
    assert sorted(index for step in steps for index in step) == list(range(len(lengths)))
    for step in steps:
        assert len(step) == 1 or len(step) * max(lengths[index] for index in step) <= TOKENS_PER_STEP


def test_answers_are_those_of_prompts_read_alone(tiny_folder: Path) -> None:
    """In float32, in which rounding does not hide an error."""
    exact = dataclasses.replace(
        load_model(ModelSpec("tiny", tiny_folder, dtype="float32"), [].append), end_token_ids=frozenset()
    )
    beginnings = ["", "list of cards: ", "a question about a train, and "]
    endings = ["", "1", "2. where", "3. where is it now"]
    texts = [beginning + ending for beginning in beginnings for ending in endings if beginning + ending]
    requests = [request(text, chat=False, temperature=0.0, max_tokens=12) for text in [*texts, texts[3], texts[0]]]
    together = complete(exact, requests)
    assert together == [complete(exact, [each])[0] for each in requests]
    assert len({completion.text for completion in together}) > len(texts) // 2


def complete(loaded: LoadedModel, requests: list[ModelRequest]) -> list[Completion]:
    prompts = [prompt for prompt in tokenize_prompts(loaded, requests) if isinstance(prompt, TokenizedPrompt)]
    return Decoder(loaded).complete_batch(prompts, threading.Event())


def test_a_cancelled_batch_stops_while_prompts_are_read(loaded: LoadedModel) -> None:
    """A batch of many long prompts is read in several steps; cancelled before the second one, it reads no further."""
    cancelled = threading.Event()
    steps = 0

    def cancel(*_: object) -> None:
        nonlocal steps
        steps += 1
        cancelled.set()

    hook = loaded.model.register_forward_hook(cancel)
    try:
        requests = [request(f"{number} " + "long prompt " * 10, chat=False, max_tokens=4) for number in range(40)]
        prompts = [prompt for prompt in tokenize_prompts(loaded, requests) if isinstance(prompt, TokenizedPrompt)]
        with pytest.raises(Interrupted):
            Decoder(loaded).complete_batch(prompts, cancelled)
    finally:
        hook.remove()
    assert steps == 1
