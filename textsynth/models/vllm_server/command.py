"""The command that starts a server, from what one wants served and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.flags import environment_variables, merge_flags
from textsynth.models.vllm_server.state import ServerPlan

SERVER_MODULE = "vllm.entrypoints.openai.api_server"
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
    """Return how `source`, a folder or a Hub name, is served under `name`; `words` are flags that go over ours."""
    command = [str(environment.python), "-m", SERVER_MODULE, "--model", str(source), "--served-model-name", name]
    if revision is not None:
        command += ["--revision", revision]
    command += ["--host", "127.0.0.1", *merge_flags(environment, source, arguments, omitted)]
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
    """Return the flags of a plan, one a line as a person reads them: what stands after the address."""
    words = plan.command[plan.command.index("127.0.0.1") + 1 :]
    lines: list[str] = []
    for word in words:
        if word.startswith("-") or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines
