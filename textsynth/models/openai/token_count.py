"""Counting tokens with the server's `/tokenize`, where its responses have no token counts.

A prompt is counted once, rendered as the server renders it; every wait is short. The first failure ends the counting,
which is logged once; from then on tokens are estimated, so that a limit of tokens holds all the same. The token that
ends an answer is not counted, and the text of an answer is tokenized again, perhaps into other tokens than the model
sampled: at most 2 of 24 tokens off with a real vLLM.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from textsynth.core.records import Completion, ModelRequest
from textsynth.http.pool import ConnectError
from textsynth.http.response import ProtocolError, Response
from textsynth.models.openai import protocol

COUNT_TIMEOUT_SECONDS = 5.0
MAX_CACHED_PROMPTS = 4096
# Of UTF-8: about right for English, and for languages with a token or so for each character of three bytes.
BYTES_PER_TOKEN = 4


class TokenCounter:
    """Counts for one server; `post` sends a body to its `/tokenize`.

    `rendering_parameters` returns the parameters of a request that decide how its prompt becomes tokens.
    """

    def __init__(
        self,
        model: str,
        post: Callable[[bytes], Awaitable[Response]],
        rendering_parameters: Callable[[ModelRequest], Mapping[str, object]],
        log: Callable[[str], None],
    ) -> None:
        self._model = model
        self._post = post
        self._rendering_parameters = rendering_parameters
        self._log = log
        self._is_disabled = False
        self._prompt_counts: dict[bytes, int] = {}
        self._lock = asyncio.Lock()

    async def fill_missing(
        self, request: ModelRequest, completions: Sequence[Completion | None]
    ) -> list[Completion | None]:
        """Return the completions of one prompt with the counts that the response lacks; estimates where counting fails.

        The prompt's tokens are those of the first completion.
        """
        if all(completion and completion.prompt_tokens and completion.completion_tokens for completion in completions):
            return list(completions)
        parsed = [completion for completion in completions if completion is not None]
        has_prompt_tokens = any(completion.prompt_tokens for completion in parsed)
        has_completion_tokens = any(completion.completion_tokens for completion in parsed)
        if not parsed or (has_prompt_tokens and has_completion_tokens):
            return list(completions)
        prompt_tokens = 0 if has_prompt_tokens else await self._count_prompt(request)
        filled: list[Completion | None] = []
        for completion in completions:
            if completion is None:
                filled.append(None)
                continue
            needs_count = completion.text and not has_completion_tokens
            completion_tokens = await self._count_text(completion.text) if needs_count else 0
            filled.append(
                replace(
                    completion,
                    prompt_tokens=completion.prompt_tokens + prompt_tokens,
                    completion_tokens=completion.completion_tokens + completion_tokens,
                )
            )
            prompt_tokens = 0
        return filled

    async def _count_prompt(self, request: ModelRequest) -> int:
        estimate = estimated_tokens(request.prompt.text, *(message.content for message in request.prompt.messages))
        if self._is_disabled:
            return estimate
        messages = [{"role": message.role, "content": message.content} for message in request.prompt.messages]
        prompt = {"messages": messages} if messages else {"prompt": request.prompt.text}
        body = self._encode({**prompt, **self._rendering_parameters(request)})
        async with self._lock:
            if body not in self._prompt_counts:
                if len(self._prompt_counts) >= MAX_CACHED_PROMPTS:
                    self._prompt_counts.clear()
                self._prompt_counts[body] = await self._count(body, estimate)
            return self._prompt_counts[body]

    async def _count_text(self, text: str) -> int:
        estimate = estimated_tokens(text)
        if self._is_disabled:
            return estimate
        return await self._count(self._encode({"prompt": text, "add_special_tokens": False}), estimate)

    def _encode(self, parameters: Mapping[str, object]) -> bytes:
        return protocol.encode_json({"model": self._model, **parameters})

    async def _count(self, body: bytes, estimate: int) -> int:
        """Return the count of `/tokenize`; the estimate where it fails, and from then on."""
        if self._is_disabled:
            return estimate
        try:
            async with asyncio.timeout(COUNT_TIMEOUT_SECONDS):
                response = await self._post(body)
            count = json.loads(response.body).get("count") if response.status == 200 else None
        except (ConnectError, ProtocolError, OSError, TimeoutError, ValueError, AttributeError, RecursionError):
            count = None
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count < protocol.MAX_TOKEN_COUNT:
            return count
        if not self._is_disabled:
            self._is_disabled = True
            self._log(
                f"the server returns no token counts: they are estimated, {BYTES_PER_TOKEN} bytes of text a token,"
                " without any thoughts of the model"
            )
        return estimate


def estimated_tokens(*texts: str) -> int:
    """Return about how many tokens the texts have, at least 1."""
    return max(1, sum(len(text.encode("utf-8", "replace")) for text in texts) // BYTES_PER_TOKEN)
