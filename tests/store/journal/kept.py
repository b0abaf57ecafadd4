"""Answers kept in a journal, as a run keeps them."""

from __future__ import annotations

import asyncio

from textsynth.core.records import Completion, Message, ModelRequest, RenderedPrompt, Sampling
from textsynth.store.journal import Journal

PROMPT = RenderedPrompt("labelled", "f00d", messages=(Message("user", "Write one."),))


def request(key: str) -> ModelRequest:
    """Return a request under this key."""
    return ModelRequest(key, PROMPT, Sampling())


def keep(journal: Journal, *pairs: tuple[str, Completion]) -> None:
    """Keep completions under their keys, all at once; returns when they are on disk."""

    async def all_at_once() -> None:
        await asyncio.gather(*(journal.add_answer(request(key), one, model="m") for key, one in pairs))

    asyncio.run(all_at_once())
