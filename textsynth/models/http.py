"""Any OpenAI-compatible server: vLLM, llama.cpp, TGI, or a service on the internet; or several of one model.

Every wait has an end. What concerns one request (too long a prompt, a refused parameter) is that request's failure;
a wrong key, an unknown model or a server that stays away stops the run with one sentence. Keys come from the
environment and are in no message, journal or log.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from textsynth.errors import ModelError
from textsynth.models import Form, Model, ModelOptions, Place
from textsynth.models.batch import line_of, spoken_at
from textsynth.models.client import Client
from textsynth.models.dialect import Dialect, Speaks
from textsynth.models.target import Target
from textsynth.options import Options
from textsynth.records import Request


class Thinking(Options):
    """How much a model may think; its thoughts are never part of an answer."""

    max_tokens: int = Field(2048, ge=1, description="tokens of thought, beyond the answer's own max_tokens")


class Http(ModelOptions):
    """A model behind the OpenAI HTTP interface."""

    base_url: str = Field(
        default_factory=lambda: os.environ.get("OPENAI_BASE_URL", ""),
        description="the server's address, such as http://127.0.0.1:8000/v1; left out: the variable OPENAI_BASE_URL",
    )
    base_urls: tuple[str, ...] = Field(
        (), description="servers of the same model, used side by side; one that is away is left out until it is back"
    )
    model: str = Field(..., min_length=1, description="the model's name as the server knows it")
    key_env: str | None = Field(None, description="the environment variable that holds the key; left out: no key")
    in_flight: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        "auto", description="requests under way at once at each server; auto finds the number while it works"
    )
    timeout_seconds: float = Field(
        180.0, gt=0, description="how long one try may take, the whole answer included; time in a queue aside"
    )
    retries: int = Field(4, ge=0, description="further tries of a request that fails while others succeed")
    patience_seconds: float = Field(
        180.0, ge=0, description="how long a silent server is waited for (15 s at most if it never answered yet)"
    )
    prompts: Literal["chat", "completion"] = Field("chat", description="which form of a prompt suits the model")
    response_format: bool = Field(
        default=True, description="hold answers to the form that a prompt wants, where the server can"
    )
    thinking: Thinking | None = Field(None, description="let the model think before it answers; left out: it does not")
    adapter: str | None = Field(
        None, min_length=1, description="a LoRA adapter of the model, by its name on the server"
    )
    revision: str | None = Field(None, min_length=1, description="the model's revision, told in passports and keys")
    speaks: Speaks = Field(
        "auto", description="what the server understands: vllm, openai, or auto, which finds out as it goes"
    )
    body: Mapping[str, bool | int | float | str | list[object] | dict[str, object] | None] = Field(
        default_factory=dict, description="further parameters, sent as they are; null leaves one of ours out"
    )

    @model_validator(mode="after")
    def _addresses(self) -> Http:
        if not self.addresses:
            raise ValueError(
                "base_url is missing and OPENAI_BASE_URL is not set; write http://127.0.0.1:8000/v1 or such"
            )
        for url in self.addresses:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"base_url must start with http:// or https://, got {url!r}")
        if len(set(self.addresses)) < len(self.addresses):
            raise ValueError(f"base_urls names a server twice: {', '.join(self.addresses)}")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """All servers: `base_url`, where the recipe gives it or nothing else, and `base_urls`."""
        alone = self.base_url and ("base_url" in self.model_fields_set or not self.base_urls)
        return (self.base_url, *self.base_urls) if alone else self.base_urls

    @property
    def identity(self) -> str:
        """The model's name, revision and adapter; with parameters of its own also their hash.

        Where it is served does not matter.
        """
        told: dict[str, object] = dict(self.body)
        if not self.response_format:
            told["response_format"] = False
        if self.thinking is not None:
            told["thinking"] = self.thinking.max_tokens
        name = self.model if self.revision is None else f"{self.model}@{self.revision}"
        name = name if self.adapter is None else f"{name}+adapter:{self.adapter}"
        if not told:
            return name
        return f"{name}+{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]}"

    @property
    def form(self) -> Form:
        """Chat unless the recipe says otherwise."""
        return self.prompts

    def line(self, request: Request) -> Mapping[str, object]:
        """Return the request as a line of the batch wire format, for the server that its address suggests."""
        dialect = Dialect(
            self.adapter if self.adapter is not None else self.model,
            self.body,
            speaks=self.speaks if self.speaks != "auto" else spoken_at(self.addresses[0]),
            thinking=None if self.thinking is None else self.thinking.max_tokens,
            constraints=self.response_format,
        )
        return line_of(dialect, request)

    def open(self, place: Place) -> Model:
        """Return a client. Connects at the first request. Raises ModelError when the named key is not set."""
        target = Target(
            base_urls=self.addresses,
            model=self.adapter if self.adapter is not None else self.model,
            key=self._key(),
            key_env=self.key_env,
            body=self.body,
            response_format=self.response_format,
            timeout_seconds=self.timeout_seconds,
            thinking=None if self.thinking is None else self.thinking.max_tokens,
            speaks=self.speaks,
        )
        return Client(
            target,
            in_flight=None if self.in_flight == "auto" else self.in_flight,
            retries=self.retries,
            patience_seconds=self.patience_seconds,
            say=place.say,
        )

    def _key(self) -> str | None:
        if self.key_env is None:
            return None
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise ModelError(f"model {self.model!r}: key_env names {self.key_env!r}, which is not set; export it")
        if not (key.isascii() and key.isprintable()):
            raise ModelError(f"model {self.model!r}: the key in {self.key_env!r} holds characters no key has")
        return key
