"""The options that every model behind the OpenAI-compatible API has: those of `http` and of `vllm`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
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

    max_tokens: int = Field(default=2048, ge=1, description="tokens of thought, in addition to the answer's max_tokens")


class OpenAIOptions(ModelOptions):
    """The options of requests, wherever the model is served."""

    model: str = Field(default=..., min_length=1, description="name of the model on the server")
    revision: str | None = Field(
        default=None, min_length=1, description="revision of the model; part of provenance and journal keys"
    )
    adapter: str | None = Field(
        default=None, min_length=1, description="name of a LoRA adapter of the model on the server"
    )
    engine: str | None = Field(
        default=None,
        min_length=1,
        description="engine and version that every answer must come from, such as vllm-0.32; part of journal keys",
    )
    concurrency: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto", description="concurrent requests to each server; auto adapts the number while it runs"
    )
    timeout_seconds: float = Field(
        default=180.0, gt=0, description="time limit of one attempt; time in the server's queue does not count"
    )
    retries: int = Field(default=4, ge=0, description="how often a request is repeated that fails while others succeed")
    max_downtime_seconds: float = Field(
        default=180.0,
        ge=0,
        description="stop the run once the server has not responded for this long (15 s if it never responded)",
    )
    response_format: bool = Field(
        default=True, description="constrain answers to the format that the prompt asks for, where the server can"
    )
    batch_n: bool = Field(
        default=True, description="ask for several answers to one prompt in one request (n), where they wait together"
    )
    thinking: Thinking | None = Field(
        default=None, description="let the model think before it answers; default: it does not think"
    )
    extra_body: Mapping[str, bool | int | float | str | list[object] | dict[str, object] | None] = Field(
        default_factory=dict, description="further parameters of every request; null omits one that is sent by default"
    )

    @property
    def served_name(self) -> str:
        """The model name in requests: the adapter's, where there is one."""
        return self.adapter if self.adapter is not None else self.model

    def identity_with(self, name: str, engine_options: Mapping[str, object]) -> str:
        """Return the name with the adapter and a hash of everything that changes answers.

        That is the options of this class, and `engine_options` of the engine that serves the model.
        """
        hashed: dict[str, object] = dict(self.extra_body)
        if not self.response_format:
            hashed["response_format"] = False
        if self.thinking is not None:
            hashed["thinking"] = self.thinking.max_tokens
        if self.engine is not None:
            hashed["engine"] = self.engine
        hashed |= engine_options
        name = name if self.adapter is None else f"{name}+adapter:{self.adapter}"
        if not hashed:
            return name
        return f"{name}+{hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:12]}"

    def batch_line_for(self, request: ModelRequest, server: ServerKind) -> Mapping[str, object]:
        """Return the request as a line of the batch format, for a server of this kind."""
        config = self._endpoint_config((), server=server)
        return request_line(config.new_capabilities(lambda _: None), request)

    def make_client(
        self,
        base_urls: tuple[str, ...],
        *,
        server: ServerKind,
        log: Callable[[str], None],
        api_key: str | None = None,
        api_key_env: str | None = None,
        server_keys: Mapping[str, str] = MappingProxyType({}),
    ) -> Client:
        """Return a client of servers that all serve this model; it connects at the first request."""
        return Client(
            self._endpoint_config(
                base_urls, server=server, api_key=api_key, api_key_env=api_key_env, server_keys=server_keys
            ),
            concurrency=None if self.concurrency == "auto" else self.concurrency,
            retries=self.retries,
            max_downtime_seconds=self.max_downtime_seconds,
            log=log,
        )

    def _endpoint_config(
        self,
        base_urls: tuple[str, ...],
        *,
        server: ServerKind,
        api_key: str | None = None,
        api_key_env: str | None = None,
        server_keys: Mapping[str, str] = MappingProxyType({}),
    ) -> EndpointConfig:
        return EndpointConfig(
            base_urls=base_urls,
            model=self.served_name,
            api_key=api_key,
            api_key_env=api_key_env,
            server_keys=server_keys,
            extra_body=self.extra_body,
            response_format=self.response_format,
            timeout_seconds=self.timeout_seconds,
            thinking_tokens=None if self.thinking is None else self.thinking.max_tokens,
            server=server,
            engine=self.engine,
            batch_n=self.batch_n,
        )
