"""Tokens counted by the server's own `/tokenize`, where its answers do not tell how many they took.

A prompt is counted once; every wait is short. The first trouble ends it: from then on nothing is counted, and that is
said once. Does not count what a chat template or a stop token adds to an answer: no server tells these apart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from textsynth.models.remote import wire
from textsynth.models.remote.body import Broken
from textsynth.models.remote.connections import Away
from textsynth.models.remote.exchange import Reply
from textsynth.records import Completion, Rendered, Request

COUNT_SECONDS = 5.0
MOST_PROMPTS = 4096


class Counting:
    """Counts for one server; `post` sends a body to its `/tokenize`."""

    def __init__(self, model: str, post: Callable[[bytes], Awaitable[Reply]], say: Callable[[str], None]) -> None:
        self._model = model
        self._post = post
        self._say = say
        self._off = False
        self._prompts: dict[Rendered, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def fill(self, request: Request, answers: Sequence[Completion | None]) -> list[Completion | None]:
        """Return the answers to one prompt with the counts that the server did not tell; 0 where it cannot be asked."""
        read = [one for one in answers if one is not None]
        if self._off or not read:
            return list(answers)
        read_told, written = any(one.prompt_tokens for one in read), any(one.completion_tokens for one in read)
        if read_told and written:
            return list(answers)
        prompt = 0 if read_told else await self._prompt(request.prompt)
        found: list[Completion | None] = []
        for one in answers:
            if one is None:
                found.append(None)
                continue
            text = {"prompt": one.text, "add_special_tokens": False}
            count = 0 if written or not one.text else await self._count(text)
            found.append(
                replace(
                    one,
                    prompt_tokens=one.prompt_tokens + prompt,
                    completion_tokens=one.completion_tokens + count,
                )
            )
            prompt = 0
        return found

    async def _prompt(self, prompt: Rendered) -> int:
        async with self._one_at_a_time:
            if prompt not in self._prompts:
                if len(self._prompts) >= MOST_PROMPTS:
                    self._prompts.clear()
                turns = [{"role": one.role, "content": one.content} for one in prompt.messages]
                self._prompts[prompt] = await self._count({"messages": turns} if turns else {"prompt": prompt.text})
            return self._prompts[prompt]

    async def _count(self, what: dict[str, object]) -> int:
        if self._off:
            return 0
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                reply = await self._post(wire.encoded({"model": self._model, **what}))
            count = json.loads(reply.body).get("count") if reply.status == 200 else None
        except (Away, Broken, OSError, TimeoutError, ValueError, AttributeError, RecursionError):
            count = None
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31:
            return count
        if not self._off:
            self._off = True
            self._say("the server does not tell how many tokens it reads and writes: they count as 0")
        return 0
