"""Any OpenAI-compatible server: vLLM, llama.cpp, TGI, or a service on the internet; or several of one model.

No request waits forever. What concerns one request (a prompt that is too long, a rejected parameter) is that request's
failure; a wrong key, an unknown model or a server that stays down stops the run with one sentence. Keys come from the
environment, and never appear in a message, a journal or a log.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from textsynth.core.errors import ModelError
from textsynth.core.options import Texts
from textsynth.core.records import ModelRequest
from textsynth.core.secrets import redact_address
from textsynth.models import Model, ModelRuntime, PromptMode, WorkerNeeds
from textsynth.models.openai.batch_format import guess_server_kind
from textsynth.models.openai.capabilities import ServerKind
from textsynth.models.openai.options import OpenAIOptions


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


class Http(OpenAIOptions):
    """A model behind an OpenAI-compatible HTTP API."""

    base_url: str = Field(
        default_factory=lambda: os.environ.get("OPENAI_BASE_URL", ""),
        description="address of the server, such as http://127.0.0.1:8000/v1; default: the variable OPENAI_BASE_URL",
    )
    base_urls: Texts = Field(
        default=(),
        description="addresses of several servers of the same model; one that is down is left out until it is back",
    )
    api_key_env: str | None = Field(
        default=None, description="name of the environment variable that holds the key; default: no key"
    )
    mode: Literal["chat", "completion"] = Field(default="chat", description="the form of prompts that suits the model")
    server: ServerKind = Field(
        default="auto", description="which parameters the server supports: vllm, openai, or auto, which finds out"
    )

    @model_validator(mode="after")
    def _check_addresses(self) -> Http:
        if not self.addresses:
            raise ValueError(
                "base_url is missing and OPENAI_BASE_URL is not set; write an address such as http://127.0.0.1:8000/v1"
            )
        for url in self.addresses:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"base_url must start with http:// or https://, found {url!r}")
            if not _is_address(url):
                raise ValueError(
                    f"base_url is no address, found {redact_address(url)!r}; expected one such as http://h:8000/v1 "
                    "(an IPv6 host in brackets: http://[::1]:8000/v1)"
                )
        if len(set(self.addresses)) < len(self.addresses):
            raise ValueError(f"base_urls names a server twice: {', '.join(self.addresses)}")
        if self.api_key_env is not None and not re.fullmatch(r"[A-Za-z_]\w*", self.api_key_env, re.ASCII):
            # the value may be the key itself, so no message repeats it
            raise ValueError(
                "api_key_env must be the name of an environment variable, such as OPENAI_API_KEY, but is not a valid"
                " name; a key must not be written into a recipe"
            )
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        """All servers: `base_url`, if the recipe sets it or sets no others, and `base_urls`."""
        uses_base_url = self.base_url and ("base_url" in self.model_fields_set or not self.base_urls)
        return (self.base_url, *self.base_urls) if uses_base_url else tuple(self.base_urls)

    @property
    def identity(self) -> str:
        """The model's name, revision and adapter, and a hash of the options that change answers; no address."""
        return self.identity_with(self.model if self.revision is None else f"{self.model}@{self.revision}", {})

    @property
    def prompt_mode(self) -> PromptMode:
        """The form of prompts that the recipe sets; chat by default."""
        return self.mode

    def batch_line(self, request: ModelRequest) -> Mapping[str, object]:
        """Return the request as a line of the batch format; `server: auto` is resolved by the server's address."""
        server = self.server if self.server != "auto" else guess_server_kind(self.addresses[0])
        return self.batch_line_for(request, server)

    def open(self, runtime: ModelRuntime) -> Model:
        """Return a client; it connects at the first request. Raises ModelError when the key's variable is not set."""
        return self.make_client(
            self.addresses,
            api_key=self._api_key(),
            api_key_env=self.api_key_env,
            server=self.server,
            log=runtime.log,
        )

    def worker_needs(self, runtime: ModelRuntime) -> WorkerNeeds:
        """Return one worker for each node: a client waits more than it computes."""
        return WorkerNeeds("node")

    def open_worker(self, runtime: ModelRuntime, number: int, count: int) -> Model:
        """Return a client with its share of a concurrency that the recipe sets. Raises what `open` raises."""
        if self.concurrency == "auto":
            return self.open(runtime)
        return self.model_copy(update={"concurrency": -(-self.concurrency // count)}).open(runtime)

    def _api_key(self) -> str | None:
        if self.api_key_env is None:
            return None
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ModelError(
                f"model {self.model!r}: the environment variable {self.api_key_env!r}, which api_key_env names, is not"
                " set; export it"
            )
        if not (key.isascii() and key.isprintable()):
            raise ModelError(
                f"model {self.model!r}: the key in {self.api_key_env!r} has characters that a key cannot have;"
                " expected printable ASCII"
            )
        return key
