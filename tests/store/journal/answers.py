"""Stores answers in a journal, as a run does."""

from __future__ import annotations

import asyncio

from textsynth.core.records import Completion, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.store.journal import Journal

PROMPT = RenderedPrompt("labelled", "f00d", messages=(Message("user", "Write one."),))


def request(key: str) -> ModelRequest:
    """Return a request with this key."""
    return ModelRequest(key, PROMPT, Sampling())


def add_answers(journal: Journal, *answers: tuple[str, Completion]) -> None:
    """Store completions under their keys, all at once; returns when they are on disk."""

    async def add_all() -> None:
        await asyncio.gather(*(journal.add_answer(request(key), answer, model="m") for key, answer in answers))

    asyncio.run(add_all())
