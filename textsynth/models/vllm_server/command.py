"""The command line that starts a server of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.flags import environment_variables, merge_flags
from textsynth.models.vllm_server.state import ServerPlan

SERVER_MODULE = "vllm.entrypoints.openai.api_server"
HOST = "127.0.0.1"
MAX_RESTARTS = 3
START_TIMEOUT_SECONDS = 1800.0


def make_plan(
    environment: VllmEnvironment,
    name: str,
    source: Path | str,
    arguments: Sequence[str] = (),
    *,
    log: Path,
    omitted: Sequence[str] = (),
    revision: str | None = None,
    port: int | None = None,
    max_restarts: int = MAX_RESTARTS,
    start_timeout_seconds: float = START_TIMEOUT_SECONDS,
) -> ServerPlan:
    """Return the plan of a server that serves `source`, a folder or a Hub name, under `name`.

    `arguments` are command-line flags of vLLM that override the default flags; `omitted` are names of default flags to
    leave out.
    """
    command = [str(environment.python), "-m", SERVER_MODULE, "--model", str(source), "--served-model-name", name]
    if revision is not None:
        command += ["--revision", revision]
    command += ["--host", HOST, *merge_flags(environment, source, arguments, omitted)]
    return ServerPlan(
        name=name,
        version=environment.version,
        command=tuple(command),
        environment=environment_variables(environment),
        port=port,
        log=str(log),
        max_restarts=max_restarts,
        start_timeout_seconds=start_timeout_seconds,
    )


def plan_flags(plan: ServerPlan) -> list[str]:
    """Return the flags of a plan, each with its values, without those for the model and the address."""
    lines: list[str] = []
    for argument in plan.command[plan.command.index(HOST) + 1 :]:
        if argument.startswith("-") or not lines:
            lines.append(argument)
        else:
            lines[-1] += f" {argument}"
    return lines
