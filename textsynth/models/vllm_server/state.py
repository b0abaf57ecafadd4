"""The files in a server's folder: the plan it is started from, the state that its supervisor writes, and the locks.

All files are readable only by their owner. The state file is replaced atomically, so that a reader finds the old state
or the new one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from textsynth.store import atomic

PLAN_FILE = "plan.json"
STATE_FILE = "state.json"
API_KEY_FILE = "key"
KEEP_RUNNING_FILE = "keep_running"
"""Exists for a server that is not stopped when it is unused."""
USERS_LOCK = "users.lock"
"""Held, shared, by every process that uses the server."""
SUPERVISOR_LOCK = "supervisor.lock"
"""Held by the supervisor as long as it runs."""
START_STOP_LOCK = "start_stop.lock"
"""Held while a process acquires the server and while it stops, so that no process acquires a stopping server."""

Stage = Literal["starting", "ready", "restarting", "failed", "stopped", "lost"]
"""The stage of a server. `lost` is never written: readers report it for a supervisor that was killed."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How to start a server.

    `name` is the model's name in requests. `command` lacks the port, which the supervisor adds; `environment` are
    variables that override the inherited ones. `max_restarts` is the number of restarts after consecutive crashes,
    `start_timeout_seconds` the time limit of one start. `replica` numbers servers that do not differ otherwise.
    """

    name: str
    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int | None
    log: str
    max_restarts: int
    start_timeout_seconds: float
    replica: int = 0


@dataclass(frozen=True, slots=True)
class ServerState:
    """The state of a server at one moment.

    `version` is that of vLLM. `message` is the stage of the start, or why the server failed. `ready_count` counts how
    often the server became ready, `crash_count` how often it crashed.
    """

    stage: Stage
    name: str = ""
    version: str = ""
    supervisor_pid: int = 0
    process_group: int = 0
    port: int = 0
    log: str = ""
    message: str = ""
    ready_count: int = 0
    crash_count: int = 0

    @property
    def url(self) -> str:
        """The base URL of the OpenAI-compatible interface."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def is_running(self) -> bool:
        """Whether the supervisor runs the server, be it ready or not."""
        return self.stage in ("starting", "ready", "restarting")


def write_json(path: Path, content: ServerPlan | ServerState) -> None:
    """Write a plan or a state atomically, readable only by its owner."""
    atomic.write_json(path, asdict(content), mode=atomic.OWNER_ONLY_FILE)


def read_plan(path: Path) -> ServerPlan:
    """Return the plan in a file of `write_json`. Raises OSError or ValueError where there is none."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    return ServerPlan(**{**fields, "command": tuple(fields["command"])})


def read_state(path: Path) -> ServerState | None:
    """Return the state in a file, or None where the file is missing or not a state; ignores unknown fields."""
    fields = _read_fields(path)
    names = {field.name for field in dataclasses.fields(ServerState)}
    return None if fields is None else ServerState(**{name: value for name, value in fields.items() if name in names})


def _read_fields(path: Path) -> dict[str, Any] | None:
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return fields if isinstance(fields, dict) and "stage" in fields else None
