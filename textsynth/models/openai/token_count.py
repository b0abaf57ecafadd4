"""Tokens counted by the server's own `/tokenize`, where its answers do not tell how many they took.

A prompt is counted once, put together as the server does it; every wait is short. The first trouble ends it: from then
on nothing is counted, and that is said once. Does not count the token that ends an answer, and counts its text as it is
cut up anew, which a model may have written in other pieces: at most 2 of 24 tokens off with a real vLLM.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from textsynth.core.records import Completion, ModelRequest
from textsynth.http.body import ProtocolError
from textsynth.http.connection import Reply
from textsynth.http.pool import ConnectError
from textsynth.models.openai import protocol as wire

COUNT_SECONDS = 5.0
MOST_PROMPTS = 4096


class TokenCounter:
    """Counts for one server; `post` sends a body to its `/tokenize`.

    `rendering` are the parameters of a request that say how its prompt becomes tokens.
    """

    def __init__(
        self,
        model: str,
        post: Callable[[bytes], Awaitable[Reply]],
        rendering: Callable[[ModelRequest], Mapping[str, object]],
        say: Callable[[str], None],
    ) -> None:
        self._model = model
        self._post = post
        self._rendering = rendering
        self._say = say
        self._off = False
        self._prompts: dict[bytes, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def fill_missing(
        self, request: ModelRequest, answers: Sequence[Completion | None]
    ) -> list[Completion | None]:
        """Return the answers to one prompt with the counts that the server did not tell; 0 where it cannot be asked."""
        read = [one for one in answers if one is not None]
        if self._off or not read:
            return list(answers)
        read_told, written = any(one.prompt_tokens for one in read), any(one.completion_tokens for one in read)
        if read_told and written:
            return list(answers)
        prompt = 0 if read_told else await self._prompt(request)
        found: list[Completion | None] = []
        for one in answers:
            if one is None:
                found.append(None)
                continue
            text = {"prompt": one.text, "add_special_tokens": False}
            count = 0 if written or not one.text else await self._count(self._body(text))
            found.append(
                replace(
                    one,
                    prompt_tokens=one.prompt_tokens + prompt,
                    completion_tokens=one.completion_tokens + count,
                )
            )
            prompt = 0
        return found

    async def _prompt(self, request: ModelRequest) -> int:
        turns = [{"role": one.role, "content": one.content} for one in request.prompt.messages]
        what = {"messages": turns} if turns else {"prompt": request.prompt.text}
        body = self._body({**what, **self._rendering(request)})
        async with self._one_at_a_time:
            if body not in self._prompts:
                if len(self._prompts) >= MOST_PROMPTS:
                    self._prompts.clear()
                self._prompts[body] = await self._count(body)
            return self._prompts[body]

    def _body(self, what: Mapping[str, object]) -> bytes:
        return wire.encode({"model": self._model, **what})

    async def _count(self, body: bytes) -> int:
        if self._off:
            return 0
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                reply = await self._post(body)
            count = json.loads(reply.body).get("count") if reply.status == 200 else None
        except (ConnectError, ProtocolError, OSError, TimeoutError, ValueError, AttributeError, RecursionError):
            count = None
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31:
            return count
        if not self._off:
            self._off = True
            self._say("the server does not tell how many tokens it reads and writes: they count as 0")
        return 0
