"""The command that starts a server, from what one wants served and how."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textsynth.models.vllm_server.environment import VllmEnvironment
from textsynth.models.vllm_server.flags import merge_flags, variables
from textsynth.models.vllm_server.state import ServerPlan

MODULE = "vllm.entrypoints.openai.api_server"
RESTARTS = 3
START_SECONDS = 1800.0


def make_plan(
    environment: VllmEnvironment,
    name: str,
    source: Path | str,
    words: Sequence[str] = (),
    *,
    log: Path,
    left_out: Sequence[str] = (),
    revision: str | None = None,
    port: int | None = None,
    restarts: int = RESTARTS,
    start_seconds: float = START_SECONDS,
) -> ServerPlan:
    """Return how `source`, a folder or a Hub name, is served under `name`; `words` are flags that go over ours."""
    command = [str(environment.python), "-m", MODULE, "--model", str(source), "--served-model-name", name]
    if revision is not None:
        command += ["--revision", revision]
    command += ["--host", "127.0.0.1", *merge_flags(environment, source, words, left_out)]
    return ServerPlan(
        name=name,
        version=environment.version,
        command=tuple(command),
        variables=variables(environment),
        port=port,
        log=str(log),
        restarts=restarts,
        start_seconds=start_seconds,
    )


def flags_in(plan: ServerPlan) -> list[str]:
    """Return the flags of a plan, one a line as a person reads them: what stands after the address."""
    words = plan.command[plan.command.index("127.0.0.1") + 1 :]
    lines: list[str] = []
    for word in words:
        if word.startswith("-") or not lines:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines
