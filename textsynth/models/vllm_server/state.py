"""What is known of a server while it lives: the plan it was started by, and the state its keeper writes.

Both are files in the server's folder, which only its owner can read. The state is replaced in one move, so that a
reader finds the old one or the new one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from textsynth.store.atomic import write_json

# `gone` is what a reader finds where the keeper was killed: nothing is written then.
Stage = Literal["starting", "ready", "restarting", "failed", "stopped", "gone"]


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How a server is started. `command` lacks the port, which the keeper adds; `variables` go over the inherited ones.

    `name` is the model as requests name it. `restarts` is how often a server that died is started again before it is
    given up, `start_seconds` how long one start may take.
    """

    name: str
    version: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    port: int | None
    log: str
    restarts: int
    start_seconds: float


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server at one moment.

    `said` is how far the start is, or why the server failed; `readied` counts how often it became ready. `key` stays
    out of the repr.
    """

    stage: Stage
    name: str = ""
    version: str = ""
    supervisor: int = 0
    group: int = 0
    port: int = 0
    log: str = ""
    message: str = ""
    ready_count: int = 0
    deaths: int = 0

    @property
    def url(self) -> str:
        """The base URL of the OpenAI interface."""
        return f"http://127.0.0.1:{self.port}/v1"


def write(path: Path, told: ServerPlan | ServerState) -> None:
    """Write a plan or a state, readable by its owner only, in one move."""
    write_json(path, asdict(told), mode=0o600)


def read_state(path: Path) -> ServerState | None:
    """Return the state in a file, or None where there is none that can be read."""
    told = _read(path)
    known = {field.name for field in dataclasses.fields(ServerState)}
    return None if told is None else ServerState(**{name: value for name, value in told.items() if name in known})


def read_plan(path: Path) -> ServerPlan:
    """Return the plan in a file that `write` wrote. Raises OSError or ValueError where there is none."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return ServerPlan(**{**told, "command": tuple(told["command"])})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) and "stage" in told else None
