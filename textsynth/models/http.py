"""Any OpenAI-compatible server: vLLM, llama.cpp, TGI, or a service on the internet; or several of one model.

Every wait has an end. What concerns one request (too long a prompt, a refused parameter) is that request's failure;
a wrong key, an unknown model or a server that stays away stops the run with one sentence. Keys come from the
environment and are in no message, journal or log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from textsynth.core.errors import ModelError
from textsynth.core.options import Texts
from textsynth.core.records import ModelRequest
from textsynth.models import Model, ModelRuntime, PromptMode
from textsynth.models.openai.batch_format import guess_server_kind
from textsynth.models.openai.capabilities import ServerKind
from textsynth.models.openai.options import OpenAIOptions


class Http(OpenAIOptions):
    """A model behind the OpenAI HTTP interface."""

    base_url: str = Field(
        default_factory=lambda: os.environ.get("OPENAI_BASE_URL", ""),
        description="the server's address, such as http://127.0.0.1:8000/v1; left out: the variable OPENAI_BASE_URL",
    )
    base_urls: Texts = Field(
        default=(),
        description="servers of the same model, used side by side; one that is away is left out until it is back",
    )
    api_key_env: str | None = Field(
        default=None, description="the environment variable that holds the key; left out: no key"
    )
    mode: Literal["chat", "completion"] = Field(default="chat", description="which form of a prompt suits the model")
    server: ServerKind = Field(
        default="auto", description="what the server understands: vllm, openai, or auto, which finds out as it goes"
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
        if self.api_key_env is not None and not re.fullmatch(r"[A-Za-z_]\w*", self.api_key_env, re.ASCII):
            # What was written may be the key itself, so no message repeats it.
            raise ValueError(
                "key_env is the name of an environment variable, as OPENAI_API_KEY, and what stands there is none: "
                "a key never stands in a recipe"
            )
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """All servers: `base_url`, where the recipe gives it or nothing else, and `base_urls`."""
        alone = self.base_url and ("base_url" in self.model_fields_set or not self.base_urls)
        return (self.base_url, *self.base_urls) if alone else tuple(self.base_urls)

    @property
    def identity(self) -> str:
        """The model's name, revision and adapter; with parameters of its own also their hash.

        Where it is served does not matter.
        """
        return self.identity_with(self.model if self.revision is None else f"{self.model}@{self.revision}", {})

    @property
    def prompt_mode(self) -> PromptMode:
        """Chat unless the recipe says otherwise."""
        return self.mode

    def batch_line(self, request: ModelRequest) -> Mapping[str, object]:
        """Return the request as a line of the batch wire format, for the server that its address suggests."""
        return self.batch_line_for(
            request, self.server if self.server != "auto" else guess_server_kind(self.addresses[0])
        )

    def open(self, place: ModelRuntime) -> Model:
        """Return a client. Connects at the first request. Raises ModelError when the named key is not set."""
        return self.make_client(
            self.addresses, key=self._key(), key_env=self.api_key_env, speaks=self.server, say=place.log
        )

    def _key(self) -> str | None:
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ModelError(f"model {self.model!r}: key_env names {self.api_key_env!r}, which is not set; export it")
        if not (key.isascii() and key.isprintable()):
            raise ModelError(f"model {self.model!r}: the key in {self.api_key_env!r} holds characters no key has")
        return key
