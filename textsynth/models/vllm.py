"""A model that TextSynth serves itself, with vLLM: started at the first request, shared, restarted, stopped at the end.

vLLM is the one of this environment, or the one that `textsynth serve --install` makes. The server listens on this
machine only, with a random key. Runs that want the same model with the same flags share one server; it ends with its
last user, unless `keep` is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from textsynth.core.errors import ModelError, UsageError
from textsynth.core.records import ModelRequest
from textsynth.models import Model, ModelRuntime, PromptMode
from textsynth.models.local.bundled import IDENTITY, NAME, bundled_model_folder
from textsynth.models.local.loading import fingerprint, local_folder
from textsynth.models.openai.options import OpenAIOptions
from textsynth.models.vllm_server import environment, flags
from textsynth.models.vllm_server import lease as shared
from textsynth.models.vllm_server.command import make_plan
from textsynth.models.vllm_server.flags import Flag
from textsynth.models.vllm_server.model import ManagedServerModel
from textsynth.models.vllm_server.state import ServerPlan

SPARE_SECONDS = 120.0


class Vllm(OpenAIOptions):
    """A model in a vLLM server of our own, on this machine."""

    model: str = Field(
        default=...,
        min_length=1,
        description=f"a Hub name, a folder (./…), or {NAME}, which needs no network once it is got",
    )
    revision: str | None = Field(default=None, min_length=1, description="branch, tag or commit on the Hub")
    flags: Mapping[str, bool | int | float | str | list[object] | dict[str, object] | None] = Field(
        default_factory=dict,
        description="any flags of vLLM, such as {max-model-len: 4096}; they go over ours, null leaves one of ours out",
    )
    python: str | None = Field(
        default=None,
        description="an interpreter that has vLLM; left out: this one, else that of `textsynth serve --install`",
    )
    port: int | None = Field(default=None, ge=1, le=65535, description="left out: a free one")
    keep_running: bool = Field(default=False, description="let the server run on when the run has ended")
    restarts: int = Field(default=3, ge=0, description="how often a server that died is started again")
    start_minutes: float = Field(
        default=30.0, gt=0, description="how long one start may take, the model's download included"
    )
    mode: Literal["chat", "completion"] | None = Field(
        default=None, description=f"which form of a prompt suits the model; left out: completion for {NAME}, else chat"
    )

    @field_validator("flags")
    @classmethod
    def _are_not_ours(cls, value: Mapping[str, Flag]) -> Mapping[str, Flag]:
        try:
            flags.check_flags(list(value))
        except UsageError as fault:
            raise ValueError(str(fault)) from fault
        return value

    @property
    def identity(self) -> str:
        """Name and revision; with flags or parameters that change answers also their hash."""
        known = self.model if self.revision is None else f"{self.model}@{self.revision}"
        return self.identity_with(IDENTITY if self.model == NAME else known, self._answering())

    def identity_at(self, recipe: Path) -> str:
        """Return the identity; of a folder also a hash of its small files and of the sizes of the large ones."""
        folder = None if self.model == NAME else local_folder(self.model, recipe)
        if folder is None:
            return self.identity
        return self.identity_with(f"{self.model}@{fingerprint(folder)}", self._answering())

    @property
    def prompt_mode(self) -> PromptMode:
        """Completion for the embedded model, which continues a list better than it follows instructions."""
        if self.mode is not None:
            return self.mode
        return "completion" if self.model == NAME else "chat"

    def open(self, place: ModelRuntime) -> Model:
        """Return the model; its server starts at the first request. Raises ModelError where there is no vLLM."""
        python = self.python
        if python is not None and "/" in python:
            python = str(place.recipe_folder / Path(python).expanduser())
        found = environment.find_environment(place.cache_folder, python)
        return ManagedServerModel(
            partial(self._begin, found, place),
            partial(self._connect, place),
            say=place.log,
            seconds=60.0 * self.start_minutes + SPARE_SECONDS,
        )

    def batch_line(self, request: ModelRequest) -> Mapping[str, object]:
        """Return the request as a line of the batch wire format, as `vllm run-batch` takes it."""
        return self.batch_line_for(request, "vllm")

    def plan(self, found: environment.VllmEnvironment, source: Path | str, log: Path) -> ServerPlan:
        """Return how the model is served from `source`, a folder or a Hub name."""
        words = flags.to_arguments(self.flags)
        left_out = [name for name, value in self.flags.items() if value is None]
        return make_plan(
            found,
            self.model,
            source,
            words,
            left_out=left_out,
            revision=self.revision,
            port=self.port,
            log=log,
            restarts=self.restarts,
            start_seconds=60.0 * self.start_minutes,
        )

    def _begin(self, found: environment.VllmEnvironment, place: ModelRuntime) -> shared.ServerLease:
        source = source_of(self.model, place)
        root = shared.folder_in(place.cache_folder)
        logs = place.log_folder if place.log_folder is not None else root
        plan = self.plan(found, source, (logs / log_name(self.model)).absolute())
        return shared.acquire(root, plan, keep=self.keep_running)

    def _connect(self, place: ModelRuntime, url: str, key: str) -> Model:
        return self.make_client((url,), api_key=key, api_key_env=None, server="vllm", log=place.log)

    def _answering(self) -> dict[str, object]:
        """Return the flags that change answers."""
        return {
            f"--{flags.normalized(name)}": value
            for name, value in self.flags.items()
            if flags.normalized(name).removeprefix("no-") in flags.AFFECTS_ANSWERS
        }


def source_of(model: str, place: ModelRuntime) -> Path | str:
    """Return what vLLM loads for a model's name: a folder or a Hub name; the embedded model is got at first use."""
    if model == NAME:
        return bundled_model_folder(place.cache_folder, place.log)
    folder = local_folder(model, place.recipe_folder)
    if folder is None:
        return model
    if not (folder / "config.json").is_file():
        raise ModelError(f"the folder {folder} holds no model: there is no config.json in it")
    return folder.resolve()


def log_name(model: str) -> str:
    """Return the name of the log of a model's server."""
    return f"vllm-{''.join(one if one.isalnum() or one in '-_.' else '-' for one in model).strip('-.')}.log"
