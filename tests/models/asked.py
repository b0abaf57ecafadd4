"""Requests and a place for tests of models, and how to ask a model for all its answers."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
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


def requests(count: int, **more: object) -> list[ModelRequest]:
    """Return different requests."""
    return [request(f"question {number}.", **more) for number in range(count)]  # type: ignore[arg-type]


def place(folder: Path = Path(), said: list[str] | None = None) -> ModelRuntime:
    """Return a place whose cache is inside the folder and whose voice fills `said`."""
    return ModelRuntime(folder, folder / "cache", [].append if said is None else said.append)


async def complete(model: Model, asked: Sequence[ModelRequest]) -> dict[str, Completion]:
    """Return all completions by the request's key; each must come once."""
    found: dict[str, Completion] = {}

    async def arrived(one: ModelRequest, completion: Completion) -> None:
        assert one.key not in found, "an answer arrived twice"
        await asyncio.sleep(0)
        found[one.key] = completion

    await model.complete(asked, arrived)
    assert list(found) or not asked
    return found


def answers(model: Model, asked: Sequence[ModelRequest]) -> list[Completion]:
    """Ask, close, and return the completions in the order of the requests."""

    async def go() -> dict[str, Completion]:
        try:
            return await complete(model, asked)
        finally:
            await model.close()

    found = asyncio.run(go())
    return [found[one.key] for one in asked]
