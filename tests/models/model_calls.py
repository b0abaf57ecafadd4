"""Requests for tests of models, and how to get their completions from a model."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textsynth.core.records import Completion, Constraint, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.models import Model, ModelRuntime


def request(
    text: str,
    *,
    chat: bool = True,
    constraint: Constraint | None = None,
    options: tuple[str, ...] = (),
    **sampling: object,
) -> ModelRequest:
    """Return a request whose key is the hash of its text."""
    messages = (Message("user", text),) if chat else ()
    prompt = RenderedPrompt("test", "0", messages=messages, text="" if chat else text)
    return ModelRequest(hashlib.sha256(text.encode()).hexdigest(), prompt, Sampling(**sampling), constraint, options)  # type: ignore[arg-type]


def requests(count: int, **options: object) -> list[ModelRequest]:
    """Return requests with different prompts."""
    return [request(f"question {number}.", **options) for number in range(count)]  # type: ignore[arg-type]


def samples(text: str, count: int, **options: object) -> list[ModelRequest]:
    """Return requests for several samples of one prompt: they differ in their key only, as those of a journal do."""
    first = request(text, **options)  # type: ignore[arg-type]
    keys = [hashlib.sha256(f"{text}{options}{number}".encode()).hexdigest() for number in range(count)]
    return [replace(first, key=key) for key in keys]


def runtime(folder: Path = Path(), lines: list[str] | None = None) -> ModelRuntime:
    """Return a runtime whose cache is inside the folder, and which logs into `lines`."""
    return ModelRuntime(folder, folder / "cache", [].append if lines is None else lines.append)


async def complete(model: Model, model_requests: Sequence[ModelRequest]) -> dict[str, Completion]:
    """Return all completions by the request's key; each must come once."""
    completions: dict[str, Completion] = {}

    async def on_completion(answered: ModelRequest, completion: Completion) -> None:
        assert answered.key not in completions, "a request was answered twice"
        await asyncio.sleep(0)
        completions[answered.key] = completion

    await model.complete(model_requests, on_completion)
    assert list(completions) or not model_requests
    return completions


def answers(model: Model, model_requests: Sequence[ModelRequest]) -> list[Completion]:
    """Return the completions in the order of the requests, and close the model."""

    async def complete_and_close() -> dict[str, Completion]:
        try:
            return await complete(model, model_requests)
        finally:
            await model.close()

    completions = asyncio.run(complete_and_close())
    return [completions[each.key] for each in model_requests]
