"""How a model behind the OpenAI protocol is asked: what `http` and `vllm` have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from textsynth.core.options import Options
from textsynth.core.records import ModelRequest
from textsynth.models import ModelOptions
from textsynth.models.openai.batch_format import request_line
from textsynth.models.openai.capabilities import ServerKind
from textsynth.models.openai.client import Client
from textsynth.models.openai.config import EndpointConfig


class Thinking(Options):
    """How much a model may think; its thoughts are never part of an answer."""

    max_tokens: int = Field(default=2048, ge=1, description="tokens of thought, beyond the answer's own max_tokens")


class OpenAIOptions(ModelOptions):
    """What a recipe may say about asking, wherever the model is served."""

    model: str = Field(default=..., min_length=1, description="the model's name as the server knows it")
    revision: str | None = Field(
        default=None, min_length=1, description="the model's revision, told in provenance and keys"
    )
    adapter: str | None = Field(
        default=None, min_length=1, description="a LoRA adapter of the model, by its name on the server"
    )
    engine: str | None = Field(
        default=None,
        min_length=1,
        description="the engine and version that must answer, such as vllm-0.32: told in keys",
    )
    concurrency: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto", description="requests under way at once at each server; auto finds the number while it works"
    )
    timeout_seconds: float = Field(
        default=180.0, gt=0, description="how long one try may take, the whole answer included; time in a queue aside"
    )
    retries: int = Field(default=4, ge=0, description="further tries of a request that fails while others succeed")
    max_downtime_seconds: float = Field(
        default=180.0,
        ge=0,
        description="how long a silent server is waited for (15 s at most if it never answered yet)",
    )
    response_format: bool = Field(
        default=True, description="hold answers to the form that a prompt wants, where the server can"
    )
    batch_n: bool = Field(
        default=True,
        description="ask for several answers to one prompt in one request (n), where they wait together",
    )
    thinking: Thinking | None = Field(
        default=None, description="let the model think before it answers; left out: it does not"
    )
    extra_body: Mapping[str, bool | int | float | str | list[object] | dict[str, object] | None] = Field(
        default_factory=dict, description="further parameters, sent as they are; null leaves one of ours out"
    )

    @property
    def served_name(self) -> str:
        """The name that requests carry: the adapter's, where there is one."""
        return self.adapter if self.adapter is not None else self.model

    def identity_with(self, name: str, more: Mapping[str, object]) -> str:
        """Return a name with the adapter and a hash of all that changes answers: parameters, and `more` of the kind."""
        told: dict[str, object] = dict(self.extra_body)
        if not self.response_format:
            told["response_format"] = False
        if self.thinking is not None:
            told["thinking"] = self.thinking.max_tokens
        if self.engine is not None:
            told["engine"] = self.engine
        told |= more
        name = name if self.adapter is None else f"{name}+adapter:{self.adapter}"
        if not told:
            return name
        return f"{name}+{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]}"

    def batch_line_for(self, request: ModelRequest, speaks: ServerKind) -> Mapping[str, object]:
        """Return the request as a line of the batch wire format."""
        dialect = self._target((), key=None, key_env=None, speaks=speaks).capabilities(lambda _: None)
        return request_line(dialect, request)

    def make_client(
        self,
        base_urls: tuple[str, ...],
        *,
        key: str | None,
        key_env: str | None,
        speaks: ServerKind,
        say: Callable[[str], None],
    ) -> Client:
        """Return a client of servers that all serve this model; it connects at the first request."""
        target = self._target(base_urls, key=key, key_env=key_env, speaks=speaks)
        return Client(
            target,
            in_flight=None if self.concurrency == "auto" else self.concurrency,
            retries=self.retries,
            patience_seconds=self.max_downtime_seconds,
            say=say,
        )

    def _target(
        self, base_urls: tuple[str, ...], *, key: str | None, key_env: str | None, speaks: ServerKind
    ) -> EndpointConfig:
        return EndpointConfig(
            base_urls=base_urls,
            model=self.served_name,
            api_key=key,
            api_key_env=key_env,
            extra_body=self.extra_body,
            response_format=self.response_format,
            timeout_seconds=self.timeout_seconds,
            thinking=None if self.thinking is None else self.thinking.max_tokens,
            server=speaks,
            engine=self.engine,
            batch_n=self.batch_n,
        )
