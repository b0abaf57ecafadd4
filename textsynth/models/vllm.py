"""A model on a vLLM server that TextSynth manages: started at the first request, restarted after a crash, then stopped.

vLLM is that of this environment, or of the one that `textsynth serve --install` creates. The server listens on this
machine only and requires a random API key. Runs with the same model and the same flags share one server, which stops
with its last user, unless `keep_running` is true. `replicas` starts several servers, each on GPUs of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import Field, field_validator, model_validator

from textsynth.core.errors import ModelError, UsageError
from textsynth.core.records import ModelRequest
from textsynth.models import Model, ModelRuntime, PromptMode, WorkerNeeds
from textsynth.models.local.bundled import BUNDLED_IDENTITY, BUNDLED_MODEL, bundled_model_folder
from textsynth.models.local.loading import fingerprint, local_folder
from textsynth.models.openai.options import OpenAIOptions
from textsynth.models.vllm_server import flags, lease
from textsynth.models.vllm_server.command import make_plan
from textsynth.models.vllm_server.environment import VllmEnvironment, find_environment
from textsynth.models.vllm_server.flags import FlagValue
from textsynth.models.vllm_server.gpus import VISIBLE_GPUS, gpus_per_server, replica_variables, visible_gpus
from textsynth.models.vllm_server.model import ManagedServerModel
from textsynth.models.vllm_server.state import ServerPlan

# Time for acquiring the server, added to the time limit of its start.
ACQUIRE_SECONDS = 120.0
MAX_PORT = 65535


class Vllm(OpenAIOptions):
    """A model on a vLLM server that TextSynth starts on this machine."""

    model: str = Field(
        default=...,
        min_length=1,
        description=f"a Hub name, a folder (./…), or {BUNDLED_MODEL}, which needs no network once it is downloaded",
    )
    revision: str | None = Field(default=None, min_length=1, description="branch, tag or commit on the Hub")
    flags: Mapping[str, bool | int | float | str | list[object] | dict[str, object] | None] = Field(
        default_factory=dict,
        description="flags of vLLM, such as {max-model-len: 4096}; they override the defaults, null removes a default",
    )
    python: str | None = Field(
        default=None,
        description="an interpreter that has vLLM; default: this one, else that of `textsynth serve --install`",
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=MAX_PORT,
        description="default: a free one; with replicas that of the first, the others follow",
    )
    replicas: int = Field(
        default=1,
        ge=1,
        description="servers that share the requests; each uses as many GPUs as tensor-parallel-size in flags, or 1",
    )
    keep_running: bool = Field(default=False, description="let the server run on when the run has ended")
    restarts: int = Field(default=3, ge=0, description="how often a server that crashed is restarted")
    start_minutes: float = Field(
        default=30.0, gt=0, description="the time limit of one start, including the download of the model"
    )
    mode: Literal["chat", "completion"] | None = Field(
        default=None, description=f"the mode of prompt to use; default: completion for {BUNDLED_MODEL}, else chat"
    )

    @field_validator("flags")
    @classmethod
    def _check_flags(cls, value: Mapping[str, FlagValue]) -> Mapping[str, FlagValue]:
        try:
            flags.check_flags(list(value))
        except UsageError as error:
            raise ValueError(str(error)) from error
        return value

    @model_validator(mode="after")
    def _check_ports(self) -> Vllm:
        if self.port is not None and self.port + self.replicas - 1 > MAX_PORT:
            raise ValueError(
                f"{self.replicas} replicas from port {self.port} on need ports above {MAX_PORT}; lower port"
            )
        return self

    @property
    def identity(self) -> str:
        """Name and revision; with flags or parameters that change answers also their hash."""
        name = self.model if self.revision is None else f"{self.model}@{self.revision}"
        return self.identity_with(BUNDLED_IDENTITY if self.model == BUNDLED_MODEL else name, self._answer_flags())

    def identity_at(self, recipe_folder: Path) -> str:
        """Return the identity; for a folder with a hash of its files, of large ones by samples."""
        folder = None if self.model == BUNDLED_MODEL else local_folder(self.model, recipe_folder)
        if folder is None:
            return self.identity
        return self.identity_with(f"{self.model}@{fingerprint(folder)}", self._answer_flags())

    @property
    def prompt_mode(self) -> PromptMode:
        """Completion for the bundled model, which continues a list better than it follows instructions; else chat."""
        if self.mode is not None:
            return self.mode
        return "completion" if self.model == BUNDLED_MODEL else "chat"

    def open(self, runtime: ModelRuntime) -> Model:
        """Return the model; its servers start at the first request.

        Raises ModelError where there is no vLLM, or fewer GPUs than the replicas need.
        """
        environment = self._environment(runtime)
        return self._managed(environment, runtime, replica_variables(environment, self.flags, self.replicas))

    def worker_needs(self, runtime: ModelRuntime) -> WorkerNeeds:
        """Return one worker for each replica, with the GPUs of a server; none where vLLM here is that for the CPU."""
        try:
            is_cpu = self._environment(runtime).is_cpu
        except ModelError:  # only the nodes with GPUs may have vLLM
            is_cpu = False
        return WorkerNeeds(self.replicas, 0 if is_cpu else gpus_per_server(self.flags), is_fixed=True)

    def open_worker(self, runtime: ModelRuntime, number: int, count: int) -> Model:
        """Return the model with one server, on the GPUs of the worker. Raises what `open` raises."""
        environment = self._environment(runtime)
        gpus = {} if environment.is_cpu else {VISIBLE_GPUS: ",".join(visible_gpus())}
        return self._managed(environment, runtime, [gpus], first=number)

    def _environment(self, runtime: ModelRuntime) -> VllmEnvironment:
        python = self.python
        if python is not None and "/" in python:
            python = str(runtime.recipe_folder / Path(python).expanduser())
        return find_environment(runtime.cache_folder, python)

    def _managed(
        self,
        environment: VllmEnvironment,
        runtime: ModelRuntime,
        variables: Sequence[Mapping[str, str]],
        *,
        first: int = 0,
    ) -> Model:
        """Return the model with a server for each map of environment variables, numbered from `first`."""
        return ManagedServerModel(
            [
                partial(self._acquire, environment, runtime, replica, of_replica)
                for replica, of_replica in enumerate(variables, first)
            ],
            partial(self._connect, runtime),
            log=runtime.log,
            timeout=60.0 * self.start_minutes + ACQUIRE_SECONDS,
        )

    def batch_line(self, request: ModelRequest) -> Mapping[str, object]:
        """Return the request as a line of a batch file, in the format of `vllm run-batch`."""
        return self.batch_line_for(request, "vllm")

    def plan(
        self,
        environment: VllmEnvironment,
        source: Path | str,
        log: Path,
        *,
        replica: int = 0,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> ServerPlan:
        """Return the plan of a server of `source`, a folder or a Hub name.

        `replica` counts the servers from 0, `variables` are environment variables of this one.
        """
        plan = make_plan(
            environment,
            self.model,
            source,
            flags.to_arguments(self.flags),
            omitted=[name for name, value in self.flags.items() if value is None],
            revision=self.revision,
            port=None if self.port is None else self.port + replica,
            log=log,
            max_restarts=self.restarts,
            start_timeout_seconds=60.0 * self.start_minutes,
        )
        # Servers on different GPUs differ by their variables: a run with other replicas shares those on the same GPUs.
        return replace(plan, environment={**plan.environment, **variables}, replica=0 if variables else replica)

    def _acquire(
        self, environment: VllmEnvironment, runtime: ModelRuntime, replica: int, variables: Mapping[str, str]
    ) -> lease.ServerLease:
        source = model_source(self.model, runtime)
        root = lease.servers_folder(runtime.cache_folder)
        logs = runtime.log_folder if runtime.log_folder is not None else root
        log = (logs / log_file_name(self.model, replica)).absolute()
        plan = self.plan(environment, source, log, replica=replica, variables=variables)
        return lease.acquire(root, plan, keep_running=self.keep_running)

    def _connect(self, runtime: ModelRuntime, keys: Mapping[str, str]) -> Model:
        return self.make_client(tuple(keys), server="vllm", log=runtime.log, server_keys=keys)

    def _answer_flags(self) -> dict[str, object]:
        """Return the flags that change answers."""
        return {
            f"--{flags.normalize_name(name)}": value
            for name, value in self.flags.items()
            if flags.normalize_name(name).removeprefix("no-") in flags.AFFECTS_ANSWERS
        }


def model_source(model: str, runtime: ModelRuntime) -> Path | str:
    """Return what vLLM loads for a model's name: a folder or a Hub name. Downloads the bundled model at first use.

    Raises ModelError where a folder contains no model.
    """
    if model == BUNDLED_MODEL:
        return bundled_model_folder(runtime.cache_folder, runtime.log)
    folder = local_folder(model, runtime.recipe_folder)
    if folder is None:
        return model
    if not (folder / "config.json").is_file():
        raise ModelError(f"the folder {folder} contains no model: config.json is missing")
    return folder.resolve()


def log_file_name(model: str, replica: int = 0) -> str:
    """Return the file name of the log of a model's server; the servers after the first have their number in it."""
    safe = "".join(char if char.isalnum() or char in "-_." else "-" for char in model)
    return f"vllm-{safe.strip('-.')}{f'.replica-{replica + 1}' if replica else ''}.log"
